"""What one message holds, by its kind: text, media, links, skills. The same for a message and for a quoted one.

Platforms change their minds about shapes: a body may be an object or JSON text, a field may sit in one of several
places, a list may hold anything. Nothing here raises for that; what can't be read is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal

import attrs

from ...messages import Attachment
from ...wire.jsontext import parse, word

MediaKind = Literal["image", "audio", "video", "file"]

MEDIA_KINDS: Final[Mapping[str, MediaKind]] = {
    "picture": "image",
    "audio": "audio",
    "video": "video",
    "file": "file",
}

FILES: Final = 100
"""Files of one message that are told of: whoever fetches them all makes a call for each."""

CARD_NODES: Final = 1000
"""Parts of a quoted card that are looked at: its sender chooses how many there are."""


@attrs.frozen
class Skill:
    """A skill of an AI assistant that the sender chose."""

    id: str
    name: str


@attrs.frozen
class Content:
    """What a message holds. ``known`` is false for kinds that nobody can read."""

    text: str = ""
    media: tuple[Attachment, ...] = ()
    links: tuple[str, ...] = ()
    skills: tuple[Skill, ...] = ()
    known: bool = True


def as_object(value: Any) -> Mapping[str, Any]:
    """A JSON object, given as such or as text; an empty one for everything else."""
    if isinstance(value, str):
        value = _opened(value)
    return value if isinstance(value, dict) else {}


def as_objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """The objects of a list, given as such or as text."""
    value = _opened(value)
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())


def _opened(value: Any) -> Any:
    try:
        return parse(value) if isinstance(value, str) else value
    except ValueError:
        return None


def read_content(kind: str, body: Mapping[str, Any], text: Mapping[str, Any]) -> Content:
    """The content of a message of ``kind``. ``body`` is its ``content``, ``text`` its ``text``, both opened."""
    reader = READERS.get(kind)
    return Content(known=False) if reader is None else reader(body, text)


def _read_text(body: Mapping[str, Any], text: Mapping[str, Any]) -> Content:
    return Content(_first(text, "content") or _first(body, "text", "content"))


def _read_rich_text(body: Mapping[str, Any], text: Mapping[str, Any]) -> Content:
    words, media, skills = [], [], []
    for item in as_objects(body.get("richText", body.get("richTextList"))):
        kind = word(item.get("type")) or word(item.get("msgType"))
        if kind == "skill":
            skill = as_object(item.get("skillData"))
            skills.append(Skill(word(skill.get("skillId")), word(skill.get("displayName"))))
            continue
        if kind in ("", "text"):
            words.append(_first(item, "text", "content"))
        if found := read_media(MEDIA_KINDS.get(kind, "image"), item):
            media.append(found)
    return Content("".join(words), tuple(media[:FILES]), skills=tuple(skills))


def _read_action_card(body: Mapping[str, Any], text: Mapping[str, Any]) -> Content:
    parts = (_first(body, "title"), _first(body, "text"))
    links = (word(item.get("actionUrl")) for item in as_objects(body.get("actionUrlItemList")))
    return Content("\n\n".join(part for part in parts if part), links=tuple(link for link in links if link))


def _read_card(body: Mapping[str, Any], text: Mapping[str, Any]) -> Content:
    link = word(body.get("biz_custom_action_url"))
    return Content("\n".join(_card_texts(body.get("cardContent"))), links=(link,) if link else ())


def _card_texts(tree: Any) -> Iterator[str]:
    """The texts of a card's tree, from top to bottom. Iterative, because the tree may be deeper than our stack."""
    waiting = [_opened(tree)]
    for _ in range(CARD_NODES):
        if not waiting:
            return
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(reversed(node))
        elif isinstance(node, dict):
            if said := _first(node, "value", "text"):
                yield said
            waiting.append(node.get("children"))


def _read_chat_record(body: Mapping[str, Any], text: Mapping[str, Any]) -> Content:
    """Forwarded messages, one line each. The list is often incomplete, and sometimes not there."""
    lines, media = [], []
    for entry in as_objects(body.get("chatRecord")):
        kind = word(entry.get("msgType"))
        lines.append(f"{word(entry.get('senderNick')) or '?'}: {word(entry.get('content')) or f'[{kind}]'}")
        if kind in MEDIA_KINDS and (found := read_media(MEDIA_KINDS[kind], entry)):
            media.append(found)
    return Content("\n".join(lines) or _first(body, "title"), tuple(media[:FILES]))


def _read_medium(kind: MediaKind) -> Callable[[Mapping[str, Any], Mapping[str, Any]], Content]:
    def read(body: Mapping[str, Any], text: Mapping[str, Any]) -> Content:
        found = read_media(kind, body)
        # A recording comes with what the platform heard in it.
        return Content(_first(body, "recognition"), () if found is None else (found,))

    return read


def read_media(kind: MediaKind, item: Mapping[str, Any]) -> Attachment | None:
    """A picture, recording, video or file. Only a file is worth naming when nothing says where it is."""
    source: dict[str, Any] = {}
    if code := _first(item, "downloadCode", "pictureDownloadCode"):
        source["code"] = code
    elif url := _first(item, "pictureUrl"):
        source["url"] = url
    elif kind != "file" or not item:
        return None
    for ours, theirs in (("file_id", "fileId"), ("space_id", "spaceId"), ("video_type", "videoType")):
        if value := word(item.get(theirs)):
            source[ours] = value
    if isinstance(item.get("duration"), str | int | float):
        source["duration_raw"] = item["duration"]  # nobody says in which unit
    return Attachment(kind=kind, name=word(item.get("fileName")), source=source)


def _first(item: Mapping[str, Any], *names: str) -> str:
    for name in names:
        if said := word(item.get(name)):
            return said
    return ""


READERS: Final[Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Content]]] = {
    "text": _read_text,
    "reply": _read_text,
    "markdown": _read_text,
    "richText": _read_rich_text,
    "actionCard": _read_action_card,
    "interactiveCard": _read_card,
    "chatRecord": _read_chat_record,
    **{name: _read_medium(kind) for name, kind in MEDIA_KINDS.items()},
}
