"""A Feishu account, as a value."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import ClassVar, Final, Literal, get_args
from urllib.parse import urlsplit

import attrs

from ...bots.settings.conversations import ConversationSettings
from ...config import Secret, blank_secrets, not_negative, positive
from ...engine.platform import Platform, PlatformConfig, Services
from ...errors import ConfigError
from ...transport.urls import is_loopback
from .settings.callbacks import CallbackSettings
from .settings.cards import CardSettings
from .settings.media import MediaSettings
from .settings.policies import FeishuPolicies
from .settings.sending import ReplyMode, SendingSettings
from .settings.webhook import WebhookSettings

Mode = Literal["websocket", "webhook", "both"]

APP_ID: Final = "cli_"
"""How every app id begins."""


def _to_secret(value: str | Secret) -> Secret:
    return Secret.of(value)


def _base_url(url: str) -> str:
    """The place itself: people copy addresses with a path, and each call brings its own."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else url


@attrs.frozen(kw_only=True)
class Feishu(
    CallbackSettings,
    CardSettings,
    ConversationSettings,
    FeishuPolicies,
    MediaSettings,
    SendingSettings,
    WebhookSettings,
    PlatformConfig,
):
    """A Feishu or Lark app with a bot, connected by its long connection or called by a webhook.

    One account for each app: of two connections, each would get some of the messages, by chance.
    """

    platform: ClassVar[str] = "feishu"

    app_id: str
    """The app (``cli_…``), as the developer console shows it."""
    app_secret: Secret = attrs.field(converter=_to_secret)
    """The app secret."""
    domain: str = attrs.field(default="https://open.feishu.cn", converter=_base_url)
    """Where Feishu is: ``https://open.larksuite.com`` for Lark."""
    mode: Mode = attrs.field(default="websocket", validator=attrs.validators.in_(get_args(Mode)))
    """How messages come: over a connection of ours (``websocket``), by calls to us (``webhook``), or ``both``: while
    one takes the place of the other, or where events and presses on cards come by different ways."""
    http_timeout: float = attrs.field(default=30.0, validator=positive)
    """For one call of the API as a whole."""
    connect_timeout: float = attrs.field(default=15.0, validator=positive)
    """For the call that says where to connect. The connection itself has limits for each of its steps."""
    slow_retry: float = attrs.field(default=300.0, validator=positive)
    """Between two attempts where asking sooner is of no use and giving up would be wrong: too many connections, an app
    that is not published yet."""
    stale_after: float = attrs.field(default=1800.0, validator=not_negative)
    """A message that is older when it arrives is acknowledged, counted and passed over: nobody waits for its answer any
    more. 0: none is too old."""
    callback_deadline: float = attrs.field(default=2.0, validator=positive)
    """How long a handler has to answer the press of a button. Feishu waits for 3 s in all."""
    ping_interval_min: float = attrs.field(default=5.0, validator=positive)
    """Feishu says how often it wants its own kind of ping; no oftener than this."""
    max_frame_bytes: int = attrs.field(default=4 * 2**20, validator=positive)
    """The largest frame that is taken."""
    max_event_bytes: int = attrs.field(default=16 * 2**20, validator=positive)
    """The largest event that is put together of fragments."""
    max_fragments: int = attrs.field(default=1024, validator=attrs.validators.ge(1))
    """Fragments of one event."""
    fragment_ttl: float = attrs.field(default=30.0, validator=positive)
    """An event of which no fragment has come for so long is given up: Feishu sends it again."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        problems = list(self._problems())
        if problems:
            raise ConfigError(*problems)

    @property
    def is_called(self) -> bool:
        """Whether Feishu calls us for the account."""
        return self.mode != "websocket"

    @property
    def connects(self) -> bool:
        """Whether the account has a connection of its own."""
        return self.mode != "webhook"

    def reply_mode_in(self, chat: str, *, group: bool) -> ReplyMode:
        """How answers look in a conversation: as its group says, or all groups, or the account."""
        own = self.groups.get(chat)
        return (own and own.reply_mode) or (group and self.group_reply_mode) or self.reply_mode

    @property
    def reply_modes(self) -> frozenset[ReplyMode]:
        """All the ways in which answers of the account may look."""
        return frozenset({self.reply_mode, *(self.reply_mode_in(chat, group=True) for chat in (*self.groups, ""))})

    def system_prompt_in(self, conversation_id: str) -> str:
        """What whoever answers in a conversation is told: what its group says, or the account, and about files."""
        return self.told(super().system_prompt_in(conversation_id))

    def open_platform(self, services: Services) -> AbstractAsyncContextManager[Platform]:
        from .platform import open_feishu  # a configuration alone loads no network code

        return open_feishu(self, services)

    def base_urls(self) -> tuple[str, ...]:
        return (f"{self.domain}/",)

    def exclusive_key(self) -> str | None:
        """The app. What runs on this machine is a simulator, which anybody may share."""
        return None if is_loopback(urlsplit(self.domain).hostname or "") else f"{self.platform}:{self.app_id}"

    def _problems(self) -> Iterable[str]:
        if not self.app_id.startswith(APP_ID) or any(character.isspace() for character in self.app_id):
            yield "app_id: expected the id of the app, cli_…, without spaces"
        yield from blank_secrets(app_secret=self.app_secret)
        if not _is_base_url(self.domain):
            yield "domain: expected https://HOST, such as https://open.feishu.cn"
        yield from self._policy_problems()
        yield from self._webhook_problems(called=self.is_called)


def _is_base_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in url
    except ValueError:
        return False
