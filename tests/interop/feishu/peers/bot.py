"""A bot on the official Python SDK, with a long connection: ``bot.py URL APP_ID APP_SECRET HANDLERS``."""

from __future__ import annotations

import sys

import lark_oapi as lark
from handlers import dispatcher, leave_with_standard_input


def main(url: str, app_id: str, app_secret: str, handlers: str) -> None:
    leave_with_standard_input()
    client = lark.ws.Client(
        app_id, app_secret, event_handler=dispatcher(handlers), domain=url, log_level=lark.LogLevel.INFO
    )
    client.start()


if __name__ == "__main__":
    main(*sys.argv[1:])
