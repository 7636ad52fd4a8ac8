"""What direct calls come to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import attrs

from ....errors import BridgeError
from ....messages import Attachment
from ....wire.jsontext import word
from ..events.content import read_content
from ..events.mentions import Mentions
from ..events.moments import moment
from ..events.shapes import as_object, as_objects

ENABLED: Final = 2
"""The status of a bot that works."""


@attrs.frozen(kw_only=True)
class Sent:
    """A message that Feishu took."""

    message_ids: tuple[str, ...]
    """One for each piece that was sent: what replies, edits and recalls name."""
    chat_id: str = ""
    """Where it is now, also for one that was sent to a person."""
    error: BridgeError | None = None
    """Why the rest of it was not sent."""

    @property
    def message_id(self) -> str:
        """The id of the only piece, or of the first."""
        return self.message_ids[0]

    @property
    def ok(self) -> bool:
        """Whether all of it was sent."""
        return self.error is None

    def check(self) -> None:
        """Raise what went wrong, if anything did."""
        if self.error is not None:
            raise self.error


@attrs.frozen(kw_only=True)
class StoredMessage:
    """A message as Feishu keeps it."""

    id: str
    type: str = ""
    """``text``, ``post``, ``image``, ``interactive``, ``merge_forward`` …"""
    chat_id: str = ""
    sender_id: str = ""
    """The open id of a person, or the app id of a bot."""
    sender_type: str = ""
    """``user``, ``app``, ``anonymous`` or ``unknown``."""
    text: str = attrs.field(default="", repr=False)
    """What it says, as a :class:`~trio_bridge.Message` would."""
    attachments: tuple[Attachment, ...] = attrs.field(default=(), repr=False)
    """Its files. Those of messages that were forwarded together can't be fetched."""
    sent_at: datetime | None = None
    is_edited: bool = False
    is_deleted: bool = False
    parent_id: str = ""
    """The message that it answers."""
    root_id: str = ""
    """The message that begins the tree of replies."""
    thread_id: str = ""
    forwarded_in: str = ""
    """The message that holds it, of several that were forwarded together."""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """Feishu's own description, whole."""


@attrs.frozen(kw_only=True)
class Bot:
    """The bot of the app."""

    open_id: str
    """What mentions of it name, to its own app only."""
    name: str = ""
    status: int = 0
    """Feishu's number for how far it is: 2 is a bot that works."""

    @property
    def is_enabled(self) -> bool:
        """Whether it works in this company."""
        return self.status == ENABLED


@attrs.frozen(kw_only=True)
class ApiStatus:
    """The account as its calls know it. There is no secret in here."""

    account: str
    app_id: str
    domain: str
    bot_open_id: str
    """Empty while nobody knows: then no mention in a group is known to be the bot's."""
    token_age: float | None
    """Seconds since the access token was fetched; ``None``: there is none that is good."""
    throttles: int
    """How often Feishu asked for patience since the account was started."""
    throttled_at: float | None
    """When it last did, in seconds since the epoch."""
    quota_gone_at: float | None
    """When Feishu last said that the calls of the month are used up."""
    missing_scopes: tuple[str, ...]
    """What the app would have needed for the last call that it was not allowed: one of these would have done."""
    cards_sent: int
    """Cards that were sent by calls of :class:`~trio_bridge.feishu.FeishuApi` since the account was started."""
    presses: int
    """Presses on cards that came since then."""
    hints: tuple[str, ...]
    """What somebody should look after: sentences."""


def read_stored(item: Mapping[str, Any], bot_open_id: str) -> StoredMessage:
    """A message in an answer of Feishu's. Raises nothing, whatever it holds."""
    message_id, kind = word(item.get("message_id")), word(item.get("msg_type"))
    sender = as_object(item.get("sender"))
    mentions = Mentions(list(map(_mention, as_objects(item.get("mentions")))), bot_open_id)
    content = read_content(kind, as_object(item.get("body")).get("content"), mentions, message_id)
    return StoredMessage(
        id=message_id,
        type=kind,
        chat_id=word(item.get("chat_id")),
        sender_id=word(sender.get("id")),
        sender_type=word(sender.get("sender_type")),
        text=content.text,
        attachments=content.media,
        sent_at=moment(item.get("create_time")),
        is_edited=item.get("updated") is True,
        is_deleted=item.get("deleted") is True,
        parent_id=word(item.get("parent_id")),
        root_id=word(item.get("root_id")),
        thread_id=word(item.get("thread_id")),
        forwarded_in=word(item.get("upper_message_id")),
        raw=item,
    )


def read_bot(bot: Mapping[str, Any]) -> Bot:
    """The bot in an answer of Feishu's."""
    status = bot.get("activate_status")
    return Bot(
        open_id=word(bot.get("open_id")),
        name=word(bot.get("app_name")),
        status=status if isinstance(status, int) else 0,
    )


def _mention(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """A mention as events tell it: its id by the kind of the id."""
    kind = word(entry.get("id_type")) or "open_id"
    return {**entry, "id": {kind: word(entry.get("id"))}}
