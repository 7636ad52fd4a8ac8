"""Text that can be stored and sent. JSON can say half a character, as of an emoji that was cut in two; UTF-8 can't."""

from __future__ import annotations


def whole_characters(text: str) -> str:
    """The text with halves of characters put together, and those that have no other half replaced."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
