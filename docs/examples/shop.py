"""The handler that bridge.toml names."""

import trio_bridge as tb


async def answer(message: tb.Message) -> str:
    return f"you said {message.text}"
