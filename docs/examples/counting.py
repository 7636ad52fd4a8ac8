"""Replies, state and the completion of a message in one commit."""

import trio_bridge as tb


async def count(message: tb.Message) -> None:
    async with message.transaction() as tx:
        tx.state["messages"] = tx.state.get("messages", 0) + 1
        await message.reply(f"that was message {tx.state['messages']}")
