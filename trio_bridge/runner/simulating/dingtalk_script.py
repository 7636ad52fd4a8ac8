"""What a script can have a simulated DingTalk do, besides what all chat platforms do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import attrs

from ...config import Secret, positive
from ...platforms.dingtalk.gateway.cards import CREATE_AND_DELIVER, DELIVER, INSTANCES, STREAMING
from ...platforms.dingtalk.gateway.emotion import RECALL, REPLY
from ...platforms.dingtalk.gateway.files import DOWNLOAD, FILE
from ...platforms.dingtalk.gateway.frames import ROBOT
from ...platforms.dingtalk.gateway.media import UPLOAD
from ...platforms.dingtalk.gateway.model import Rules
from ...platforms.dingtalk.gateway.rest import DIRECT, GROUP, OPEN, TOKEN, WEBHOOK
from ..structure import Problem
from ..wording import shown
from .chat_script import SHARED, Aimed, ChatScript, Failing
from .script import Place, Step, is_json

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
class Push(Aimed):
    """Push any data on any topic."""

    push: dict[str, Any] = attrs.field(validator=is_json)
    topic: str = ROBOT


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
class Disconnect(Aimed):
    """Announce that the server will leave, with this reason; ten seconds later the connection is dropped."""

    disconnect: str


@attrs.frozen(kw_only=True)
class Fail(Failing):
    """Calls of the API fail."""

    fail: Literal[
        "open", "token", "webhook", "direct", "group",
        "card_create", "card_deliver", "card_create_deliver", "card_update", "card_stream", "emotion", "emotion_recall",
        "download", "file", "upload",
    ]  # fmt: skip
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

    @property
    def is_numbered(self) -> bool:
        """The call is of the older API, whose errors come with status 200 and a number."""
        return self.fail in ("webhook", "upload")


VERBS: Mapping[str, type[Step]] = {
    **SHARED,
    "push": Push,
    "press": Press,
    "disconnect": Disconnect,
    "fail": Fail,
}


@attrs.frozen(kw_only=True)
class Client:
    """Credentials that are let in."""

    client_id: str = attrs.field(validator=attrs.validators.min_len(1))
    client_secret: Secret
    robot_code: str | None = None


@attrs.frozen(kw_only=True)
class DingTalkScript(ChatScript):
    """What stands before the steps."""

    clients: tuple[Client, ...] = ()
    """Who is let in. Without any, everybody is."""
    rules: Rules = attrs.field(factory=Rules)

    @property
    def known(self) -> list[str]:
        return [client.client_id for client in self.clients]

    def secrets(self) -> Iterator[tuple[Place, Secret]]:
        for index, client in enumerate(self.clients):
            yield ("clients", index, "client_secret"), client.client_secret

    def problems(self) -> list[Problem]:
        """What is wrong with any script, and codes that a call does not have."""
        return [*super().problems(), *self._no_numbers()]

    def _no_numbers(self) -> Iterator[Problem]:
        for index, step in enumerate(self.steps):
            if isinstance(step, Fail) and step.is_numbered and not step.code.isdecimal():
                yield Problem(("steps", index, "code"), f"expected digits, not {shown(step.code)}")
