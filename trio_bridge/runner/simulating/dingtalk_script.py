"""What a script can have a simulated DingTalk do: one class for each verb, each field a key of its step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import attrs

from ...config import Secret, positive
from ...errors import ConfigError
from ...platforms.dingtalk.gateway.cards import CREATE_AND_DELIVER, DELIVER, INSTANCES, STREAMING
from ...platforms.dingtalk.gateway.emotion import RECALL, REPLY
from ...platforms.dingtalk.gateway.files import DOWNLOAD, FILE
from ...platforms.dingtalk.gateway.frames import ROBOT
from ...platforms.dingtalk.gateway.media import UPLOAD
from ...platforms.dingtalk.gateway.model import Rules
from ...platforms.dingtalk.gateway.rest import DIRECT, GROUP, OPEN, TOKEN, WEBHOOK
from ..structure import Problem
from ..wording import one_of, shown
from .script import Script, Step, is_json

CALLS: Mapping[str, str] = {
    "open": OPEN,
    "token": TOKEN,
    "webhook": WEBHOOK,
    "direct": DIRECT,
    "group": GROUP,
    "card_create": f"POST {INSTANCES}",
    "card_deliver": DELIVER,
    "card_create_deliver": CREATE_AND_DELIVER,
    "card_update": f"PUT {INSTANCES}",
    "card_stream": STREAMING,
    "emotion": REPLY,
    "emotion_recall": RECALL,
    "download": DOWNLOAD,
    "file": FILE,
    "upload": UPLOAD,
}
"""Name → path of the calls that can be made to fail, with the method where the path has several."""


@attrs.frozen(kw_only=True)
class Aimed(Step):
    """A step that concerns one client."""

    client: str | None = None
    """The app key. Without it: whoever connected last, and for what breaks connections, everybody."""


@attrs.frozen(kw_only=True)
class Say(Aimed):
    """Have a person write to the robot."""

    say: str
    """The text. ``{n}`` in it is the number of the repetition, from 1."""
    sender: str = "staff0001"
    conversation: str | None = None
    """A group (``cid…``). Without it the conversation is direct."""
    mention: bool = True
    """In a group: whether the robot is mentioned."""
    times: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    every: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    """Seconds between two repetitions."""
    fields: dict[str, Any] = attrs.field(factory=dict, validator=is_json)
    """Fields of the robot data that differ: ``{ msgtype = "picture", content = { downloadCode = "…" } }``."""


@attrs.frozen(kw_only=True)
class Send(Aimed):
    """Have a person send a file of this machine."""

    send: Path
    """What ends like a picture is sent as one."""
    sender: str = "staff0001"
    conversation: str | None = None
    """A group, as for ``say``."""


@attrs.frozen(kw_only=True)
class Push(Aimed):
    """Push any data on any topic."""

    push: dict[str, Any] = attrs.field(validator=is_json)
    topic: str = ROBOT


@attrs.frozen(kw_only=True)
class Event(Aimed):
    """Push an event of the organisation."""

    event: str
    data: dict[str, Any] = attrs.field(factory=dict, validator=is_json)


@attrs.frozen(kw_only=True)
class Press(Step):
    """Have a person press a button of the newest card, and go on when the bot has answered."""

    press: str
    """The action id of the button."""
    params: dict[str, Any] = attrs.field(factory=dict, validator=is_json)
    user: str | None = None
    """Who presses it. Without it: whoever got the card, in a group ``staff0001``."""
    within: float = attrs.field(default=30.0, validator=positive)


@attrs.frozen(kw_only=True)
class Duplicate(Step):
    """Deliver the newest messages once more, with new message ids."""

    duplicate: int = attrs.field(validator=attrs.validators.ge(1))


@attrs.frozen(kw_only=True)
class Disconnect(Aimed):
    """Announce that the server will leave, with this reason; ten seconds later the connection is dropped."""

    disconnect: str


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
class Fail(Step):
    """Calls of the API fail: the next ones, or all for some seconds. The steps go on meanwhile."""

    fail: Literal[
        "open", "token", "webhook", "direct", "group",
        "card_create", "card_deliver", "card_create_deliver", "card_update", "card_stream", "emotion", "emotion_recall",
        "download", "file", "upload",
    ]  # fmt: skip
    how: Literal["refuse", "hang", "swallow"] = "refuse"
    """An answer that says no; no answer at all; or it is carried out, and the connection closed without an answer."""
    status: int = attrs.field(
        default=attrs.Factory(
            lambda self: 200 if self.is_numbered else 401 if self.fail == "open" else 400, takes_self=True
        ),
        validator=attrs.validators.and_(attrs.validators.ge(200), attrs.validators.le(599)),
    )
    code: str = attrs.field(
        default=attrs.Factory(lambda self: "310000" if self.is_numbered else "refusedByScript", takes_self=True)
    )
    """The platform's code in the answer; a number for ``webhook`` and ``upload``."""
    times: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    lasting: float | None = attrs.field(default=None, validator=attrs.validators.optional(positive))

    @property
    def is_numbered(self) -> bool:
        """The call is of the older API, whose errors come with status 200 and a number."""
        return self.fail in ("webhook", "upload")


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


VERBS: Mapping[str, type[Step]] = {
    "say": Say,
    "send": Send,
    "push": Push,
    "event": Event,
    "press": Press,
    "duplicate": Duplicate,
    "disconnect": Disconnect,
    "drop": Drop,
    "silence": Silence,
    "fail": Fail,
    "wait": Wait,
    "expect": Expect,
}


@attrs.frozen(kw_only=True)
class Client:
    """Credentials that are let in."""

    client_id: str = attrs.field(validator=attrs.validators.min_len(1))
    client_secret: Secret
    robot_code: str | None = None


@attrs.frozen(kw_only=True)
class DingTalkScript(Script):
    """What stands before the steps."""

    clients: tuple[Client, ...] = ()
    """Who is let in. Without any, everybody is."""
    rules: Rules = attrs.field(factory=Rules)
    answers: Literal["once", "some", "any"] = "once"
    """How often each message must have been answered when all is done: exactly once, at least once, or as you like."""
    settle: float = attrs.field(default=30.0, validator=positive)
    """Seconds that the last messages get, when all is done, to be acknowledged and answered."""

    def problems(self) -> list[Problem]:
        """Secrets that can't be read, steps for a client that is not let in, codes that a call does not have."""
        return [*self._unreadable(), *self._unknown(), *self._no_numbers()]

    def _unreadable(self) -> Iterator[Problem]:
        for index, client in enumerate(self.clients):
            try:
                client.client_secret.read()
            except ConfigError as error:
                yield Problem(("clients", index, "client_secret"), str(error))

    def _unknown(self) -> Iterator[Problem]:
        known = [client.client_id for client in self.clients]
        for index, step in enumerate(self.steps):
            if isinstance(step, Aimed) and step.client is not None and known and step.client not in known:
                yield Problem(("steps", index, "client"), f"expected {one_of(known)}, not {shown(step.client)}")

    def _no_numbers(self) -> Iterator[Problem]:
        for index, step in enumerate(self.steps):
            if isinstance(step, Fail) and step.is_numbered and not step.code.isdecimal():
                yield Problem(("steps", index, "code"), f"expected digits, not {shown(step.code)}")
