"""A Feishu bot that lives in a web application, at /feishu."""

import os

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import trio_bridge as tb
from trio_bridge import feishu


async def answer(message: tb.Message) -> str:
    return f"you said {message.text}"


async def home(request: Request) -> PlainTextResponse:
    return PlainTextResponse("nothing to see")


async def main(bind: str = "127.0.0.1:8000") -> None:
    hr = tb.Feishu(
        name="hr",
        app_id=os.environ["FEISHU_APP_ID"],
        app_secret=tb.Secret(env="FEISHU_SECRET"),
        mode="webhook",
        listen="",  # no port of its own
        encrypt_key=tb.Secret(env="FEISHU_ENCRYPT_KEY"),
        verification_token=tb.Secret(env="FEISHU_TOKEN"),
    )
    config = Config()
    config.bind = [bind]
    async with tb.open_bridge([hr], answer, store="sqlite:bridge.db") as bridge:
        await bridge.account("hr").wait_ready()
        webhook = feishu.webhook(bridge.account("hr"))
        routes = [Route("/", home), Route("/feishu", webhook)]
        await serve(Starlette(routes=routes), config)


if __name__ == "__main__":
    trio.run(main)
