"""``account.api`` of a gateway: requests, events, questions to agents, and typed calls."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import attrs

from ....errors import RequestFailed
from ....messages import Attachment
from ..access.login import Login
from ..calls import Calls
from ..chat.chats import Chats
from ..chat.files import ChatFile
from ..chat.run import Run
from ..config import OpenClaw
from ..events import Events, EventStream
from ..hello import Hello
from ..standing import Standing
from ..subscriptions import SESSIONS, Subscriptions, messages_of
from .approvals import Approvals
from .asking import Caller
from .cache import MessageCache
from .compaction import Compaction
from .devices import Devices
from .info import GatewayInfo
from .sessions import Sessions
from .skills import Skills
from .typed import TypedCalls
from .unsupported import Unsupported

SESSIONS_CHANGED = "sessions.changed"


@attrs.define(eq=False, repr=False, kw_only=True)
class OpenClawApi(TypedCalls):
    """What can be done with a gateway. It stands above connections: one that is lost is followed by another."""

    _config: OpenClaw
    _calls: Calls
    _events: Events
    _subscriptions: Subscriptions
    _chats: Chats
    _unsupported: Unsupported
    _login: Login
    _standing: Standing

    @property
    def hello(self) -> Hello | None:
        """What the gateway said of itself and of us; ``None`` while there is no connection."""
        return self._calls.hello

    def info(self) -> GatewayInfo:
        """The gateway and the connection to it, at this moment. Nothing is asked for."""
        hello, login, standing = self.hello, self._login, self._standing
        known = Hello(protocol=0, session_key="") if hello is None else hello
        return GatewayInfo(
            url=login.gateway,
            connected=hello is not None,
            server_version=known.server_version,
            protocol=known.protocol,
            connection_id=known.connection_id,
            auth_method=known.auth_method,
            scopes=tuple(sorted(known.scopes or ())),
            missing_scopes=tuple(known.lacking(self._config.scopes)),
            session_key=self._config.session_key or known.session_key,
            device_id="" if login.identity is None else login.identity.device_id,
            pairing=login.pairing,
            attempts=standing.attempts,
            last_error=standing.last_error,
            connected_at=standing.connected_at,
            last_message_at=standing.heard_at,
            tick_interval=None if hello is None else hello.tick_interval,
            pending_calls=0 if self._calls.line is None else self._calls.line.waiting,
            runs=self._chats.runs,
            event_streams=self._events.streams,
            cache=self.cache_info(),
        )

    # Requests

    async def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        when_ready: bool = False,
        idempotent: bool = False,
        answer_within: float | None = None,
    ) -> Any:
        """Ask the gateway, and return the payload of its answer. Any number may be under way, on one connection.

        Without a connection it fails at once; ``when_ready`` waits for one, for as long as the caller lets it.
        ``idempotent``: if the connection is lost meanwhile, ask again over the next one. ``answer_within``: seconds
        from the call to the answer, by default the account's ``request_timeout``; the wait for a connection does not
        count. Giving up, in whatever way, does not stop what the gateway is doing.

        Raises:
          RequestFailed: the gateway says no; ``code``, ``details`` and ``payload`` are its own.
          RateLimited: it says not now.
          NotSent: nothing was sent: there is no connection, or it was lost before.
          OutcomeUnknown: it was sent, and no answer came.
          AccountRefused: ``when_ready``, and the gateway does not let us in as we are configured.
          AccountStopped: the account was stopped.
          TypeError, ValueError: the parameters are nothing that JSON can say.
        """
        return await self._calls.request(
            method, params, when_ready=when_ready, idempotent=idempotent, answer_within=answer_within
        )

    async def request_or(
        self, default: Any, method: str, params: Mapping[str, Any] | None = None, *, when_ready: bool = False
    ) -> Any:
        """The same for what an older gateway may not have: then ``default``. Other failures are raised, also those of
        a missing scope, which prove nothing about the method."""
        line = await self._calls.wait_line() if when_ready else self._calls.line
        version = "" if line is None else line.hello.server_version
        if line is not None and self._unsupported.knows(version, method):
            return default
        try:
            return await self.request(method, params, when_ready=when_ready)
        except RequestFailed as error:
            if self._unsupported.learn(version, error):
                return default
            raise

    def supports(self, method: str) -> bool:
        """Whether the gateway names the method among those that it has. Some that it does not name work, too."""
        hello = self.hello
        if hello is None or self._unsupported.knows(hello.server_version, method):
            return False
        return method in hello.methods

    # Events

    @asynccontextmanager
    async def events(self, *names: str, sessions: Iterable[str] = ()) -> AsyncGenerator[EventStream]:
        """``async with api.events("chat") as events: async for event in events``: those of these names, or all.

        ``event.missed`` says how many found no room before it. ``gap`` is an event of ours: others may have been lost,
        with a connection or between two numbers. Of ``sessions`` the messages are told, too (``session.message``).

        Raises:
          RequestFailed: the gateway does not tell us that.
          AccountStopped: by the stream, when the account stops.
        """
        wishes = [messages_of(key) for key in sessions]
        if SESSIONS_CHANGED in names:
            wishes.append(SESSIONS)
        async with self._events.open(*names) as stream, self._subscriptions.wanted(wishes):
            yield stream

    # Questions

    def chat(
        self,
        session_key: str | None,
        text: str,
        *,
        attachments: Collection[ChatFile | Attachment] = (),
        key: str | None = None,
        asked_before: bool = False,
        asked_since: float = 0.0,
        abort: bool = True,
    ) -> AbstractAsyncContextManager[Run]:
        """Ask an agent: ``async with api.chat(session, text) as run: async for delta in run``, then ``run.text``.

        ``session_key``: ``None`` for the account's session. The same ``key`` (by default a new one) is the same
        question, however often it is asked, on whatever connection and by whatever process: choose it from what the
        question came from. Gateways forget keys when they stop, so whoever asks again says so (``asked_before``): the
        history is looked at first. Older gateways keep a question's words without its key: ``asked_since``, in seconds
        since the epoch, tells it from the same words of earlier. A connection that is lost is waited for. Leaving the
        block before the end stops the run; with ``abort=False`` it goes on, and the same key finds it again.

        Raises:
          ValueError: there is nothing to ask, or a :class:`ChatFile` is larger than allowed.
          RequestFailed: the file of an :class:`~trio_bridge.Attachment` can't be read, or is larger than allowed.
        """
        return self._chats.open(
            session_key,
            text,
            attachments=attachments,
            key=key,
            asked_before=asked_before,
            asked_since=asked_since,
            abort=abort,
        )


def api_for(
    config: OpenClaw,
    calls: Calls,
    events: Events,
    subscriptions: Subscriptions,
    chats: Chats,
    login: Login,
    standing: Standing,
    cache: MessageCache,
    wall: Callable[[], float],
) -> OpenClawApi:
    """The calls of one account."""
    unsupported = Unsupported()
    caller = Caller(calls.request, lambda: calls.hello, lambda: calls.last_hello, unsupported)
    return OpenClawApi(
        sessions=Sessions(caller, subscriptions, cache),
        compaction=Compaction(caller),
        skills=Skills(caller),
        approvals=Approvals(caller, events, wall),
        devices=Devices(caller, login.device_id, login.keep_rotated),
        caller=caller,
        cache=cache,
        session_key=config.session_key,
        config=config,
        calls=calls,
        events=events,
        subscriptions=subscriptions,
        chats=chats,
        unsupported=unsupported,
        login=login,
        standing=standing,
    )
