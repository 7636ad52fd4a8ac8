"""What a gateway does with the runs that it had when it was killed.

On protocol 4:

1. It takes up one after another, the first a few seconds after its start, by itself and each under a new run id. The
   agent is asked again. Sessions whose turn has not come are called running meanwhile, without an active run.
2. Whoever sends the same message with the same key meanwhile is told that it was started; its run ends without a
   message when the new one begins. Right after the new one a third run fails, and leaves a row in the history.
3. Whoever does so after the new one is over is told that it was started, and then that it failed.

On protocol 3:

4. A run in a session without any answer is lost, and its question does not stand in the history.
5. In other sessions it does, and it is taken up again under a new run id, unless somebody sent something there before
   that. Whoever sends the same message with the same key is answered, as if it were new.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial

from .methods import House
from .runs import Run
from .sessions import Sessions
from .turns import Turns

REST: Mapping[int, float] = {3: 7.0, 4: 3.0}
"""Seconds from the start until what was cut is taken up again, by protocol."""
AFTERMATH = 0.2
"""Seconds from the end of a run that was taken up again until the failure of the third one."""
INTERRUPTED = "[System] Your previous turn was interrupted by a gateway restart."
"""How the message begins that stands in the history before an answer that was taken up again."""


class Revival:
    """Takes up again what was cut."""

    def __init__(self, house: House, sessions: Sessions, turns: Turns) -> None:
        self._house = house
        self._sessions = sessions
        self._turns = turns
        self._interrupted: deque[Run] = deque()
        """What protocol 4 has still to take up."""

    def take_up(self, cut: Sequence[Run]) -> None:
        """The gateway has started, and finds what it had not finished."""
        cut = [run for run in cut if run.resumable]
        if self._house.protocol == 4:
            self._interrupted.extend(cut)
            self._take_up_next()
            return
        for run in cut:
            if run.noted:
                self._house.after(REST[3], partial(self._recover, run, len(run.session.rows)))

    def stop(self) -> Sequence[Run]:
        """The gateway stops. Returns what it did not come to."""
        left = list(self._interrupted)
        self._interrupted.clear()
        return left

    def sent_again(self, run: Run, cut: Run) -> None:
        """The message of a run that was cut came again, as this run (protocol 4)."""
        if cut in self._interrupted:
            self._interrupted.remove(cut)
            self._turns.line_up(self._resumed(cut))
        resumed = cut.resumed_as
        if resumed is None or resumed.over:
            self._house.after(0, partial(self._turns.fail, run, "Agent run failed"))
            return
        if resumed.standing == "running":
            self._house.after(0, partial(self._turns.merge, run))
        else:
            resumed.when_begun.append(lambda resumed: self._turns.merge(run))
        resumed.when_over.append(self._begin_aftermath)

    def _take_up_next(self) -> None:
        if self._interrupted:
            resumed = self._resumed(self._interrupted.popleft())
            resumed.when_over.append(self._go_on)
            self._turns.line_up(resumed, REST[4])

    def _go_on(self, resumed: Run) -> None:
        if resumed.standing != "cut":
            self._take_up_next()

    def _resumed(self, run: Run) -> Run:
        run.resumed_as = resumed = self._turns.again(run)
        resumed.resumes = True
        resumed.when_begun.append(self._note)
        return resumed

    def _recover(self, run: Run, rows: int) -> None:
        if len(run.session.rows) == rows and self._turns.active(run.session) is None:
            self._turns.line_up(self._resumed(run))

    def _note(self, resumed: Run) -> None:
        self._sessions.write(resumed.session, "user", INTERRUPTED, key=f"{resumed.id}:user")

    def _begin_aftermath(self, resumed: Run) -> None:
        self._house.after(AFTERMATH, partial(self._fail_third, resumed))

    def _fail_third(self, resumed: Run) -> None:
        self._turns.fail(self._turns.again(resumed), "Something went wrong while processing your request")
