"""How answers look, and how they are sent."""

from __future__ import annotations

from typing import Final, Literal, get_args

import attrs

from ....config import positive

ReplyMode = Literal["card", "auto", "post", "text"]
Quote = Literal["groups", "always", "never"]

is_reply_mode: Final = attrs.validators.in_(get_args(ReplyMode))


@attrs.frozen(kw_only=True, slots=False)
class SendingSettings:
    """Keys about answers."""

    reply_mode: ReplyMode = attrs.field(default="card", validator=is_reply_mode)
    """How answers look. ``card``: one that is streamed grows in a card, every other is a message as with ``auto``.
    ``auto``: a post, which shows markdown, where the text has a line break or looks like markdown; else plain text."""
    group_reply_mode: ReplyMode | None = attrs.field(default=None, validator=attrs.validators.optional(is_reply_mode))
    """The same for groups; by default as everywhere."""
    quote: Quote = attrs.field(default="groups", validator=attrs.validators.in_(get_args(Quote)))
    """Where the first message of an answer quotes what it answers. In a thread every message does, or it would not stay
    there."""
    reply_in_thread: bool = False
    """In groups, answer in a thread below the message. What is said in a thread is answered there in any case."""
    at_sender: bool = False
    """In groups, mention whoever is answered. A quote tells them already."""
    at_all: bool = False
    """Let answers mention everybody. Whoever writes to the bot can make a language model try."""
    send_rate_per_chat: float = attrs.field(default=4.0, validator=positive)
    """Messages per second to one conversation. Feishu takes 5, from all the bots of a group together."""
