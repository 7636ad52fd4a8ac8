"""A bot, and a DingTalk of your own machine that asks it something."""

import trio

import trio_bridge as tb
from trio_bridge.testing import DingTalkSimulator


async def answer(message: tb.Message) -> str:
    return f"{message.sender.name}, you said {message.text}"


async def main() -> None:
    async with DingTalkSimulator() as dingtalk:
        async with tb.open_account(dingtalk.config(), answer):
            print(await dingtalk.ask("hello", sender="ada"))


if __name__ == "__main__":
    trio.run(main)
