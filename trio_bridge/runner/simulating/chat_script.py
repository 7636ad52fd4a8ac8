"""What a script can have any simulated chat platform do: the verbs that all of them have.

A platform adds verbs and keys of its own.
"""

from __future__ import annotations

import abc
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import attrs

from ...config import Secret, positive
from ..structure import Problem
from ..wording import one_of, shown
from .script import Place, Script, Step, is_json, unreadable


@attrs.frozen(kw_only=True)
class Aimed(Step):
    """A step that concerns one client."""

    client: str | None = None
    """Its credentials' public half. Without it: whoever connected last, and for what breaks connections, everybody."""


@attrs.frozen(kw_only=True)
class Say(Aimed):
    """Have a person write to the bot."""

    say: str
    """The text. ``{n}`` in it is the number of the repetition, from 1."""
    sender: str | None = None
    """Who writes. Without it: always the same person."""
    conversation: str | None = None
    """A group. Without it the conversation is direct."""
    mention: bool = True
    """In a group: whether the bot is mentioned."""
    times: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    every: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    """Seconds between two repetitions."""
    fields: dict[str, Any] = attrs.field(factory=dict, validator=is_json)
    """Fields of what the platform pushes that differ."""


@attrs.frozen(kw_only=True)
class Send(Aimed):
    """Have a person send a file of this machine."""

    send: Path
    """What ends like a picture is sent as one."""
    sender: str | None = None
    conversation: str | None = None
    """A group, as for ``say``."""


@attrs.frozen(kw_only=True)
class Event(Aimed):
    """Push an event of the organisation."""

    event: str
    data: dict[str, Any] = attrs.field(factory=dict, validator=is_json)


@attrs.frozen(kw_only=True)
class Duplicate(Step):
    """Deliver the newest messages once more, with new message ids."""

    duplicate: int = attrs.field(validator=attrs.validators.ge(1))


@attrs.frozen(kw_only=True)
class Drop(Aimed):
    """End connections: with a closing handshake, with the end of the stream, or with a reset."""

    drop: Literal["close", "fin", "rst"]
    code: int = attrs.field(
        default=1000, validator=attrs.validators.and_(attrs.validators.ge(1000), attrs.validators.le(4999))
    )
    reason: str = ""


@attrs.frozen(kw_only=True)
class Silence(Aimed):
    """For so many seconds the connections that are open now are half open. The steps go on meanwhile."""

    silence: float = attrs.field(validator=positive)


@attrs.frozen(kw_only=True)
class Away(Step):
    """For so many seconds the platform is not there: connections are reset, the port is closed."""

    away: float = attrs.field(validator=positive)


@attrs.frozen(kw_only=True)
class Failing(Step):
    """Calls of the API fail: the next ones, or all for some seconds. The steps go on meanwhile."""

    how: Literal["refuse", "hang", "swallow"] = "refuse"
    """An answer that says no; no answer at all; or it is carried out, and the connection closed without an answer."""
    times: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    lasting: float | None = attrs.field(default=None, validator=attrs.validators.optional(positive))


@attrs.frozen(kw_only=True)
class Wait(Aimed):
    """Go on when it holds. If it does not in time, the script ends there."""

    wait: Literal["connected", "acked", "answered"]
    """Somebody is connected; everything that was pushed is acknowledged; every message is answered too."""
    within: float = attrs.field(default=30.0, validator=positive)


@attrs.frozen(kw_only=True)
class Expect(Step):
    """Go on when the newest message has an answer that contains this. If it has none in time, the script ends there."""

    expect: str
    within: float = attrs.field(default=30.0, validator=positive)


SHARED: Mapping[str, type[Step]] = {
    "say": Say,
    "send": Send,
    "event": Event,
    "duplicate": Duplicate,
    "drop": Drop,
    "silence": Silence,
    "away": Away,
    "wait": Wait,
    "expect": Expect,
}
"""The verbs that mean the same everywhere."""


@attrs.frozen(kw_only=True)
class ChatScript(Script, abc.ABC):
    """What stands before the steps."""

    answers: Literal["once", "some", "any"] = "once"
    """How often each message must have been answered when all is done: exactly once, at least once, or as you like."""
    settle: float = attrs.field(default=30.0, validator=positive)
    """Seconds that the last messages get, when all is done, to be acknowledged and answered."""

    @property
    @abc.abstractmethod
    def known(self) -> list[str]:
        """The clients that are let in. Without any, everybody is."""

    @abc.abstractmethod
    def secrets(self) -> Iterable[tuple[Place, Secret]]:
        """Every secret in the script, and where it stands."""

    def problems(self) -> list[Problem]:
        """Secrets that can't be read, and steps for a client that is not let in."""
        return [*unreadable(self.secrets()), *self._unknown()]

    def _unknown(self) -> Iterator[Problem]:
        known = self.known
        for index, step in enumerate(self.steps):
            if isinstance(step, Aimed) and step.client is not None and known and step.client not in known:
                yield Problem(("steps", index, "client"), f"expected {one_of(known)}, not {shown(step.client)}")
