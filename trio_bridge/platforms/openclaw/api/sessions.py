"""Sessions: which there are, and what can be done to them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import attrs

from ....errors import RequestFailed
from ..hello import Hello
from ..reading import Fields
from ..sessions import MAIN, main_session, whole_key
from ..subscriptions import SESSIONS, Subscriptions, messages_of
from .asking import Caller, camel, given
from .cache import MessageCache
from .session_results import Branch, Compacted, Deleted, Preview, Session, SessionList

MAIN_SESSION: Final = "main_session"
"""The code of a call that would have taken the main session. It is ours: the gateway was not asked."""


@attrs.define(eq=False, repr=False)
class Sessions:
    """Sessions of a gateway: ``account.api.sessions``. A key may be short: ``main`` is ``agent:main:main``.

    Each method raises:
      RequestFailed: the gateway says no: there is no such session, or a scope is missing, which is then named.
      NotSent: there is no connection.
      ConnectionLost: there was no answer to a question, or none that can be read.
      OutcomeUnknown: what changes something may have been carried out.
      RateLimited: the gateway wants to be asked later.
    """

    _caller: Caller
    _subscriptions: Subscriptions
    _cache: MessageCache

    # Questions

    async def list(self, *, limit: int | None = None, **filters: Any) -> SessionList:
        """The sessions, newest first. ``filters`` are the gateway's, by names like ours: ``active_minutes=60``."""
        return await self._caller.ask("sessions.list", given(limit=limit, **filters), SessionList.of)

    async def describe(self, key: str) -> Session | None:
        """A session; ``None`` where there is none of this name."""
        return await self._caller.ask("sessions.describe", {"key": key}, Session.described)

    async def resolve(self, key: str | None = None, *, session_id: str | None = None, label: str | None = None) -> str:
        """The whole key of the session of this name, id or label. There must be one."""
        wanted = given(key=key, session_id=session_id, label=label)
        return await self._caller.ask("sessions.resolve", wanted, _key)

    async def preview(self, keys: str | Iterable[str], *, limit: int | None = None) -> tuple[Preview, ...]:
        """The last few messages of each session, in short."""
        named = [keys] if isinstance(keys, str) else [*keys]
        return await self._caller.ask("sessions.preview", given(keys=named, limit=limit), Preview.list_of)

    async def branches(self, key: str) -> tuple[Branch, ...]:
        """The ways that a session went. Only gateways that speak protocol 4 have them: ``supports()`` tells."""
        self._caller.insist("sessions.branches.list")
        return await self._caller.ask("sessions.branches.list", {"sessionKey": key}, Branch.list_of)

    # Changes

    async def create(
        self, key: str | None = None, *, label: str | None = None, agent_id: str | None = None, model: str | None = None
    ) -> Session:
        """A session of this name: a new one, or the one that is there. Without a name the gateway thinks of one."""
        wanted = given(key=key, label=label, agent_id=agent_id, model=model)
        return await self._caller.tell("sessions.create", wanted, Session.of)

    async def patch(self, key: str, **changes: Any) -> Session:
        """A session with some of its settings changed: ``label="Sales"``, ``model=…``, ``thinking_level=…``.

        ``None`` takes a setting away. It needs the scope ``operator.admin`` where protocol 3 is spoken.
        """
        wanted = {"key": key, **camel(changes)}
        return await self._caller.tell("sessions.patch", wanted, Session.of)

    async def reset(self, key: str, *, even_main: bool = False) -> Session:
        """A session begins anew: its agent has forgotten what was said. It needs the scope ``operator.admin``.

        The main session is what people see in the gateway's own window, so it must be meant: ``even_main=True``.
        """
        self._protect(key, even_main, "sessions.reset")
        session = await self._caller.tell("sessions.reset", {"key": key}, Session.of)
        self._forget(key)
        return session

    async def delete(self, key: str, *, even_main: bool = False) -> Deleted:
        """A session is gone; what was said in it is kept on the gateway's machine. It needs ``operator.admin``.

        Gateways refuse to delete the main session. One that would not must be told ``even_main=True``.
        """
        self._protect(key, even_main, "sessions.delete")
        deleted = await self._caller.tell("sessions.delete", {"key": key}, Deleted.of)
        self._forget(key)
        return deleted

    async def compact(self, key: str) -> Compacted:
        """A session is shorter: a summary stands for what was said. It needs the scope ``operator.admin``.

        Raises :exc:`~trio_bridge.RequestFailed` with the gateway's reason too, where it tried and it did not work out.
        """
        return await self._caller.tell("sessions.compact", {"key": key}, Compacted.of)

    async def switch_branch(self, key: str, branch: Branch | str) -> None:
        """A session goes on from the end of another branch. It needs the scope ``operator.admin``."""
        self._caller.insist("sessions.branches.switch")
        leaf_id = branch.leaf_id if isinstance(branch, Branch) else branch
        wanted = {"sessionKey": key, "leafEntryId": leaf_id}
        await self._caller.tell("sessions.branches.switch", wanted, Fields.of)
        self._forget(key)

    # Events

    def subscribe(self, *keys: str) -> AbstractAsyncContextManager[None]:
        """While the block runs, these sessions' messages are among the events: ``session.message``.

        Without a key it is changes in the list of sessions: ``sessions.changed``. It holds for later connections, too.
        """
        wishes = [messages_of(whole_key(key, self._caller.last_hello())) for key in keys] or [SESSIONS]
        return self._subscriptions.wanted(wishes)

    def _protect(self, key: str, even_main: bool, method: str) -> None:
        if not even_main and is_main(key, self._caller.last_hello()):
            raise RequestFailed(
                f"{method}: {key} is a main session; to mean it, say even_main=True", code=MAIN_SESSION, method=method
            )

    def _forget(self, key: str) -> None:
        self._cache.clear(whole_key(key, self._caller.last_hello()))


def is_main(key: str, hello: Hello | None) -> bool:
    """Whether a key names an agent's main session: what people see who open the gateway's own window."""
    name, main = (_name(whole_key(each, hello)) for each in (key, main_session(hello)))
    return name in (MAIN, main)


def _name(whole_key: str) -> str:
    """A session's name among those of its agent."""
    return whole_key.partition(":")[2].partition(":")[2]


def _key(payload: Any) -> str:
    return Fields.of(payload).need("key")
