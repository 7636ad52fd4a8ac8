"""What a script can have a simulated OpenClaw Gateway do: one class for each verb, each field a key of its step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import attrs

from ...config import Secret, positive
from ...testing.openclaw import PASSWORD, TOKEN
from ..structure import Problem
from .script import Place, Script, Step, is_json, unreadable

KNOWN_TOKEN, KNOWN_PASSWORD = Secret(text=TOKEN), Secret(text=PASSWORD)
"""What is asked for where a script names nothing else."""


@attrs.frozen(kw_only=True)
class Answer(Step):
    """The agent answers the next question with this text."""

    answer: str
    """``NO_REPLY`` is silence."""
    pause: float = attrs.field(default=0.03, validator=attrs.validators.ge(0))
    """Seconds before each word."""
    ending: Literal["final", "fail", "hang"] = "final"
    """It is whole; the provider fails behind it; nothing more ever comes."""
    times: int = attrs.field(default=1, validator=attrs.validators.ge(1))


@attrs.frozen(kw_only=True)
class Say(Step):
    """Another operator writes to the agent."""

    say: str
    session: str = "main"


@attrs.frozen(kw_only=True)
class Event(Step):
    """Everybody with the scope is told of an event."""

    event: str
    data: dict[str, Any] = attrs.field(factory=dict, validator=is_json)
    scope: str = "operator.read"


@attrs.frozen(kw_only=True)
class Approval(Step):
    """The agent asks for approval to run a command. What is decided is told."""

    approval: str
    """The command."""
    session: str = "main"
    within: float = attrs.field(default=60.0, validator=positive)


@attrs.frozen(kw_only=True)
class Pair(Step):
    """Decide about a device that waits for approval, or know all devices no more."""

    pair: Literal["approve", "reject", "remove"]
    within: float = attrs.field(default=30.0, validator=positive)


@attrs.frozen(kw_only=True)
class Change(Step):
    """Ask for another token or password from now on: who came in with the old one is closed with 4001."""

    secret: Secret


@attrs.frozen(kw_only=True)
class Drop(Step):
    """End all connections: with a close frame, or with a reset."""

    drop: Literal["close", "rst"]
    code: int = attrs.field(
        default=1000, validator=attrs.validators.and_(attrs.validators.ge(1000), attrs.validators.le(4999))
    )
    reason: str = ""


@attrs.frozen(kw_only=True)
class Silence(Step):
    """For so many seconds the connections that are open now are frozen. The steps go on meanwhile."""

    silence: float = attrs.field(validator=positive)


@attrs.frozen(kw_only=True)
class Restart(Step):
    """The gateway stops, is away for so many seconds, and puts clients off for ``starting`` more."""

    restart: float = attrs.field(validator=attrs.validators.ge(0))
    starting: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    killed: bool = False
    """Without a goodbye."""


@attrs.frozen(kw_only=True)
class Remote(Step):
    """For so many seconds new connections seem to come from elsewhere. The steps go on meanwhile."""

    remote: float = attrs.field(validator=positive)
    address: str = "203.0.113.9"


@attrs.frozen(kw_only=True)
class Fail(Step):
    """The next answers of a method fail; ``connect`` and ``challenge`` are answers too."""

    fail: str
    """The method."""
    how: Literal["refuse", "lose", "delay", "close"] = "refuse"
    """Refused and not done; done and never answered; done and answered late; closed in the place of an answer."""
    code: str = "UNAVAILABLE"
    message: str = "refused by the script"
    seconds: float = attrs.field(default=5.0, validator=positive)
    """How late."""
    times: int = attrs.field(default=1, validator=attrs.validators.ge(1))


@attrs.frozen(kw_only=True)
class Wait(Step):
    """Go on when it holds. If it does not in time, the script ends there."""

    wait: Literal["connected", "asked", "answered"]
    """Somebody is connected; there is a question that no step before waited for; every question is answered."""
    within: float = attrs.field(default=30.0, validator=positive)


@attrs.frozen(kw_only=True)
class Expect(Step):
    """Go on when there is a question with this in it that no step before waited for. If there is none in time, the
    script ends there."""

    expect: str
    within: float = attrs.field(default=30.0, validator=positive)


VERBS: Mapping[str, type[Step]] = {
    "answer": Answer,
    "say": Say,
    "event": Event,
    "approval": Approval,
    "pair": Pair,
    "secret": Change,
    "drop": Drop,
    "silence": Silence,
    "restart": Restart,
    "remote": Remote,
    "fail": Fail,
    "wait": Wait,
    "expect": Expect,
}


@attrs.frozen(kw_only=True)
class OpenClawScript(Script):
    """What stands before the steps."""

    protocol: Literal[3, 4] = 4
    """Whose manners it has: the releases that speak 3, or those that speak 4."""
    auth: Literal["token", "password", "none"] = "token"
    token: Secret = KNOWN_TOKEN
    password: Secret = KNOWN_PASSWORD
    pairing: bool = False
    """Whether devices that are new must be approved, even from this machine."""
    settle: float = attrs.field(default=30.0, validator=positive)
    """Seconds that the last questions get, when all is done, to be answered."""

    def problems(self) -> list[Problem]:
        """Secrets that can't be read."""
        return list(unreadable(self._secrets()))

    def _secrets(self) -> Iterator[tuple[Place, Secret]]:
        yield ("token",), self.token
        yield ("password",), self.password
        for index, step in enumerate(self.steps):
            if isinstance(step, Change):
                yield ("steps", index, "secret"), step.secret
