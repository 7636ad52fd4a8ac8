"""What is done with the events that events.toml has delivered."""

import trio_bridge as tb


async def note(message: tb.Message) -> None:
    print(message.raw["event"], message.conversation.id, message.text)
