"""A run: one question on its way through an agent, and what has become of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import attrs

from .methods import Timer
from .script import Picture, Question, Step
from .sessions import Session

Standing = Literal["waiting", "running", "merged", "final", "silent", "aborted", "failed", "cut"]
"""``waiting`` for the run before it; ``merged`` into another run, which answers it; ``cut`` by a gateway that died."""
OVER: frozenset[Standing] = frozenset({"merged", "final", "silent", "aborted", "failed", "cut"})


class Teller(Protocol):
    """Who is told how a run goes: operators by events, or whoever asked over HTTP."""

    def began(self, run: Run) -> None:
        """The agent takes it up."""

    def grew(self, run: Run) -> None:
        """There is more text, or another one."""

    def asked_again(self, run: Run) -> None:
        """The model said nothing, and is asked once more."""

    def stumbled(self, run: Run, message: str) -> None:
        """An attempt has failed."""

    def tried_again(self, run: Run) -> None:
        """Another attempt begins."""

    def merged(self, run: Run) -> None:
        """Another run answers it."""

    def finished(self, run: Run) -> None:
        """Its text is whole, or it said nothing."""

    def notified(self, run: Run) -> None:
        """The gateway answered it itself."""

    def aborted(self, run: Run) -> None:
        """Somebody ended it."""

    def cut(self, run: Run) -> None:
        """The gateway has stopped in the middle of it."""

    def failed(self, run: Run) -> None:
        """The gateway gave up."""


@attrs.define(eq=False)
class Run:
    """One question and its answer."""

    id: str
    session: Session = attrs.field(repr=False)
    text: str
    """The question."""
    key: str
    """The idempotency key that the question was sent with. A run that is taken up again has it under another id."""
    teller: Teller = attrs.field(repr=False)
    sent_ms: int = 0
    rest: str = ""
    """What is to be answered of it, if that is not all: what stands behind a command."""
    attachments: tuple[Picture, ...] = ()
    standing: Standing = "waiting"
    answer: str = ""
    """What was said so far."""
    began_ms: int = 0
    ended_ms: int = 0
    stop_reason: str | None = None
    error: str | None = None
    asked: int = 0
    """How often the agent was asked: the model is asked again where it said nothing."""
    seq: int = 0
    """Of the latest event about it."""
    told: str = ""
    """The text of the latest delta."""
    told_at: float | None = None
    told_agent: str = ""
    """The text of the latest ``assistant`` event."""
    steered: list[Run] = attrs.Factory(list)
    """Runs that it will answer, too."""
    when_begun: list[Callable[[Run], None]] = attrs.Factory(list)
    """Called once, when an agent takes it up."""
    when_over: list[Callable[[Run], None]] = attrs.Factory(list)
    """Called once, when it is over."""
    resumable: bool = True
    """Whether a gateway that was killed takes it up again: not where whoever asked has left with it."""
    resumed_as: Run | None = attrs.field(default=None, repr=False)
    """The run that took it up again after the gateway was killed."""
    resumes: bool = False
    """Whether it is such a run."""
    to_note: list[Run] = attrs.field(factory=list, repr=False)
    """Whose questions are not in the history yet."""
    noted: bool = False
    """Whether its question is in the history."""
    steps: Sequence[Step] = ()
    at: int = 0
    """How many of the steps are done."""
    held: bool = False
    timer: Timer | None = None

    @property
    def over(self) -> bool:
        return self.standing in OVER

    @property
    def visible(self) -> str:
        """The answer without the blanks at its end, which streams leave out."""
        return self.answer.rstrip()

    @property
    def question(self) -> Question:
        """What the agent is asked."""
        return Question(
            self.rest or self.text, self.session.key, self.id, self.key, self.attachments, again=self.asked > 0
        )

    def next_seq(self) -> int:
        """The number of the next event about it."""
        self.seq += 1
        return self.seq
