"""Rich text: a title and paragraphs of elements, as one text with a line for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ....wire.jsontext import word
from .mentions import BOT
from .reading import Reading
from .shapes import as_object, as_objects

LOCALES: Final = ("zh_cn", "en_us", "ja_jp")
"""Where several languages are there, which has to be sent so and may come so: the first of these."""


def read_post(data: Mapping[str, Any], reading: Reading) -> str:
    if "content" not in data:
        data = _localised(data)
    lines = (_line(paragraph, reading) for paragraph in _lists(data.get("content")))
    # A line that is nothing but a mention of the bot would leave an empty one.
    return "\n".join(line for line in (word(data.get("title")), *lines) if line.replace(BOT, "").strip())


def _localised(data: Mapping[str, Any]) -> Mapping[str, Any]:
    locales = (as_object(data.get(locale)) for locale in (*LOCALES, *data))
    return next((found for found in locales if found), data)


def _lists(value: Any) -> Iterator[list[Any]]:
    return (item for item in value if isinstance(item, list)) if isinstance(value, list) else iter(())


def _line(paragraph: list[Any], reading: Reading) -> str:
    return "".join(_element(element, reading) for element in as_objects(paragraph))


def _element(element: Mapping[str, Any], reading: Reading) -> str:
    text = word(element.get("text"))
    match element.get("tag"):
        case "text":
            return reading.mentions.resolved(text)
        case "a":
            href = word(element.get("href"))
            return f"[{text}]({href})" if text not in ("", href) else href
        case "at":
            return reading.mentions.at(word(element.get("user_id")), word(element.get("user_name")))
        case "img":
            reading.found("image", "image", element.get("image_key"))
        case "media":
            reading.found("video", "file", element.get("file_key"), cover=element.get("image_key"))
        case "emotion":
            return f":{emoji}:" if (emoji := word(element.get("emoji_type"))) else ""
        case "hr":
            return "---"
        case "code_block":
            return f"```{word(element.get('language')).lower()}\n{text}\n```"
        case _:  # Unknown elements are how rich text grows.
            return text
    return ""
