"""The agent behind the OpenClaw simulator: what it answers, what it was asked, and what waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import trio

from ..platforms.openclaw.gateway.chat import Sent
from ..platforms.openclaw.gateway.gateway import Gateway
from ..platforms.openclaw.gateway.runs import Run
from ..platforms.openclaw.gateway.script import Question, Reply, Responder, echo
from ..platforms.openclaw.gateway.sessions import Session


class AgentSide:
    """Answers ``you said hello`` to ``hello``, unless a test says otherwise."""

    _gateway: Gateway
    _act: Callable[[], None]

    def __init__(self) -> None:
        self.agent: Responder = echo
        """Who answers what is not scripted: a function from a question to a text, or to steps with their own time."""
        self._replies: deque[Reply] = deque()
        self._gateway.rooms.turns.responder = self._respond

    def reply(self, *replies: Reply) -> None:
        """Answer the next questions with these, one after another: texts, or lists of steps.

        ``Pause(seconds)``, ``Say(text)``, ``Retake(text)``, ``Hold()``, ``Fail(message)``. A text comes word by word;
        ``NO_REPLY`` is silence.
        """
        self._replies.extend(replies)

    @property
    def questions(self) -> Sequence[Question]:
        """What the agent was asked, in that order: once for each time."""
        return self._gateway.rooms.turns.asked

    def times_asked(self, *, key: str | None = None, text: str | None = None) -> int:
        """How often the agent was asked what was sent with this key, or this."""
        return sum((key is None or each.key == key) and (text is None or each.text == text) for each in self.questions)

    @property
    def messages(self) -> Sequence[Sent]:
        """Every message that a client sent and that was let in, new or not, and what it was answered with."""
        return self._gateway.rooms.chat.sent

    @property
    def runs(self) -> Sequence[Run]:
        """The runs that are under way."""
        return tuple(self._gateway.rooms.turns.running())

    @property
    def held(self) -> Sequence[Run]:
        """Those that wait at a ``Hold()``."""
        return tuple(self._gateway.rooms.turns.held())

    def release(self) -> None:
        """Have every run go on that waits at a ``Hold()``."""
        self._gateway.now = trio.current_time()
        for run in self.held:
            self._gateway.rooms.turns.release(run)
        self._act()

    def session(self, key: str) -> Session | None:
        """The session of this key, with its rows."""
        return self._gateway.rooms.sessions.find(key)

    def _respond(self, question: Question) -> Reply:
        return self._replies.popleft() if self._replies else self.agent(question)
