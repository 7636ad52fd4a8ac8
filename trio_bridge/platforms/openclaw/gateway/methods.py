"""What a method of the gateway is and what it may use: the seam between who may call and what is done.

1. A method is called only for a peer that has said hello and has the method's scope.
2. What it returns is the payload of its answer; a :class:`Refusal` that it raises is the error. Whoever can't answer
   yet returns a :class:`Later` and settles it when the time has come.
3. Events that are told while a method runs are written before its answer. What must come behind the answer is done
   with ``house.after(0, act)``.
4. There is no I/O and no clock: ``house.now`` is the time of what is being done, ``house.after`` does things later.

Methods belong to a :class:`Room`. ``rooms.Rooms(house)`` holds those that talk, remember and ask for approval: ``all``
is the sequence of them, ``door`` what answers HTTP requests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import attrs

Personality = Literal[3, 4]
"""The version of the protocol that a gateway speaks: each release speaks one."""

READ = "operator.read"
WRITE = "operator.write"
ADMIN = "operator.admin"
APPROVALS = "operator.approvals"
PAIRING = "operator.pairing"
NODE = "role:node"
"""What a method asks for that no operator may call."""

INVALID_REQUEST = "INVALID_REQUEST"
"""The code of every refusal that is the client's own doing."""

IMPLIED = {READ: (READ, WRITE, ADMIN)}
"""Scopes that include another. Administrators may do everything."""


class Refusal(Exception):
    """The method is answered with ``ok: false``. A ``payload`` goes beside the error, or alone if ``code`` is empty."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        payload: Any = None,
        retryable: bool | None = None,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
        self.payload = payload
        self.retryable = retryable
        self.retry_after_ms = retry_after_ms


Settled = Callable[["Later"], None]


class Later:
    """An answer that comes later. Settled once; whatever is said after that is not heard."""

    def __init__(self) -> None:
        self.payload: Any = None
        self.settled = False
        self._heard: Settled | None = None

    def answer(self, payload: Any) -> None:
        """The method has done it."""
        if self.settled:
            return
        self.settled, self.payload = True, payload
        if self._heard is not None:
            self._heard(self)

    def when_settled(self, heard: Settled) -> None:
        """For the gateway: call this once it is settled, at once if it is already."""
        self._heard = heard
        if self.settled:
            heard(self)


@attrs.define(eq=False, kw_only=True)
class Peer:
    """A client that has said hello, for as long as its connection lives."""

    id: str
    """The id of its connection."""
    role: str = "operator"
    scopes: tuple[str, ...] = ()
    caps: frozenset[str] = frozenset()
    client: Mapping[str, Any] = attrs.Factory(dict)
    device_id: str | None = None
    subscriptions: set[str] = attrs.Factory(set)
    """What methods have noted about this connection: it ends with it."""

    def may(self, scope: str | None) -> bool:
        """Whether it may do what asks for this scope; ``None`` asks for none."""
        if scope is None:
            return True
        if scope == NODE or self.role != "operator":
            return scope == NODE and self.role == "node"
        return ADMIN in self.scopes or any(each in self.scopes for each in IMPLIED.get(scope, (scope,)))


Method = Callable[[Peer, Mapping[str, Any]], Any]
"""Takes who calls and the parameters; returns a payload or a :class:`Later`, or raises a :class:`Refusal`."""


@attrs.frozen
class Entry:
    """A method under a name."""

    run: Method
    scope: str | None = None
    listed: bool = True
    """Whether hello names it: some can be called though they are not named."""


Catalogue = Mapping[str, Entry]


class Timer(Protocol):
    """Something that is to be done later."""

    def cancel(self) -> None:
        """Don't do it. Idempotent, also when it is done."""


@attrs.frozen
class Admission:
    """What came of a secret that somebody showed."""

    ok: bool
    refuse_after: float = 0.0
    """Seconds after which a refusal is to be said: they get longer with every failure."""
    retry_after: float | None = None
    """Seconds for which nobody from there is let in, whatever they show."""


class House(Protocol):
    """What methods may use of the gateway."""

    @property
    def protocol(self) -> Personality:
        """Which of the two it is."""

    @property
    def now(self) -> float:
        """Seconds on the caller's clock, at what is being done."""

    def now_ms(self) -> int:
        """The wall time, in milliseconds."""

    def new_id(self) -> str:
        """A UUID."""

    def peers(self) -> Sequence[Peer]:
        """Who has said hello and is still there, in that order."""

    def broadcast(
        self,
        event: str,
        payload: Any,
        *,
        scope: str | None = READ,
        to: Callable[[Peer], bool] | None = None,
        numbered: bool = True,
    ) -> None:
        """Tell everybody who has the scope, and whom ``to`` lets pass. ``numbered``: with the connection's ``seq``."""

    def after(self, seconds: float, act: Callable[[], None]) -> Timer:
        """Do it then; with 0 as soon as what is being done now is over."""

    def admit(self, secret: str | None, address: str) -> Admission:
        """Whether this is the gateway's token or password. A failure counts against the address."""


class Room(Protocol):
    """A part of the gateway: it answers methods and remembers what they did."""

    def methods(self) -> Catalogue:
        """What it answers, for the personality of its house. Asked once."""

    def events(self) -> Sequence[str]:
        """The events it may tell of, as hello names them."""

    def busy(self) -> bool:
        """Whether something runs that a gateway waits for before it stops (4), or aborts (3)."""

    def stop(self, *, killed: bool) -> None:
        """The gateway stops; ``killed``: without a chance to end anything."""

    def start(self) -> None:
        """The gateway is there again, with what it keeps on its disk."""


@attrs.frozen(kw_only=True)
class HttpCall:
    """An HTTP request that has arrived whole."""

    method: str
    path: str
    headers: Mapping[str, str]
    """With lower-case names."""
    body: bytes
    address: str


@attrs.define(eq=False)
class HttpAnswer:
    """The answer to a request: it may begin late and come in pieces."""

    stir: Callable[[], None]
    """Called whenever there is something new to write."""
    status: int | None = None
    headers: list[tuple[str, str]] = attrs.Factory(list)
    pieces: list[bytes] = attrs.Factory(list)
    ended: bool = False
    broken: bool = False
    """Whether the connection ends in the middle of it."""
    when_left: Callable[[], None] | None = None
    """Called if the client leaves before the end."""

    def begin(self, status: int, headers: Sequence[tuple[str, str]] = ()) -> None:
        """The status line and the headers; pieces follow."""
        self.status, self.headers = status, list(headers)
        self.stir()

    def write(self, piece: bytes) -> None:
        """A piece of the body."""
        self.pieces.append(piece)
        self.stir()

    def end(self) -> None:
        """The body is whole."""
        self.ended = True
        self.stir()

    def break_off(self) -> None:
        """The connection ends, whatever was said on it."""
        self.broken = True
        self.stir()
