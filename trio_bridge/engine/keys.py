"""The keys of replies. Each names the message that it answers, and so is the same when its handler runs again."""

from __future__ import annotations


def reply_key(message: str, which: int | str) -> str:
    """The key of a reply of the handler, by its number, or of a notice, by its kind."""
    return f"{message}/{which}"


def first_reply(message: str) -> str:
    """The key of the first reply that the handler gives."""
    return reply_key(message, 1)


def message_of(reply: str) -> str:
    """The key of the message that a reply answers."""
    return reply.rpartition("/")[0]
