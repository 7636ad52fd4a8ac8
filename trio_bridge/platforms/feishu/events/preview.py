"""A link of ours that somebody wrote, and what is shown in its place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs

from ....wire.jsontext import word
from .card_parts import Card, card_part, reply_text
from .person import Person, read_person
from .shapes import as_object


@attrs.frozen(kw_only=True)
class PreviewRequest:
    """Somebody is about to see a link that the app has registered."""

    url: str
    operator: Person
    """For whom the preview is."""
    message_id: str = ""
    """The message with the link (``om_…``); empty while it is being written."""
    chat_id: str = ""
    preview_token: str = attrs.field(default="", repr=False)
    """What the preview can be changed by later."""
    host: str = ""
    """Where it is shown: ``im_message``, or ``im_top_notice``."""
    tenant_key: str = ""
    event_id: str = ""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    """The platform's own data, whole."""


@attrs.frozen(kw_only=True)
class Preview:
    """What is shown of a link: words in its place, a card below the message, or both."""

    title: str = attrs.field(default="", validator=attrs.validators.instance_of(str))
    """In place of the link."""
    i18n_title: Mapping[str, str] = attrs.field(factory=dict)
    """The same by language (``zh_cn``, ``en_us``)."""
    image_key: str = ""
    """The picture before it, by the key that its upload gave."""
    card: Card | None = attrs.field(default=None, repr=False)
    """Below the message: JSON of a card, or a :class:`CardTemplate`."""


PreviewHandler = Callable[[PreviewRequest], Awaitable[Preview | None]]
"""``async def on_url_preview(request)``; ``None`` shows the link as it is."""


def read_preview_request(data: Mapping[str, Any]) -> PreviewRequest:
    """The request in the data of a callback. Raises nothing, whatever the data."""
    header, event = as_object(data.get("header")), as_object(data.get("event"))
    context, operator = as_object(event.get("context")), as_object(event.get("operator"))
    return PreviewRequest(
        url=word(context.get("url")),
        operator=read_person(operator),
        message_id=word(context.get("open_message_id")),
        chat_id=word(context.get("open_chat_id")),
        preview_token=word(context.get("preview_token")),
        host=word(event.get("host")),
        tenant_key=word(header.get("tenant_key")) or word(operator.get("tenant_key")),
        event_id=word(header.get("event_id")),
        raw=data,
    )


def preview_reply(preview: Preview | None) -> str:
    """The answer to a request.

    Raises:
      TypeError, ValueError: it is none, or holds what is not JSON.
    """
    if preview is None:
        preview = Preview()
    if not isinstance(preview, Preview):
        raise TypeError(f"on_url_preview returns a Preview or None, not {type(preview).__name__}")
    shown = {"title": preview.title, "i18n_title": dict(preview.i18n_title), "image_key": preview.image_key}
    inline = {name: value for name, value in shown.items() if value}
    parts: dict[str, Any] = {"inline": inline} if inline else {}
    if preview.card is not None:
        parts["card"] = card_part(preview.card)
    return reply_text(parts)
