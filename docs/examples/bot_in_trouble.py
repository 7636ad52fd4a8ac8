"""The same bot. The message comes twice, and the connection breaks in mid-thought."""

import trio

import trio_bridge as tb
from trio_bridge.testing import DingTalkSimulator


async def answer(message: tb.Message) -> str:
    print("thinking about", message.text)
    await trio.sleep(0.2)
    return f"you said {message.text}"


async def main() -> None:
    async with DingTalkSimulator() as dingtalk:
        async with tb.open_account(dingtalk.config(), answer) as account:
            await account.wait_ready()
            pushed = await dingtalk.say("hello")
            await dingtalk.wait_acked(pushed)
            dingtalk.duplicate(pushed)
            dingtalk.drop_connections()
            await dingtalk.wait_replied(pushed)
            await account.wait_ready()
            print("answered:", [sent.text for sent in dingtalk.sent])
            print("connections:", account.generation)


if __name__ == "__main__":
    trio.run(main)
