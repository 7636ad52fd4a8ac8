"""One message to where it is to go: below the message that it answers, in its thread, or simply to the conversation."""

from __future__ import annotations

import uuid
from typing import Any

import attrs

from ..config import Feishu
from ..rest.codes import GONE, MESSAGES, NO_THREAD, REPLIES, Outcome
from ..rest.rest import Rest
from .contents import Content
from .targets import Target


def uuid_of(app_id: str, key: str) -> str:
    """What Feishu knows one message by: within an hour it sends no second one of it."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{app_id}\0{key}"))


@attrs.define(eq=False)
class Messenger:
    """Sends the messages of one account, each once: whoever called decides about another time."""

    _config: Feishu
    _rest: Rest

    async def send(self, target: Target, content: Content, key: str, *, quote: bool = True) -> Outcome:
        """What came of sending a message. One of the same ``key`` is seen once, whatever becomes of the answer.

        ``quote`` is whether it may quote what it answers. What can't be answered any more, since it was recalled, is
        answered by a message that quotes nothing. Raises what :meth:`.rest.rest.Rest.call` does.
        """
        body = {"msg_type": content.type, "content": content.json, "uuid": uuid_of(self._config.app_id, key)}
        if target.message and (target.thread or self._threads(target) or (quote and self._quotes(target))):
            outcome = await self._reply(target, body)
            if outcome.code not in GONE or not target.id:
                return outcome
        return await self._rest.call(
            "POST",
            MESSAGES,
            {"receive_id": target.id, **body},
            params={"receive_id_type": target.id_type},
            chat=target.id,
        )

    async def _reply(self, target: Target, body: dict[str, Any]) -> Outcome:
        in_thread = bool(target.thread) or self._threads(target)
        for threaded in (True, False) if in_thread else (False,):
            outcome = await self._rest.call(
                "POST",
                REPLIES,
                {**body, "reply_in_thread": True} if threaded else body,
                ids=[target.message],
                chat=target.id,
            )
            if outcome.code not in NO_THREAD:
                break
        return outcome

    def _threads(self, target: Target) -> bool:
        return self._config.reply_in_thread and target.group

    def _quotes(self, target: Target) -> bool:
        return self._config.quote == "always" or (self._config.quote == "groups" and target.group)
