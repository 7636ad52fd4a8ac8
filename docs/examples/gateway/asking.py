"""The agents of an OpenClaw Gateway, asked from a program."""

import trio

import trio_bridge as tb


async def ask(account: tb.Account, session: str, text: str) -> str:
    async with account.api.chat(session, text) as run:
        async for delta in run:
            print(delta, end="", flush=True)
    print()
    return run.text


async def main() -> None:
    config = tb.OpenClaw(
        name="gateway",
        url="ws://127.0.0.1:18789",
        token=tb.Secret(env="OPENCLAW_TOKEN"),
    )
    async with tb.open_account(config, store="sqlite:gateway.db") as account:
        await account.wait_ready()
        print("connected to", account.api.hello.server_version)
        await ask(account, "main", "What is new?")


if __name__ == "__main__":
    trio.run(main)
