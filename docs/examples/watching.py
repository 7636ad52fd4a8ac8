"""Accounts at run time: some come and go, one is refused, the others don't notice."""

import trio

import trio_bridge as tb


async def watch(account: tb.Account) -> None:
    async with account.states() as states:
        async for state in states:
            print(account.name, state, *account.alarms)


async def add(bridge: tb.Bridge, config: tb.DingTalk) -> None:
    account = await bridge.add(config)
    try:
        with trio.fail_after(60):
            await account.wait_ready()
    except tb.AccountRefused as refusal:
        print(f"{account.name}: {refusal.kind}: {refusal}")
    except trio.TooSlowError:
        print(f"{account.name}: not yet, and it goes on trying")


async def pause(bridge: tb.Bridge, name: str) -> None:
    await bridge.stop(name, grace=20)
    await trio.sleep(3600)
    await bridge.start(name)
