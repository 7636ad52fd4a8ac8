"""What the engine asks of a platform. A platform is open for as long as its account runs."""

from __future__ import annotations

import abc
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

import attrs

from ..config import AccountConfig, Overlap
from ..messages import Message, MessageContext, Reply
from ..transport.websocket import Websocket
from ..wire.protocol import Delivery, PlatformProtocol
from .environment import Environment
from .findings import Finding
from .hosts import Hosts
from .store import AccountStore


@attrs.frozen
class Connection:
    """A connection that is ready: login, upgrade and the platform's own handshake are done."""

    link: Websocket
    protocol: PlatformProtocol


@attrs.frozen(kw_only=True)
class Outgoing:
    """One piece of a reply, to be sent now.

    ``key`` is stable over retries; ``target`` is what :meth:`Platform.target` made of the place to answer to.
    """

    key: str
    target: str = attrs.field(repr=False)
    reply: Reply = attrs.field(repr=False)
    attempt: int = 1


class Platform(abc.ABC):
    """One account's side of a platform: how to connect, what a delivery means, how to send."""

    overlap: ClassVar[Overlap] = "forbidden"
    """Whether two connections may live at once."""
    redelivers_unacked: ClassVar[bool] = False
    """Whether the platform certainly sends again what was not acknowledged."""
    sends_are_keyed: ClassVar[bool] = False
    """Whether the platform drops a second send with the same key: then an unknown outcome is simply sent again."""

    api: Any = None
    """The typed client of the platform, handed out as ``account.api``."""

    @abc.abstractmethod
    def connect(self) -> AbstractAsyncContextManager[Connection]:
        """Open one connection; leaving the block closes it within the close grace.

        Raises:
          ConnectionLost: try again. ``retry_after`` is a floor.
          AccountRefused: don't.
          RateLimited: later.
          ConfigError: a secret can't be read.
        """

    @abc.abstractmethod
    def message(self, delivery: Delivery, context: MessageContext) -> Message | None:
        """What a stored delivery says; ``None`` where it is not for the handler. Pure; raises nothing for bad data."""

    async def admits(self, message: Message) -> bool:
        """Whether the handler is to see the message: the gate."""
        return True

    @abc.abstractmethod
    def target(self, message: Message) -> str:
        """Where an answer to the message goes, in a form that the store can keep."""

    @abc.abstractmethod
    def target_for(self, conversation_id: str) -> str:
        """The same for a conversation that the application names.

        Raises:
          RequestFailed: the platform has no such form of address.
        """

    def parts(self, reply: Reply) -> list[Reply]:
        """Cut a reply into what the platform takes at a time: the same pieces for the same reply, every time."""
        return [reply]

    @abc.abstractmethod
    async def send(self, outgoing: Outgoing) -> str | None:
        """Send one piece, once: the outbox owns the retries. Returns the platform's id of it, if there is one.

        Raises:
          RequestFailed: the platform said no, for good.
          RateLimited, NotSent, AccountRefused, ConnectionLost: it was not taken; try again later.
          OutcomeUnknown: it was written and nobody knows.
        """

    async def check(self, hosts: Hosts) -> list[Finding]:
        """Try whether the platform would take the account, without taking its messages; each error is a finding.

        Harmless, also beside a bridge that runs the account: no connection is opened on which messages could arrive,
        nothing is left open, nothing is stored.
        """
        return [Finding("credentials", "skipped", "there is no way to try them on this platform")]


class ListeningPlatform(Platform):
    """A platform whose peers connect to us. The generation is the listener's; each peer has its own connection."""

    @abc.abstractmethod
    def listen(self) -> AbstractAsyncContextManager[Any]:
        """Open the listener: a receive channel of context managers, each of which gives one peer's Connection."""

    def connect(self) -> AbstractAsyncContextManager[Connection]:
        raise AssertionError("a listening platform does not connect")  # pragma: no cover


@attrs.frozen(kw_only=True)
class Services:
    """What the engine lends a platform while its account runs."""

    environment: Environment
    store: AccountStore
    """For the platform's own small state: tokens, identities."""


@attrs.frozen(kw_only=True)
class PlatformConfig(AccountConfig, abc.ABC):
    """A configuration that knows how to open its platform."""

    @abc.abstractmethod
    def open_platform(self, services: Services) -> AbstractAsyncContextManager[Platform]:
        """Open what lives as long as the account: HTTP client, token cache, listener settings. No connection yet."""

    def exclusive_key(self) -> str | None:
        """What only one process of this machine may hold at a time, e.g. a client id. ``None``: nothing."""
        return None
