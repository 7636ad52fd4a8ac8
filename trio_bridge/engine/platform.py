"""What the engine asks of a platform. A platform is open for as long as its account runs."""

from __future__ import annotations

import abc
import math
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar

import attrs

from ..config import AccountConfig, Overlap
from ..errors import BridgeError, PeerClosed, RequestFailed
from ..messages import Attachment, Message, MessageContext, PathLike, Reply
from ..transport.websocket import Websocket
from ..wire.protocol import Delivery, Frame, PlatformProtocol
from .environment import Environment
from .findings import Finding
from .hosts import Hosts
from .networks import network_of
from .policy import NO_WISHES, ReturnWishes
from .store import AccountStore


class Requests(abc.ABC):
    """What others than the peer want written on a connection: the calls of an application, not acknowledgements.

    The writer takes them when it writes, so that until then nothing has left this machine.
    """

    @abc.abstractmethod
    async def wait(self) -> None:
        """Return when there is something to take."""

    @abc.abstractmethod
    def take(self) -> list[Frame]:
        """What is to be written now, and counts as written from now on; a part of it, where it is much."""


class Door(abc.ABC):
    """Where a platform hands in what it was called with. Calls may come at the same time.

    It belongs to the account and not to a generation: it is open for as long as the account runs.
    """

    @abc.abstractmethod
    async def take(self, delivery: Delivery) -> bool:
        """Whether the delivery is stored, be it from an earlier call. One that is not must be handed in again.

        Whoever waits here with a time limit of his own may find it stored all the same.
        """

    @abc.abstractmethod
    async def answer(self, delivery: Delivery) -> Any:
        """What the handler answers to a delivery that is not stored; ``None`` is the empty one, also at its deadline.

        Raises:
          NotAnswered: the handler failed.
        """

    @abc.abstractmethod
    def unwanted(self) -> None:
        """Count a delivery that is for nobody."""


def as_it_is(close: PeerClosed) -> BridgeError:
    """A close means what it says."""
    return close


@attrs.frozen
class Connection:
    """A connection that is ready: login, upgrade and the platform's own handshake are done."""

    link: Websocket
    protocol: PlatformProtocol
    early: Sequence[Frame] = attrs.field(default=(), kw_only=True, repr=False)
    """What arrived right behind the handshake, or in the middle of it: it is read first."""
    requests: Requests | None = attrs.field(default=None, kw_only=True)
    """What is written on behalf of an application."""
    id: str = attrs.field(default="", kw_only=True)
    """What the peer calls it, where that may be shown."""
    answered: bool = attrs.field(default=False, kw_only=True)
    """Whether a ping of the platform's own kind was answered on it already."""
    meaning: Callable[[PeerClosed], BridgeError] = attrs.field(default=as_it_is, kw_only=True)
    """What it means on this platform that the peer closed: the error that decides what follows."""
    watch: Callable[[], Awaitable[None]] | None = attrs.field(default=None, kw_only=True)
    """A task of the platform's own, for as long as the connection lives. What it raises ends the connection."""


@attrs.frozen(kw_only=True)
class Outgoing:
    """One piece of a reply, to be sent now.

    ``key`` is stable over retries; ``target`` is what :meth:`Platform.target` made of the place to answer to.
    """

    key: str
    target: str = attrs.field(repr=False)
    reply: Reply = attrs.field(repr=False)
    failed: bool = False
    """The reply was written by a handler that failed: it ends with a mark, and is not whole."""


@attrs.frozen(kw_only=True)
class Notices:
    """What people are told around a handler; nothing, where it is empty. Each once for a message, under its own key."""

    begun: str = ""
    """When the handler is given the message."""
    empty: str = ""
    """When it has ended without saying anything."""
    failed: str = ""
    """When the message is given up."""


class Platform(abc.ABC):
    """One account's side of a platform: how to connect, what a delivery means, how to send."""

    overlap: ClassVar[Overlap] = "forbidden"
    """Whether two connections may live at once."""
    redelivers_unacked: ClassVar[bool] = False
    """Whether the platform certainly sends again what was not acknowledged."""
    sends_are_keyed: ClassVar[bool] = False
    """Whether the platform drops a second send with the same key: then an unknown outcome is simply sent again."""

    notices: Notices = Notices()
    """What is said around a handler."""
    shares_memory: bool = False
    """Whether all conversations of the account have one small state in common."""
    api: Any = None
    """The typed client of the platform, handed out as ``account.api``."""

    @property
    def wishes(self) -> ReturnWishes:
        """What the server asked of us about coming back."""
        return NO_WISHES

    @property
    def step(self) -> str:
        """Where the attempt under way is, or where the last one was when it ended; empty: there is nothing to tell."""
        return ""

    def open_door(self, door: Door) -> AbstractAsyncContextManager[None] | None:
        """Have what comes by calls to us handed in at ``door`` while the block runs. ``None``: nothing comes that way.

        Raises:
          AccountRefused: it can't be opened as configured, for its address is taken.
        """
        return None

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

    def arrived(self, delivery: Delivery, ahead: int) -> None:  # noqa: B027 - most platforms say nothing
        """A delivery was stored that is not the next one of its lane: ``ahead`` wait before it, or are in hand.

        A plain call in the middle of a round: it waits for nobody, and raises nothing.
        """

    async def excuse(self, message: Message) -> None:  # noqa: B027 - most platforms say nothing
        """A message was dropped, for too many waited in its lane: a reply may say so.

        It is not called for every such message, and the handler sees none of them.
        """

    def callback(self, delivery: Delivery) -> Callable[[], Awaitable[Any]] | None:
        """What is to be called for a delivery that is no message; its result is the answer, where one is awaited.

        ``None``: it is a message, or nothing that anybody waits for.
        """
        return None

    async def admits(self, message: Message) -> bool:
        """Whether the handler is to see the message: the gate. What is refused may be answered here."""
        return True

    def attending(self, message: Message) -> AbstractAsyncContextManager[None] | None:
        """What surrounds one run of the handler: a sign that the message was seen, and its end. ``None``: nothing."""
        return None

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

    def show(self, key: str, target: str, text: Callable[[], str]) -> AbstractAsyncContextManager[Callable[[], None]]:
        """Show a reply while it is written, until the block ends.

        What the block is given is called whenever ``text()`` has grown; it waits for nobody. The block ends by an
        exception if the handler failed or was cut off: it may run again, and go on under the same key. After every
        other end comes :meth:`finish` with the whole text, if need be in a later life of the account.
        """
        return nullcontext(nobody_watches)

    async def finish(self, outgoing: Outgoing) -> Reply | None:
        """Bring a reply to its end that was shown while it was written. Raises what :meth:`send` does.

        Returns what is left to be sent part by part, the same each time: the reply itself, where nothing was shown.
        """
        return outgoing.reply

    def awaits(self, key: str) -> bool:
        """Whether people were told that a reply will come. Then it does, be it an empty one."""
        return False

    def given_up(self, messages: Collection[str]) -> None:  # noqa: B027 - most platforms promise nothing
        """No handler will answer these messages: they are among the dead letters. Called at each start."""

    def holds(self, key: str) -> float:
        """Seconds for which nothing is seen twice if this reply is sent again: as long as its key is remembered."""
        return math.inf

    async def is_repeatable(self, key: str) -> bool:
        """Whether nothing is seen twice if a reply is sent again that may have been sent."""
        return self.sends_are_keyed

    async def settled(self, key: str) -> None:  # noqa: B027 - most platforms keep nothing
        """A reply is through, one way or the other: forget what was kept for its sake."""

    async def download(self, attachment: Attachment, to: PathLike | None) -> Path:
        """Fetch a received file, into ``to`` or into the bridge's folder.

        Raises:
          RequestFailed: there is no such file, or it may not be fetched.
          RateLimited, NotSent, ConnectionLost, AccountRefused: not now.
          StoreUnavailable: the disk won't have it.
        """
        raise RequestFailed("this platform has no files to fetch", code="no_source")

    async def check(self, hosts: Hosts) -> list[Finding]:
        """Try whether the platform would take the account, without taking its messages; each error is a finding.

        Harmless, also beside a bridge that runs the account: no connection is opened on which messages could arrive,
        nothing is left open, nothing is stored.
        """
        return [Finding("credentials", "skipped", "there is no way to try them on this platform")]


def nobody_watches() -> None:
    """The text has grown."""


class ListeningPlatform(Platform):
    """A platform whose peers connect to us. The generation is the listener's; each peer has its own connection."""

    @abc.abstractmethod
    def listen(self) -> AbstractAsyncContextManager[Any]:
        """Open the listener: a receive channel of context managers, each of which gives one peer's Connection."""

    def connect(self) -> AbstractAsyncContextManager[Connection]:
        raise AssertionError("a listening platform does not connect")  # pragma: no cover


class CalledPlatform(Platform):
    """A platform that only calls us: there is no connection, and the account is ready while its door is open."""

    def connect(self) -> AbstractAsyncContextManager[Connection]:
        raise AssertionError("a platform that calls us is not connected to")  # pragma: no cover


@attrs.frozen(kw_only=True)
class Services:
    """What the engine lends a platform while its account runs."""

    environment: Environment
    store: AccountStore
    """For the platform's own small state: tokens, identities."""

    @classmethod
    def of(cls, config: AccountConfig, environment: Environment, store: AccountStore) -> Services:
        """What one account gets: the world as it sees it."""
        network = network_of(config, environment.network)
        return cls(environment=attrs.evolve(environment, network=network), store=store)


@attrs.frozen(kw_only=True)
class PlatformConfig(AccountConfig, abc.ABC):
    """A configuration that knows how to open its platform."""

    known_by: ClassVar[Sequence[str]] = ()
    """Scopes of the small state that say who the account is to its platform: who tries it out is given a copy."""

    @property
    def mode(self) -> str:
        """How messages come, in the platform's word for it."""
        return "websocket"

    @property
    def connects(self) -> bool:
        """Whether the account has a connection of its own."""
        return True

    @abc.abstractmethod
    def open_platform(self, services: Services) -> AbstractAsyncContextManager[Platform]:
        """Open what lives as long as the account: HTTP client, token cache, listener settings. No connection yet."""

    def shared_store_keys(self) -> Iterable[str]:
        """Keys that are of no use unless an operator can get at the store from outside."""
        return ()

    def exclusive_key(self) -> str | None:
        """What only one process of this machine may hold at a time, e.g. a client id. ``None``: nothing."""
        return None
