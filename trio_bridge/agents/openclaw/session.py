"""A conversation's session at a gateway: it begins with a message, and ends when the conversation is made to forget."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final

import attrs

from ...messages import Message, ReplyStream
from .names import known_name, session_key, session_name

SESSION: Final = "openclaw_session"
"""Under which its name lies in the small state of the conversation."""


@attrs.frozen
class Session:
    """The session that a message belongs to."""

    name: str
    begins: bool
    """Nothing was answered in it so far."""

    def key(self, agent_id: str) -> str:
        """How the gateway knows it, as one of an agent's."""
        return session_key(agent_id, self.name)


Opening = Callable[[], AbstractAsyncContextManager[ReplyStream]]
"""Opens the reply. Called when there is something to say: an agent that says nothing leaves nothing to be seen."""


async def in_session(
    message: Message, answer: Callable[[Opening, Message, Session], Awaitable[None]], *, keep: bool
) -> None:
    """Have ``answer`` write the reply, unless it was written; with ``keep`` the session is remembered with it."""
    known = known_name((await message.load_state()).get(SESSION))
    session = Session(known or session_name(message), begins=known is None)
    if message.again:
        async with message.stream() as out:
            # What an earlier run of this handler had said to its end is what people saw.
            if out.committed is None:
                await answer(lambda: nullcontext(out), message, session)
    else:
        await answer(message.stream, message, session)
    if keep and session.begins:
        async with message.transaction() as tx:
            # Conversations that share their memory may have begun one meanwhile: the first stands.
            if known_name(tx.state.get(SESSION)) is None:
                tx.state[SESSION] = session.name
