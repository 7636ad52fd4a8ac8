"""What is said in a session, without a gap."""

from contextlib import suppress

import trio_bridge as tb
from trio_bridge.openclaw import ChatMessage


def show(message: ChatMessage) -> None:
    print(f"{message.role}: {message.text.strip()}")


async def follow(account: tb.Account, session: str) -> None:
    api = account.api
    async with api.events("session.message", "gap", sessions=[session]) as events:
        async for event in events:
            if event.name == "gap" or event.missed:
                # Lost again meanwhile? Then another gap follows.
                with suppress(tb.NotSent, tb.ConnectionLost):
                    for message in (await api.recover(session)).messages:
                        show(message)
            if event.payload.get("sessionKey") == session:
                show(ChatMessage.of(event.payload["message"]))
