"""Requests and their answers. What waits for an answer ends with its connection, one way or the other.

1. An id is used once on a connection, and an answer whose id nobody waits for is passed over: it came late.
2. A request counts as sent from the moment in which the writer takes it. Lost before, it was not sent, and may be sent
   again; lost after, nobody knows what became of it.
3. Only what is idempotent is sent again by itself.
4. Who asks is one task. Who gives up before the writer took the request takes it back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import attrs
import trio

from ...engine.bell import Bell
from ...engine.platform import Requests
from ...errors import AccountStopped, BridgeError, NotSent, OutcomeUnknown, RequestFailed
from ...wire.protocol import Frame
from .failures import request_failure
from .frames import Response, request_frame, request_text
from .hello import Hello

AT_ONCE: Final = 256 * 1024
"""Characters that the writer is given at a time, unless a single request is longer."""
MOST_ASKED: Final = 200
"""Requests that the gateway is asked at the same time. Newer ones refuse what is more than some 270; it waits here."""
MOST_WAITING: Final = 10_000
"""Requests without an answer, on one connection."""
MOST_UNSENT: Final = 64 * 2**20
"""Characters that wait for the writer. The gateway takes 25 MiB at a time."""


@attrs.define(eq=False)
class _Call:
    """One request on one connection."""

    id: str
    frame: str
    taken: bool = False
    response: Response | None = None
    lost: BridgeError | None = None
    over: trio.Event = attrs.field(factory=trio.Event)


class Line(Requests):
    """The requests on one connection, for as long as it lives."""

    def __init__(self, hello: Hello, clock_ahead: float = 0.0) -> None:
        self.hello = hello
        self.clock_ahead = clock_ahead
        """Seconds by which the gateway's wall clock is ahead of ours."""
        self._calls: dict[str, _Call] = {}
        """Everything without an answer, by id."""
        self._unsent: deque[_Call] = deque()
        self._unsent_size = 0
        self._number = 0
        self._asked = 0
        """How many of them are written."""
        self._bell = Bell()
        self._lost: BridgeError | None = None

    @property
    def waiting(self) -> int:
        """Requests without an answer."""
        return len(self._calls)

    async def request(self, method: str, text: str, answer_within: float) -> Response:
        """Have a request written, and wait for its answer.

        Raises:
          NotSent: the connection was lost, or the time was over, before it was written; or too much waits already.
          OutcomeUnknown: the same, after.
          RequestFailed: it is larger than the gateway takes.
        """
        call = self._enter(method, text)
        try:
            with trio.move_on_after(answer_within):
                await call.over.wait()
        finally:
            self._leave(call)
        if call.response is not None:
            return call.response
        reason = f"no answer within {answer_within:g} s" if call.lost is None else str(call.lost)
        if call.taken:
            raise OutcomeUnknown(f"{method}: {reason}") from call.lost
        raise NotSent(f"{method}: {reason}") from call.lost

    def settle(self, response: Response) -> bool:
        """An answer came. False if nobody waits for it."""
        call = self._calls.get(response.id)
        if call is None or not call.taken:
            return False
        self._leave(call)
        call.response = response
        call.over.set()
        return True

    def lose(self, cause: BridgeError) -> None:
        """The connection is gone: everything that waits is told. Idempotent."""
        self._lost = self._lost or cause
        calls, self._calls = self._calls, {}
        self._unsent.clear()
        for call in calls.values():
            call.lost = cause
            call.over.set()

    async def wait(self) -> None:
        while not self._unsent or self._asked >= MOST_ASKED:
            await self._bell.wait()

    def take(self) -> list[Frame]:
        taken: list[Frame] = []
        size = 0
        while self._unsent and self._asked < MOST_ASKED:
            if taken and size + len(self._unsent[0].frame) > AT_ONCE:
                break
            call = self._unsent.popleft()
            call.taken = True
            self._asked += 1
            size += len(call.frame)
            taken.append(call.frame)
            call.frame = ""
        self._unsent_size -= size
        return taken

    def _enter(self, method: str, text: str) -> _Call:
        if self._lost is not None:
            raise NotSent(f"{method}: {self._lost}") from self._lost
        limit = self.hello.max_payload
        # Only what comes near the limit has its bytes counted: a character has four at most.
        if len(text) * 4 + 64 > limit and (size := len(text.encode()) + 64) > limit:
            raise RequestFailed(
                f"{method}: a request of {size} bytes is larger than the {limit} that the gateway takes",
                code="too_large",
                method=method,
            )
        if len(self._calls) >= MOST_WAITING or self._unsent_size + len(text) > MOST_UNSENT:
            raise NotSent(f"{method}: too many requests wait for this gateway")
        self._number += 1
        id_ = str(self._number)
        call = self._calls[id_] = _Call(id_, request_frame(id_, text))
        self._unsent.append(call)
        self._unsent_size += len(call.frame)
        self._bell.ring()
        return call

    def _leave(self, call: _Call) -> None:
        """Nobody waits for its answer any more, or it is there. What was not written is taken back."""
        if self._calls.pop(call.id, None) is None:
            return
        if call.taken:
            self._asked -= 1
            self._bell.ring()
        else:
            self._unsent.remove(call)
            self._unsent_size -= len(call.frame)


class Calls:
    """The requests of an account: whatever connection it has, or waits for."""

    def __init__(self, answer_within: float) -> None:
        self._answer_within = answer_within
        self._line: Line | None = None
        self.last_hello: Hello | None = None
        """What the gateway said of itself when it last let us in."""
        self._refusal: BridgeError | None = None
        self._stopped = False
        self._news = trio.lowlevel.ParkingLot()

    @property
    def line(self) -> Line | None:
        """The connection, while there is one."""
        return self._line

    @property
    def hello(self) -> Hello | None:
        """What the gateway said of itself and of us; ``None`` while there is no connection."""
        return None if self._line is None else self._line.hello

    async def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        when_ready: bool = False,
        idempotent: bool = False,
        answer_within: float | None = None,
    ) -> Any:
        """The payload of the gateway's answer: what :meth:`OpenClawApi.request` promises, and what that raises."""
        text = request_text(method, params)
        limit = self._answer_within if answer_within is None else answer_within
        while True:
            line = await self.wait_line() if when_ready else self._line_now(method)
            try:
                response = await line.request(method, text, limit)
            except NotSent:
                if not when_ready or self._line is line:
                    raise
            except OutcomeUnknown:
                if not idempotent or self._line is line:
                    raise
                when_ready = True
            else:
                if not response.ok:
                    raise request_failure(method, response.error, response.payload)
                return response.payload

    async def wait_line(self) -> Line:
        """The connection, as soon as there is one.

        Raises:
          AccountRefused: the gateway does not let us in as we are configured.
          AccountStopped: the account was stopped.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while self._line is None:
            self._check_running()
            if self._refusal is not None:
                raise self._refusal.with_traceback(None)
            await self._news.park()
        return self._line

    async def wait_other(self, line: Line | None) -> None:
        """Return when the connection is not ``line`` any more, or the account was stopped."""
        while self._line is line and not self._stopped:
            await self._news.park()

    def connected(self, line: Line) -> None:
        """There is a connection: requests go there from now on. What an older one has in hand it may still end."""
        self._line, self.last_hello, self._refusal = line, line.hello, None
        self._news.unpark_all()

    def lost(self, line: Line, cause: BridgeError) -> None:
        """A connection is gone."""
        line.lose(cause)
        if self._line is line:
            self._line = None
            self._news.unpark_all()

    def refused(self, refusal: BridgeError | None) -> None:
        """The gateway does not let us in, and waiting alone will not mend that; ``None``: it may."""
        self._refusal = refusal
        self._news.unpark_all()

    def stop(self) -> None:
        """The account stops."""
        self._stopped = True
        if self._line is not None:
            self.lost(self._line, AccountStopped("the account was stopped"))
        self._news.unpark_all()

    def _line_now(self, method: str) -> Line:
        self._check_running()
        if self._line is None:
            raise NotSent(f"{method}: there is no connection to the gateway")
        return self._line

    def _check_running(self) -> None:
        if self._stopped:
            raise AccountStopped("the account was stopped")
