"""The bot on the real DingTalk. App key and secret come from the environment."""

import os

import trio

import trio_bridge as tb
from trio_bridge.runner.logs import set_up_logging


async def answer(message: tb.Message) -> str:
    return f"you said {message.text}"


async def main() -> None:
    sales = tb.DingTalk(
        name="sales",
        client_id=os.environ["DINGTALK_CLIENT_ID"],
        client_secret=tb.Secret(env="DINGTALK_SECRET"),
    )
    async with tb.open_bridge([sales], answer, store="sqlite:bridge.db") as bridge:
        await bridge.account("sales").wait_ready()
        print("ready: write to the robot")
        await trio.sleep_forever()


if __name__ == "__main__":
    set_up_logging()
    trio.run(main)
