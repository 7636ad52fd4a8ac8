"""Types of events that are more than events: messages, and what is answered at once."""

from __future__ import annotations

from typing import Final

MESSAGE: Final = "im.message.receive_v1"
OLD_MESSAGE: Final = "message"
"""The same in schema 1.0."""

CARD_ACTION: Final = "card.action.trigger"
URL_PREVIEW: Final = "url.preview.get"

MESSAGES: Final = frozenset((MESSAGE, OLD_MESSAGE))
ANSWERED: Final = frozenset((CARD_ACTION, URL_PREVIEW))
"""Callbacks: whoever caused one waits for its answer. They do not come again."""
