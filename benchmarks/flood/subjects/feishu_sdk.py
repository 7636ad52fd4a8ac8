"""The official Python SDK for Feishu, unmodified, with a handler that does nothing."""

from __future__ import annotations

from importlib.metadata import version

import lark_oapi

from benchmarks.flood.subjects.progress import Progress, Task

task = Task.given()
progress = Progress(task)


def do_nothing(message: lark_oapi.im.v1.P2ImMessageReceiveV1) -> None:
    """Count the message."""
    if progress.add():
        progress.finish(version=version("lark-oapi"))


if __name__ == "__main__":
    handler = lark_oapi.EventDispatcherHandler.builder("", "").register_p2_im_message_receive_v1(do_nothing).build()
    identity = "cli_f100df100df100d0", "flood"
    lark_oapi.ws.Client(*identity, event_handler=handler, domain=f"http://{task.host}").start()
