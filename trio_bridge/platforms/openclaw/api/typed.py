"""Calls that answer with values of their own. Whatever a gateway can do besides is a plain request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from ..reading import Fields
from ..sessions import main_session, whole_key
from .approvals import Approvals
from .asking import Caller, given
from .cache import CacheInfo, MessageCache
from .compaction import Compaction
from .devices import Devices
from .history import Aborted, History, Recovered
from .inventory import GatewayAgent, GatewayIdentity, Model
from .messages import ChatMessage
from .sessions import Sessions
from .skills import Skills

USUAL: Final = 200
"""Messages of a history, where nobody says how many; at most 1000."""


@attrs.define(eq=False, repr=False)
class TypedCalls:
    """What can be done with a gateway beside requests, events and questions.

    A session that is ``None`` is the account's ``session_key``, or else the gateway's main session.
    """

    sessions: Sessions
    """Sessions: which there are, and what can be done to them."""
    compaction: Compaction
    """What sessions were before they were made shorter."""
    skills: Skills
    """Skills of agents."""
    approvals: Approvals
    """What agents may only do if somebody approves."""
    devices: Devices
    """Who may log in."""
    _caller: Caller
    _cache: MessageCache
    _session_key: str | None

    # What is said

    async def history(self, session_key: str | None = None, *, limit: int = USUAL) -> History:
        """The last messages of a session, and what is being said in it at this moment."""
        key = self._named(session_key)
        history = await self._caller.ask("chat.history", {"sessionKey": key, "limit": limit}, History.of)
        self._cache.add(self._whole(key), history.messages, session_id=history.session_id)
        return history

    async def recover(self, session_key: str | None = None, *, limit: int = USUAL) -> Recovered:
        """What was said in a session since it was last heard of: what its history has and the cache had not.

        For after a gap: a lost connection, or events that were missed.
        """
        key = self._named(session_key)
        known = {message.id for message in self._cache.messages(self._whole(key))}
        history = await self._caller.ask("chat.history", {"sessionKey": key, "limit": limit}, History.of)
        new = self._cache.add(self._whole(key), history.messages, session_id=history.session_id)
        everything = len(history.messages) < limit and not history.has_more
        return Recovered(
            session_key=self._whole(key),
            messages=tuple(new),
            complete=everything or (bool(history.messages) and history.messages[0].id in known),
            running=history.running,
        )

    async def abort(self, session_key: str | None = None, run_id: str | None = None) -> Aborted:
        """A run has been stopped, or all runs of a session. What was said so far stays."""
        wanted = given(session_key=self._named(session_key), run_id=run_id)
        return await self._caller.tell("chat.abort", wanted, Aborted.of)

    async def inject(self, session_key: str | None, message: str, *, label: str | None = None) -> str:
        """A session has a message that nobody said, as if its agent had. Returns its id.

        ``label`` is shown before it. It needs the scope ``operator.admin``.
        """
        wanted = given(session_key=self._named(session_key), message=message, label=label)
        return await self._caller.tell("chat.inject", wanted, lambda payload: Fields.of(payload).text("messageId"))

    # What is remembered of it

    def cached(self, session_key: str | None = None) -> tuple[ChatMessage, ...]:
        """What is remembered of a session, the oldest first. Nothing is asked for.

        It is what histories had; the answers to chats, whoever asked; and, while :meth:`Sessions.subscribe` has it so,
        every message.
        """
        return self._cache.messages(self._whole(self._named(session_key)))

    def cache_info(self) -> CacheInfo:
        """How much is remembered."""
        return self._cache.info()

    def clear_cache(self, session_key: str | None = None) -> None:
        """Nothing is remembered any more: of one session, or of all."""
        self._cache.clear(None if session_key is None else self._whole(session_key))

    # The gateway itself

    async def agents(self) -> tuple[GatewayAgent, ...]:
        """The gateway's agents."""
        return await self._caller.ask("agents.list", {}, GatewayAgent.list_of)

    async def models(self) -> tuple[Model, ...]:
        """The models that its agents may use."""
        return await self._caller.ask("models.list", {}, Model.list_of)

    async def identity(self) -> GatewayIdentity:
        """Which gateway it is, whatever its URL."""
        return await self._caller.ask("gateway.identity.get", {}, GatewayIdentity.of)

    async def health(self, *, probe: bool = False) -> Mapping[str, Any]:
        """How the gateway is, in its own words; ``probe`` has it look anew, which takes it some seconds.

        It names machines, folders and addresses: nothing for a log.
        """
        return await self._own_words("health", given(probe=probe or None))

    async def status(self) -> Mapping[str, Any]:
        """What the gateway is doing, in its own words. Nothing for a log."""
        return await self._own_words("status", {})

    async def _own_words(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        # A gateway that is not well says so by the member that means a failure everywhere else.
        payload = await self._caller.request(method, params, idempotent=True)
        return Fields.of(payload).raw

    def _named(self, key: str | None) -> str:
        return key or self._session_key or main_session(self._caller.last_hello())

    def _whole(self, key: str) -> str:
        return whole_key(key, self._caller.last_hello())
