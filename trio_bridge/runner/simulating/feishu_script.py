"""What a script can have a simulated Feishu do, besides what all chat platforms do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import attrs

from ...config import Secret, positive
from ...platforms.feishu.gateway import cards, doorkeeper, files, messages, tokens
from ...platforms.feishu.gateway.model import Rules
from ...platforms.feishu.gateway.updates import UPDATE
from ..structure import Problem
from ..wording import shown
from .chat_script import SHARED, Aimed, ChatScript, Failing
from .script import Place, Step, is_json

CALLS: Mapping[str, str] = {
    "address": doorkeeper.PATH,
    "token": tokens.TOKEN,
    "send": messages.SEND,
    "reply": messages.REPLY,
    "edit": messages.EDIT,
    "patch": messages.PATCH,
    "card_create": cards.CREATE,
    "card_stream": cards.STREAM,
    "card_settings": cards.SETTINGS,
    "card_replace": cards.REPLACE,
    "card_update": UPDATE,
    "image": files.UPLOAD_IMAGE,
    "file": files.UPLOAD_FILE,
    "download": files.DOWNLOAD,
}
"""Name → method and path of the calls that can be made to fail."""


@attrs.frozen(kw_only=True)
class Push(Aimed):
    """Push any payload."""

    push: dict[str, Any] = attrs.field(validator=is_json)
    """The whole envelope."""


@attrs.frozen(kw_only=True)
class Press(Step):
    """Have a person press a button of the newest card, and go on when the bot has answered."""

    press: dict[str, Any] = attrs.field(validator=is_json)
    """The value of the button."""
    action: dict[str, Any] = attrs.field(factory=dict, validator=is_json)
    """What else the press says: ``{ tag = "select_static", option = "2" }``, ``{ form_value = { … } }``."""
    sender: str | None = None
    """Who presses it. Without it: whoever the card was sent to, in a group always the same person."""
    within: float = attrs.field(default=30.0, validator=positive)


@attrs.frozen(kw_only=True)
class Fragment(Step):
    """From now on cut each event into so many frames. 1: into none."""

    fragments: int = attrs.field(validator=attrs.validators.ge(1))
    order: tuple[int, ...] | None = None
    """The numbers of the pieces as they are sent, from 0: in any order, twice, or not at all."""
    gap: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    """Seconds between two frames."""


@attrs.frozen(kw_only=True)
class Fail(Failing):
    """Calls of the API fail."""

    fail: Literal[
        "address", "token", "send", "reply", "edit", "patch",
        "card_create", "card_stream", "card_settings", "card_replace", "card_update",
        "image", "file", "download",
    ]  # fmt: skip
    status: int = attrs.field(
        default=attrs.Factory(lambda self: 200 if self.fail == "address" else 400, takes_self=True),
        validator=attrs.validators.and_(attrs.validators.ge(200), attrs.validators.le(599)),
    )
    code: int = attrs.field(
        default=attrs.Factory(lambda self: 1000040343 if self.fail == "address" else 230001, takes_self=True)
    )
    """The platform's number in the answer."""
    retry_after: int | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.ge(0)))
    """The seconds that the answer asks to wait."""


VERBS: Mapping[str, type[Step]] = {
    **SHARED,
    "push": Push,
    "press": Press,
    "fragments": Fragment,
    "fail": Fail,
}


@attrs.frozen(kw_only=True)
class Client:
    """Credentials that are let in, and where the app wants to be called, if it does."""

    app_id: str = attrs.field(validator=attrs.validators.min_len(1))
    app_secret: Secret
    webhook: str = ""
    """The URL that is called for the app's events, as soon as it has given a challenge back. Nothing: they are sent on
    the app's connections."""
    encrypt_key: Secret | None = None
    verification_token: Secret | None = None


@attrs.frozen(kw_only=True)
class ScriptRules(Rules):
    """How the platform behaves, as far as a file can say it."""

    pong: Literal["config", "none", "off"] = "config"


@attrs.frozen(kw_only=True)
class FeishuScript(ChatScript):
    """What stands before the steps."""

    clients: tuple[Client, ...] = ()
    """Who is let in. Without any, everybody is."""
    rules: ScriptRules = attrs.field(factory=ScriptRules)

    @property
    def known(self) -> list[str]:
        return [client.app_id for client in self.clients]

    def secrets(self) -> Iterator[tuple[Place, Secret]]:
        for index, client in enumerate(self.clients):
            for name in ("app_secret", "encrypt_key", "verification_token"):
                secret: Secret | None = getattr(client, name)
                if secret is not None:
                    yield ("clients", index, name), secret

    def problems(self) -> list[Problem]:
        """What is wrong with any script, and webhooks and pieces that there can't be."""
        return [*super().problems(), *self._uncallable(), *self._no_pieces()]

    def _uncallable(self) -> Iterator[Problem]:
        for index, client in enumerate(self.clients):
            if client.webhook and not _is_url(client.webhook):
                text = f"expected a URL, such as http://127.0.0.1:8712/feishu, not {shown(client.webhook)}"
                yield Problem(("clients", index, "webhook"), text)
            if client.webhook and client.verification_token is None:
                text = "missing: expected the one of the account, which knows its calls by it"
                yield Problem(("clients", index, "verification_token"), text)

    def _no_pieces(self) -> Iterator[Problem]:
        for index, step in enumerate(self.steps):
            if isinstance(step, Fragment) and not all(0 <= each < step.fragments for each in step.order or ()):
                last = step.fragments - 1
                yield Problem(("steps", index, "order"), f"expected numbers of pieces, from 0 to {last}")


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
