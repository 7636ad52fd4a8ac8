"""What the simulators of all chat platforms have in common, as a stage sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, Protocol, TypeVar

from ...engine.environment import Environment


class Letter(Protocol):
    """What was pushed."""

    @property
    def wants_answer(self) -> bool: ...


class Pushed(Protocol):
    """Something that was pushed."""

    @property
    def number(self) -> int: ...

    @property
    def at(self) -> float: ...

    @property
    def letter(self) -> Letter: ...


AnyPushed = TypeVar("AnyPushed", bound=Pushed)
AnyPushed_co = TypeVar("AnyPushed_co", bound=Pushed, covariant=True)


class Replied(Protocol):
    """An answer."""

    @property
    def text(self) -> str: ...


class Delivered(Protocol):
    """A message was put on a connection."""

    @property
    def message_id(self) -> str: ...

    @property
    def at(self) -> float: ...


class Acked(Protocol):
    """An acknowledgement."""

    @property
    def message_id(self) -> str: ...

    @property
    def at(self) -> float: ...

    @property
    def code(self) -> int: ...

    @property
    def verdict(self) -> str: ...

    @property
    def rightly(self) -> bool: ...


class Record(Protocol[AnyPushed_co]):
    """What became of a message."""

    @property
    def deliveries(self) -> Sequence[Delivered]: ...

    @property
    def acks(self) -> Sequence[Acked]: ...

    @property
    def pushed(self) -> AnyPushed_co: ...

    @property
    def replies(self) -> Sequence[Replied]: ...

    @property
    def settled(self) -> bool: ...


class Fault(Protocol):
    """A rule that a client broke."""

    @property
    def kind(self) -> str: ...

    @property
    def detail(self) -> str: ...


class Summary(Protocol):
    """Counts of messages."""

    __attrs_attrs__: ClassVar[Any]

    @property
    def undelivered(self) -> int: ...

    @property
    def unacked(self) -> int: ...

    @property
    def unanswered(self) -> int: ...

    @property
    def unmatched_replies(self) -> int: ...


class Book(Protocol[AnyPushed]):
    """The ledger of a simulator."""

    @property
    def faults(self) -> Sequence[Fault]: ...

    def record(self, pushed: AnyPushed) -> Record[AnyPushed]: ...

    def records(self) -> Iterator[Record[AnyPushed]]: ...

    def summary(self) -> Summary: ...


class Peer(Protocol):
    """A connection of a client."""

    @property
    def id(self) -> str: ...

    @property
    def closed_by_client(self) -> int | None: ...

    @property
    def live(self) -> bool: ...


AnyPeer = TypeVar("AnyPeer", bound=Peer)
AnyPeer_co = TypeVar("AnyPeer_co", bound=Peer, covariant=True)


class Simulator(Protocol[AnyPushed, AnyPeer_co]):
    """What the simulators of all chat platforms can do."""

    url: str

    @property
    def ledger(self) -> Book[AnyPushed]: ...

    @property
    def connections(self) -> Sequence[AnyPeer_co]: ...

    @property
    def opened(self) -> Sequence[AnyPeer_co]: ...

    @property
    def environment(self) -> Environment: ...

    def duplicate(self, pushed: AnyPushed) -> bool: ...

    def away(self) -> AbstractAsyncContextManager[None]: ...

    async def wait_acked(self, pushed: AnyPushed) -> None: ...

    async def wait_until(self, holds: Callable[[], bool]) -> None: ...
