"""A DingTalk account, as a value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import ClassVar, Literal

import attrs

from ...config import Secret, positive
from ...engine.platform import Platform, PlatformConfig, Services
from ...errors import ConfigError
from ...lists import hosts, texts
from ...transport.urls import is_loopback
from .settings.callbacks import CallbackSettings
from .settings.cards import CardSettings
from .settings.conversations import DingTalkConversations
from .settings.downloads import DownloadSettings
from .settings.groups import ReplyMode, is_reply_mode
from .settings.policies import DingTalkPolicies
from .settings.uploads import UploadSettings
from .urls import host_of, is_http


def _to_secret(value: str | Secret) -> Secret:
    return Secret.of(value)


def _base_url(url: str) -> str:
    return url.rstrip("/")


@attrs.frozen(kw_only=True)
class DingTalk(
    CallbackSettings,
    CardSettings,
    DingTalkConversations,
    DingTalkPolicies,
    DownloadSettings,
    UploadSettings,
    PlatformConfig,
):
    """A DingTalk app with a robot, connected by Stream Mode.

    One account for each app: of two connections, each would get some of the messages, by chance.
    """

    platform: ClassVar[str] = "dingtalk"
    aliases: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("app_key", "appKey", "clientId"), "client_id"),
        **dict.fromkeys(("app_secret", "appSecret", "clientSecret"), "client_secret"),
    }

    client_id: str
    """The app key of the app (``ding…``)."""
    client_secret: Secret = attrs.field(converter=_to_secret)
    """The app secret."""
    robot_code: str = attrs.field(default=attrs.Factory(lambda self: self.client_id, takes_self=True))
    """The robot that answers. Nearly always the app key itself."""
    endpoint: str = attrs.field(default="https://api.dingtalk.com", converter=_base_url)
    """Base URL of the newer API and of the open call. On a loopback address, loopback webhooks are allowed too."""
    oapi_endpoint: str = attrs.field(default="https://oapi.dingtalk.com", converter=_base_url)
    """Base URL of the older API; its host is the one that session webhooks may name."""
    webhook_hosts: tuple[str, ...] = attrs.field(default=(), converter=hosts)
    """Further hosts that session webhooks may name."""
    http_timeout: float = attrs.field(default=30.0, validator=positive)
    """For one call of the API as a whole."""

    bot_names: tuple[str, ...] = attrs.field(default=(), converter=texts)
    """Names of the robot: a leading ``@name`` is taken off the text."""

    reply_mode: ReplyMode = attrs.field(default="card", validator=is_reply_mode)
    """How answers look. ``card``: one that is streamed grows in an AI card, every other is a message as with ``auto``.
    ``auto``: markdown where the text has a line break or looks like markdown."""
    at_sender: bool = True
    """In groups, mention whoever is answered."""
    chunk_limit: int = attrs.field(default=4000, validator=attrs.validators.ge(100))
    """Characters of one message; a longer answer is several."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        problems = [
            *self._client_id_problems(),
            *self._endpoint_problems(),
            *self._policy_problems(),
            *self._card_problems(),
        ]
        if self.client_secret.text is not None and not self.client_secret.text.strip():
            problems.append("client_secret: expected the app secret, not nothing")
        if self.robot_code != self.client_id and not self.robot_code.strip():
            problems.append("robot_code: expected the code of the robot, not nothing")
        if problems:
            raise ConfigError(*problems)

    def reply_mode_in(self, kind: Literal["direct", "user", "group"], conversation_id: str) -> ReplyMode:
        """How answers look in a conversation: as its group says, or all groups, or the account."""
        if kind != "group":
            return self.reply_mode
        group = self.groups.get(conversation_id)
        return (group and group.reply_mode) or self.group_reply_mode or self.reply_mode

    def system_prompt_in(self, conversation_id: str) -> str:
        """The same, and how a file is sent."""
        return self.told(super().system_prompt_in(conversation_id))

    def _client_id_problems(self) -> Iterable[str]:
        if not self.client_id or any(character.isspace() for character in self.client_id):
            yield "client_id: expected the app key of the app, without spaces"
        elif self.client_id.startswith("dingtalk_"):
            yield "client_id: expected the app key of the app (ding…), not the name of an integration"

    def _endpoint_problems(self) -> Iterable[str]:
        for name in ("endpoint", "oapi_endpoint"):
            if not is_http(getattr(self, name)):
                yield f"{name}: expected an http or https URL"

    def open_platform(self, services: Services) -> AbstractAsyncContextManager[Platform]:
        from .platform import open_dingtalk  # a configuration alone loads no network code

        return open_dingtalk(self, services)

    def base_urls(self) -> tuple[str, ...]:
        return (f"{self.endpoint}/", f"{self.oapi_endpoint}/")

    def exclusive_key(self) -> str | None:
        """The app. What runs on this machine is a simulator, which anybody may share."""
        return None if is_loopback(host_of(self.endpoint)) else f"{self.platform}:{self.client_id}"
