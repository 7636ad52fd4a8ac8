"""A stored delivery becomes a message: in the middle of everything, so nothing is read twice."""

from __future__ import annotations

from ....messages import Attachment, Conversation, Message, MessageContext, Quote, Sender
from ....wire.jsontext import parse
from ....wire.protocol import Delivery
from ..config import Feishu
from .extract import Extracted
from .topics import MESSAGES


def message_of(config: Feishu, delivery: Delivery, bot_open_id: str, context: MessageContext | None) -> Message | None:
    """What a delivery says; ``None`` where it is no message, or one of nowhere. Raises nothing.

    Without ``bot_open_id`` nobody knows whether the bot is mentioned in a group: it is not, then. A message without
    words is one too: somebody called the bot.
    """
    if delivery.topic not in MESSAGES:
        return None  # An event, kept when somebody handled it.
    try:
        data = parse(delivery.data)
    except ValueError:
        return None
    said = Extracted(data, bot_open_id)
    if not (chat_id := said.chat_id):
        return None
    is_group, parent = said.is_group, said.parent_id
    who, *others = said.sender.ids or ("",)
    return Message(
        platform=config.platform,
        account=config.name,
        id=delivery.key,
        conversation=Conversation(chat_id, "group" if is_group else "direct"),
        sender=Sender(who, known_as=tuple(others)),
        text=said.text or (config.picture_prompt if _is_pictures(said.media) else ""),
        attachments=said.media,
        mentioned=not is_group or said.mentions_bot,
        reply_to=Quote(id=parent) if parent else None,
        sent_at=said.sent_at,
        system_prompt=config.system_prompt_in(chat_id),
        raw=data,
        context=context,
    )


def _is_pictures(media: tuple[Attachment, ...]) -> bool:
    """Whether there are pictures, which can be looked at, and nothing else: nobody can fetch a sticker."""
    return bool(media) and all(each.source.get("type") == "image" for each in media)
