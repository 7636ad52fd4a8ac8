"""What a gateway of protocol 4 does with the runs that it had when it was killed.

1. It takes up each of them a few seconds after its start, by itself and under a new run id. The agent is asked again.
2. Whoever sends the same message with the same key meanwhile is told that it was started; its run ends without a
   message when the new one begins. Right after the new one a third run fails, and leaves a row in the history.
3. Whoever does so after the new one is over is told that it was started, and then that it failed.

On protocol 3 such runs are lost, and their idempotency keys forgotten: the same message runs again.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from .methods import House
from .runs import Run
from .sessions import Sessions
from .turns import Turns

REST = 3.0
"""Seconds from the start until what was cut is taken up again."""
AFTERMATH = 0.2
"""Seconds from the end of a run that was taken up again until the failure of the third one."""
INTERRUPTED = "[System] Your previous turn was interrupted by a gateway restart."
BROKEN = "The agent run failed before producing a reply."


class Revival:
    """Takes up again what was cut."""

    def __init__(self, house: House, sessions: Sessions, turns: Turns) -> None:
        self._house = house
        self._sessions = sessions
        self._turns = turns

    def take_up(self, cut: Sequence[Run]) -> None:
        """The gateway has started, and finds what it had not finished."""
        for run in cut:
            if run.resumable:
                run.resumed_as = self._turns.again(run)
                run.resumed_as.resumes = True
                run.resumed_as.when_begun.append(self._note)
                self._turns.line_up(run.resumed_as, REST)

    def sent_again(self, run: Run, cut: Run) -> None:
        """The message of a run that was cut came again, as this run."""
        resumed = cut.resumed_as
        if resumed is None or resumed.over:
            self._house.after(0, partial(self._turns.fail, run, "Agent run failed"))
            return
        if resumed.standing == "running":
            self._house.after(0, partial(self._turns.merge, run))
        else:
            resumed.when_begun.append(lambda resumed: self._turns.merge(run))
        resumed.when_over.append(self._begin_aftermath)

    def _note(self, resumed: Run) -> None:
        self._sessions.write(resumed.session, "user", INTERRUPTED, key=resumed.id)

    def _begin_aftermath(self, resumed: Run) -> None:
        self._house.after(AFTERMATH, partial(self._fail_third, resumed))

    def _fail_third(self, resumed: Run) -> None:
        third = self._turns.again(resumed)
        self._sessions.write(third.session, "assistant", BROKEN, run_id=third.id)
        self._turns.fail(third, "Something went wrong while processing your request")
