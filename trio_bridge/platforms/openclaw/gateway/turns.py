"""Agents at work: one run at a time in a session, sessions side by side. No clock: the house says what the time is.

What comes while a session is busy:

1. Before the run at work has shown any text, it waits: its own run ends at once without a message, and it is answered
   under a new run id afterwards.
2. Later it is steered into the run at work, which answers it, too: its own run ends without a message, on protocol 3 at
   once, on 4 when it is taken in. If the run at work ends otherwise before that, 4 answers it under a new run id.
3. On protocol 3 a session is busy for a moment longer than its run: what comes then waits, or is never answered if the
   run was aborted.

What a gateway that was killed does about the runs that it had is in ``reviving``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Literal

from .methods import House
from .runs import Run, Standing
from .scribe import Scribe
from .script import SILENCE, WORD_PAUSE, Fail, Hold, Pause, Question, Responder, Retake, Say, echo, steps_of
from .sessions import Session, Sessions

QueueMode = Literal["steer", "followup", "collect", "interrupt"]

SETTLING: Mapping[int, float] = {3: 0.2, 4: 0.0}
"""Seconds for which a session is busy after its run has ended, by protocol."""
ATTEMPTS: Mapping[int, int] = {3: 7, 4: 1}
"""How often a gateway is seen to try before it gives up, by protocol."""


class Turns:
    """Every run of a gateway. ``responder`` is the agent behind it."""

    def __init__(self, house: House, sessions: Sessions) -> None:
        self._house = house
        self._scribe = Scribe(house, sessions)
        self.responder: Responder = echo
        self.word_pause = WORD_PAUSE
        """Seconds before each word of an answer that is given as a text."""
        self.settling = SETTLING[house.protocol]
        self.asked: list[Question] = []
        """What the agent was asked, in that order: which question, under which key and run id, how often."""
        self._active: dict[str, Run] = {}
        self._waiting: dict[str, deque[Run]] = {}

    # What is at work.

    def active(self, session: Session) -> Run | None:
        """The run that a session is busy with."""
        run = self._active.get(session.key)
        return None if run is None or run.over else run

    def running(self) -> Iterator[Run]:
        """The runs at work, the one that began first first."""
        return (run for run in self._active.values() if not run.over)

    def held(self) -> Iterator[Run]:
        """The runs that wait to be released."""
        return (run for run in self.running() if run.held)

    # Beginning and ending.

    def submit(self, run: Run, mode: QueueMode = "steer") -> None:
        """Have a run answered: now, after the run at work or by it."""
        at_work = self._active.get(run.session.key)
        if at_work is None:
            self._take_up(run)
        elif mode == "interrupt" and not at_work.over:
            self._waiting.setdefault(run.session.key, deque()).appendleft(run)
            self.abort(at_work, "interrupt")
        elif at_work.standing == "aborted":
            self._house.after(0, partial(self.merge, run))
        elif at_work.over or not at_work.answer or mode in ("followup", "collect"):
            self._follow_up(run)
        else:
            at_work.steered.append(run)
            if not self._modern:
                self._house.after(0, partial(self.merge, run))

    def abort(self, run: Run, reason: str) -> None:
        """End a run, whatever it is doing."""
        run.stop_reason = reason
        self._stop_steps(run)
        self._end(run, "aborted")
        self._scribe.over(run)
        run.teller.aborted(run)
        self._answer_steered(run)
        self._leave(run)

    def release(self, run: Run) -> None:
        """A run that was held goes on."""
        if run.held:
            run.held = False
            run.timer = self._house.after(0, partial(self._go_on, run))

    def stop(self) -> Sequence[Run]:
        """Nothing is at work any more. Returns what was."""
        for run in self._active.values():
            if run.over:
                self._scribe.settled(run)
        unfinished = [run for run in self._active.values() if not run.over]
        unfinished += [each for run in unfinished for each in run.steered if not each.over]
        unfinished += [run for waiting in self._waiting.values() for run in waiting]
        for run in unfinished:
            self._stop_steps(run)
            self._end(run, "cut")
            run.teller.cut(run)
        self._active.clear()
        self._waiting.clear()
        return unfinished

    def line_up(self, run: Run, wait: float = 0.0) -> None:
        """The run is taken up when the session is free, or after so many seconds if it is."""
        if run.session.key in self._active:
            self._waiting.setdefault(run.session.key, deque()).append(run)
        else:
            self._take_up(run, wait)

    def again(self, run: Run) -> Run:
        """The same question as another run."""
        return Run(
            id=self._house.new_id(),
            session=run.session,
            text=run.text,
            key=run.key,
            teller=run.teller,
            sent_ms=run.sent_ms,
            rest=run.rest,
            attachments=run.attachments,
            noted=run.noted,
            resumable=run.resumable,
        )

    def merge(self, run: Run) -> None:
        """A run ends without a message: another one answers it."""
        if not run.over:
            self._end(run, "merged")
            run.teller.merged(run)

    def notify(self, run: Run) -> None:
        """A run ends with a notice of the gateway's own: no agent was asked."""
        self._end(run, "final")
        run.teller.notified(run)

    def fail(self, run: Run, error: str) -> None:
        """A run has failed."""
        run.error = error
        self._end(run, "failed")
        self._scribe.over(run)
        run.teller.failed(run)
        self._answer_steered(run)
        self._leave(run)

    # Inside: from one step to the next.

    def _take_up(self, run: Run, wait: float = 0.0) -> None:
        self._active[run.session.key] = run
        run.session.status = "running"
        run.timer = self._house.after(wait, partial(self._begin, run))

    def _begin(self, run: Run) -> None:
        run.standing = "running"
        run.began_ms = self._house.now_ms()
        begun, run.when_begun = run.when_begun, []
        for heard in begun:
            heard(run)
        self._scribe.begun(run, run)
        run.teller.began(run)
        self._ask(run, run)
        self._go_on(run)

    def _ask(self, run: Run, asker: Run) -> None:
        """Have a run answer a question: its own, or one that was steered into it."""
        question = asker.question
        self.asked.append(question)
        asker.asked += 1
        run.steps, run.at = steps_of(self.responder(question), self.word_pause), 0

    def _go_on(self, run: Run) -> None:
        while not run.over and run.at < len(run.steps):
            step = run.steps[run.at]
            run.at += 1
            match step:
                case Pause():
                    run.timer = self._house.after(step.seconds, partial(self._go_on, run))
                    return
                case Hold():
                    run.held = True
                    return
                case Fail():
                    self._stumble(run, step, ATTEMPTS[self._house.protocol])
                    return
                case Say():
                    run.answer += step.text
                    run.teller.grew(run)
                case Retake():
                    run.answer = step.text
                    run.teller.grew(run)
        if not run.over:
            self._finish(run)

    def _stumble(self, run: Run, step: Fail, attempts: int) -> None:
        """The provider fails once more. The gateway tries again, or gives up."""
        run.teller.stumbled(run, step.message)
        then = (
            partial(self._try_again, run, step, attempts - 1) if attempts > 1 else partial(self.fail, run, step.message)
        )
        run.timer = self._house.after(step.after / ATTEMPTS[self._house.protocol], then)

    def _try_again(self, run: Run, step: Fail, attempts: int) -> None:
        run.teller.tried_again(run)
        self._stumble(run, step, attempts)

    def _finish(self, run: Run) -> None:
        while run.steered:
            other = run.steered.pop(0)
            if other.standing != "aborted":
                self._take_in(run, other)
                return
        silent = run.visible in ("", SILENCE)
        if silent and self._modern and run.asked == 1:
            run.answer = ""
            run.teller.asked_again(run)
            self._ask(run, run)
            self._go_on(run)
            return
        self._end(run, "silent" if silent else "final")
        self._scribe.over(run)
        run.teller.finished(run)
        self._leave(run)

    def _take_in(self, run: Run, other: Run) -> None:
        """The run answers a question that was steered into it, behind its own."""
        self.merge(other)
        self._scribe.begun(run, other)
        run.answer = "" if run.visible in ("", SILENCE) else f"{run.visible}\n\n"
        self._ask(run, other)
        self._go_on(run)

    def _follow_up(self, run: Run) -> None:
        """The run ends without a message, and another one answers its question when the session is free."""
        self._house.after(0, partial(self.merge, run))
        self.line_up(self.again(run))

    def _answer_steered(self, run: Run) -> None:
        """What the run has not taken in is answered by others."""
        for each in run.steered:
            if not each.over:
                self._follow_up(each)

    def _end(self, run: Run, standing: Standing) -> None:
        run.standing = standing
        run.ended_ms = self._house.now_ms()
        ended, run.when_over = run.when_over, []
        for heard in ended:
            heard(run)

    def _stop_steps(self, run: Run) -> None:
        if run.timer is not None:
            run.timer.cancel()

    def _leave(self, run: Run) -> None:
        """The session is free for the next run, soon."""
        if self._active.get(run.session.key) is not run:
            return
        run.session.status = "failed" if run.standing == "failed" else "done"
        if self.settling:
            self._house.after(self.settling, partial(self._free, run))
        else:
            self._free(run)

    def _free(self, run: Run) -> None:
        if self._active.get(run.session.key) is run:
            self._scribe.settled(run)
            del self._active[run.session.key]
            if waiting := self._waiting.get(run.session.key):
                self._take_up(waiting.popleft())

    @property
    def _modern(self) -> bool:
        return self._house.protocol == 4
