"""Four ways to answer."""

from collections.abc import AsyncIterator

import trio

import trio_bridge as tb


async def returning(message: tb.Message) -> str | None:
    """One answer, committed as the message is done. ``None`` is no answer."""
    return f"you said {message.text}" if message.text else None


async def replying(message: tb.Message) -> None:
    """As many as you like, each durable when ``reply`` returns, and sent in order."""
    await message.reply("let me see…")
    await trio.sleep(1)  # whatever it takes
    await message.reply(tb.Reply("## Found\n\nit was on the shelf", title="Found"))


async def generating(message: tb.Message) -> AsyncIterator[str]:
    """The pieces of one answer, as a model gives them."""
    for word in message.text.split():
        yield word.upper() + " "


async def streaming(message: tb.Message) -> None:
    """The same with a block: for when there is something to do before or after it."""
    async with message.stream() as out:
        for word in message.text.split():
            await out.write(word.upper() + " ")
    await message.reply(f"that were {len(out.text)} characters")
