"""One answer to each ticket, whatever happens to the gateway or to this program."""

import trio_bridge as tb


async def answer(account: tb.Account, number: int, text: str, again: bool) -> str:
    """``again``: this program may have asked before, and was killed."""
    async with account.api.chat(
        f"ticket:{number}",
        text,
        key=f"ticket-{number}",
        asked_before=again,
        abort=False,
    ) as run:
        return await run.finish()
