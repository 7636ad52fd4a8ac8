"""Sees a question through to its end, over as many connections as that takes.

1. The key stays the same, so that asking again is never asking twice: a gateway that knows the key says how far it is.
2. After every gap the history is read first, for a gateway remembers keys only until it stops. What was answered
   meanwhile is the answer.
3. A gateway that died in the middle takes the question up by itself, under a name that nobody was told, and is
   confused by whoever asks it again; or it has forgotten the question, and must be asked again. What the history and
   the version say decides. After a gap every run of the session counts.
4. What can't be found out within the time that a run may be silent is lost, and is said to be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
import trio

from ....errors import AccountRefused, AccountStopped, BridgeError, NotSent, OutcomeUnknown, RateLimited, RequestFailed
from ....nurseries import open_background
from ....wire.jsontext import word
from ..calls import Calls, Line
from ..events import GAP
from ..frames import Event
from .rows import Told, told_of
from .run import Run
from .tracker import METHOD, Tracker

HISTORY: Final = 50
"""Rows that are looked at. Our question is among the last ones."""
POLL: Final = 5.0
"""Seconds between two looks into the history while nobody says who answers."""
TAKEN_UP: Final = 20.0
"""Seconds within which a gateway that was restarted takes up by itself what it was at."""
NO_TEXT: Final = 25.0
"""Seconds within which the answer comes whose run ended without one: so long has another one taken to say it."""
LATE_ROWS: Final = 5
"""Times that a history is read, a second apart, which should hold an answer: it is written a little later."""
AGAIN: Final = 1.0
SOON: Final = 0.25
LATE: Final = 60.0
"""A gateway that is busy is asked again after so many seconds at least and at most, whatever it wishes: it would be
asked all the time, or somebody would wait for a day."""
FORGETS: Final = 3
"""Gateways of this protocol may never take up what they had."""


class Lost(OutcomeUnknown):
    """Nobody knows what became of a run."""


@attrs.define(eq=False)
class Pursuit:
    """One question, from its first sending to its end."""

    run: Run
    tracker: Tracker
    question: Mapping[str, Any] = attrs.field(repr=False)
    """The parameters of ``chat.send``."""
    calls: Calls
    patience: float
    """Seconds without a sign of life."""
    wall: Callable[[], float]
    asked_before: bool = False
    """Somebody may have asked it before, with this key."""
    asked_since: float = 0.0
    """But not before this time, by our wall clock."""
    _asked: bool = attrs.field(default=False, init=False)
    """The gateway said that it has the question."""
    _asked_at: float = attrs.field(default=0.0, init=False)
    """When it was first asked, by the gateway's clock."""
    _asked_when: float = attrs.field(default=0.0, init=False)
    """When it was last asked, by ours."""
    _signs: int = attrs.field(default=0, init=False)
    """How many signs of life there were then."""
    _heard: float = attrs.field(default=0.0, init=False)
    """When there was the last sign of life."""
    _noticed: int = attrs.field(default=0, init=False)
    """How many signs of life there were then."""
    _looks: int = attrs.field(default=0, init=False)
    """How often the history was looked at for what somebody answered."""
    _line: Line | None = attrs.field(default=None, init=False)
    _gap: bool = attrs.field(default=False, init=False)

    async def see_through(self) -> None:
        """Return when the question has come to its end, one way or another."""
        try:
            while not self.tracker.over:
                line = await self.calls.wait_line()
                self._gap = self.asked_before or self._line is not None
                if line is not self._line:
                    self._line, self._heard = line, trio.current_time()
                    self.tracker.ended_without_text = False  # whoever was to answer in its place may be gone
                if self.asked_before and not self._asked_at:
                    self._asked_at = self._earliest
                self.tracker.default_agent = line.hello.default_agent
                async with open_background("the connection is another") as beside:
                    beside.start_soon(self._tell_of_other, line)
                    await self._on(line)
        except (AccountRefused, AccountStopped, RateLimited, RequestFailed, Lost) as error:
            self.tracker.fail(error)
        self.run.tell()

    def hear(self, event: Event) -> None:
        """Take an event in."""
        if event.name == GAP:
            self._gap = True
            self.run.changed.ring()
        else:
            self.run.hear(event)

    async def _on(self, line: Line) -> None:
        """See it through on one connection, as far as that lives."""
        try:
            while self._lives(line):
                if self._gap:
                    await self._look_back()
                if self._lives(line) and not self._asked:
                    await self._ask()
                if self._lives(line):
                    await self._wait(line)
        except Lost:
            raise
        except RateLimited as error:
            delay = AGAIN if error.retry_after is None else min(max(error.retry_after, SOON), LATE)
            if self._silence() + delay > self.patience:
                raise
            await self._rest(line, delay)
        except (NotSent, OutcomeUnknown) as error:  # It has a key: it is asked again.
            if self._lives(line) and self._silence() >= self.patience:
                raise Lost(str(error)) from error
            await self._rest(line, AGAIN)

    async def _rest(self, line: Line, delay: float) -> None:
        """Wait before something is asked again on the same connection."""
        with trio.move_on_after(delay):
            await self.calls.wait_other(line)

    @property
    def _clock_ahead(self) -> float:
        return 0.0 if self._line is None else self._line.clock_ahead

    @property
    def _earliest(self) -> float:
        """Since when it may have been asked, by the gateway's clock."""
        return self.asked_since + self._clock_ahead if self.asked_since else 0.0

    def _silence(self) -> float:
        """Seconds since the last sign of life."""
        now = trio.current_time()
        if self.tracker.signs != self._noticed:
            self._noticed, self._heard = self.tracker.signs, now
        return now - self._heard

    async def _ask(self) -> None:
        if not self._asked_at:
            self._asked_at = self.wall() + self._clock_ahead
        answer = await self.calls.request(METHOD, self.question)
        self._asked, self._heard = True, trio.current_time()
        self._note_asked()
        status = answer.get("status") if isinstance(answer, Mapping) else None
        match status:
            case "ok":
                self._asked_at = self._earliest  # it was asked before this, whoever asked it
                await self._find_answer()
            case "timeout" | "aborted":
                self.tracker.end("aborted")
            case "error":
                self.tracker.fail(_failed_before(answer))
            case str():
                pass  # started, in flight, queued: there will be events
            case _:
                self.tracker.end("silent")  # a command to the gateway: it was carried out, and nobody answers

    def _note_asked(self) -> None:
        self._asked_when = trio.current_time()
        self._signs = self.tracker.signs

    async def _find_answer(self) -> None:
        """It was answered before: its text is in the history, or soon will be."""
        for _ in range(LATE_ROWS):
            if self._has_end(await self._history()):
                return
            await trio.sleep(AGAIN)
            if self.tracker.over:
                return
        error = RequestFailed(f"{METHOD}: it ran before and left no answer", code="no_answer", method=METHOD)
        self.tracker.fail(error)

    async def _look_back(self) -> None:
        """After a gap, or a former life: find out how far it is."""
        told = await self._history()
        self._gap = False
        if self._has_end(told):
            return
        self.tracker.follows = True
        self._adopt(told)
        # A gateway that has it may take it up by itself, and is confused by whoever asks it again meanwhile.
        self._asked = told.question == "waiting"
        self._note_asked()

    async def _wait(self, line: Line) -> None:
        """Wait for its end, looking into the history where nobody says anything."""
        while self._lives(line) and self._asked and not self._gap:
            with trio.move_on_after(self._pause()) as pause:
                await self.run.changed.wait()
            if self._silence() and pause.cancelled_caught:
                self._judge(await self._history())

    def _pause(self) -> float:
        """How long to wait before the history is looked at."""
        if self.tracker.claim is not None or self.tracker.ended_without_text:
            return AGAIN
        return POLL if self.tracker.follows else self.patience

    def _judge(self, told: Told) -> None:
        """Nobody said anything for a while: what does the history say?"""
        silence = self._silence()
        if self._has_end(told):
            return
        if self.tracker.claim is not None:
            self._check_claim(told, self.tracker.claim)
        elif told.runs or (told.goes_on and told.question == "waiting"):
            self._heard = trio.current_time()
            self._adopt(told)
        elif self.tracker.ended_without_text:
            if silence >= NO_TEXT:
                self.tracker.end("silent")
        elif silence >= self.patience or (told.idle and told.question == "waiting" and silence >= TAKEN_UP):
            raise Lost(f"{METHOD}: the run is neither going on nor in the history")
        elif self.tracker.signs == self._signs and trio.current_time() - self._asked_when >= TAKEN_UP:
            self._asked = told.question == "waiting" and not self._forgets  # nothing has come of it

    def _check_claim(self, told: Told, claim: str) -> None:
        """Somebody answered something. If the history has our question, and no answer to it, it was not that."""
        self._looks += 1
        if self._looks < LATE_ROWS:
            return
        self._looks = 0
        if told.question == "absent":
            self.tracker.end("final", claim)
        else:
            self.tracker.disown()
        self.run.tell()

    @property
    def _forgets(self) -> bool:
        return self._line is not None and self._line.hello.protocol == FORGETS

    def _adopt(self, told: Told) -> None:
        self.tracker.adopt(told.runs, told.running_text)
        self.run.tell()

    def _has_end(self, told: Told) -> bool:
        """Whether the history has the end; then that is it."""
        match told.question:
            case "answered":
                self.tracker.end("final" if told.text else "silent", told.text)
            case "aborted":
                self.tracker.end("aborted", told.text)
            case "failed":
                self.tracker.fail(RequestFailed(f"{METHOD}: {told.text[:500]}", code="run_failed", method=METHOD))
            case _:
                return False
        self.run.tell()
        return True

    async def _history(self) -> Told:
        params = {"sessionKey": self.tracker.session_key, "limit": HISTORY}
        history = await self.calls.request("chat.history", params)
        said = str(self.question["message"])
        return told_of(history, key=self.tracker.key, text=said, asked_at=self._asked_at)

    def _lives(self, line: Line) -> bool:
        return self.calls.line is line and not self.tracker.over

    async def _tell_of_other(self, line: Line) -> None:
        await self.calls.wait_other(line)
        self.run.changed.ring()


def _failed_before(answer: Mapping[str, Any]) -> BridgeError:
    why = word(answer.get("summary"))[:500] or "the run failed"
    return RequestFailed(f"{METHOD}: {why}", code="run_failed", method=METHOD, payload=answer)
