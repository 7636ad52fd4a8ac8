"""A bot that asks a language model, on a server of one's own."""

import trio

import trio_bridge as tb


async def main() -> None:
    account = tb.DingTalk(
        name="sales",
        client_id="dingsales",
        client_secret=tb.Secret(env="SALES_SECRET"),
    )
    model = tb.agents.OpenAI(
        url="http://127.0.0.1:11434/v1",
        model="qwen3:8b",
        system="You answer in a bookshop. Be brief.",
    )
    async with tb.open_bridge([account], model, store="sqlite:bridge.db"):
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main)
