"""What the agent behind a simulated gateway answers: a text, or steps with their own time.

::

    def answer(question: Question) -> Reply:
        if "weather" in question.text:
            return [Pause(2), Say("It will "), Hold(), Say("rain.")]
        return f"you said {question.text}"
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import attrs

WORD_PAUSE = 0.03
"""Seconds before each word of an answer that is given as a text."""
FAILURE = "500 fake failure"
"""What a provider says that fails."""
SILENCE = "NO_REPLY"
"""An answer that means: say nothing."""


@attrs.frozen
class Picture:
    """Something that came with a question: a picture or a file."""

    kind: str
    mime_type: str
    name: str
    content: bytes = attrs.field(repr=False)


@attrs.frozen
class Question:
    """What the agent is asked."""

    text: str
    session_key: str
    run_id: str
    key: str
    """The idempotency key that it was sent with. A turn that is taken up again has it too, under another run id."""
    attachments: tuple[Picture, ...] = ()
    again: bool = False
    """The model said nothing, and the gateway (of protocol 4) asks it once more."""


@attrs.frozen
class Pause:
    """So many seconds without a word."""

    seconds: float


@attrs.frozen
class Say:
    """More text."""

    text: str


@attrs.frozen
class Retake:
    """All that was said so far is taken back: this is the text now."""

    text: str


@attrs.frozen
class Hold:
    """Nothing more until the run is released."""


@attrs.frozen
class Fail:
    """The provider fails, and goes on failing until the gateway gives up.

    Real gateways try for 60 s (protocol 3) or 80 s (4): give ``after`` to have that too.
    """

    message: str = FAILURE
    after: float = 0.0
    """Seconds until the gateway gives up."""


Step = Pause | Say | Retake | Hold | Fail
Reply = str | Sequence[Step]
Responder = Callable[[Question], Reply]


def echo(question: Question) -> Reply:
    """What is answered where a test says nothing else."""
    return f"you said {question.text}"


def steps_of(reply: Reply, pause: float = WORD_PAUSE) -> Sequence[Step]:
    """The steps of a reply: a text comes word by word."""
    if not isinstance(reply, str):
        return reply
    if reply.strip() == SILENCE:
        return [Say(reply)]
    return [step for word in re.findall(r"\S+\s*|\s+", reply) for step in (Pause(pause), Say(word))]
