"""What one conversation is, and what is said in it beside the answers."""

from __future__ import annotations

from typing import Final, get_args

import attrs

from ...lists import texts
from .groups import SessionScope

RESETS: Final = ("/new", "/reset", "/clear", "新会话", "重新开始", "清空对话")
"""Words that ask for a new conversation, as people know them from other robots."""


@attrs.frozen(kw_only=True, slots=False)
class ConversationSettings:
    """Keys about conversations: whose messages belong together, what they remember, what is said around an answer."""

    separate_session_by_conversation: bool = True
    """A person alone with the robot is one conversation, a group another. Without it, all that a person says is one,
    wherever it is said."""
    group_session_scope: SessionScope = attrs.field(
        default="group", validator=attrs.validators.in_(get_args(SessionScope))
    )
    """What is one conversation in a group: the group, or each person in it (``group_sender``)."""
    shared_memory_across_conversations: bool = False
    """All conversations of the account remember the same. Their messages are handled side by side all the same."""
    reset_commands: tuple[str, ...] = attrs.field(default=RESETS, converter=texts)
    """A message that is nothing but one of these words, in any case, makes its conversation forget. Empty: none does.
    """
    reset_text: str = "已开始新的会话。A new conversation has begun."
    """Said after that; empty for silence."""
    session_full_text: str = "消息太多，处理不过来，请稍后再发。Too many messages: please send this one again later."
    """Said when a message was dropped because of ``session_queue_max``, at most once a minute in a conversation; empty
    for silence."""

    async_mode: bool = False
    """For answers that take long: say ``ack_text`` at once, and send all that follows through the API, not through a
    session webhook, which lives for an hour and a half."""
    ack_text: str = "🫡 任务已接收，处理中..."
    """Said with ``async_mode`` when a message is begun; empty for silence."""
    empty_reply_text: str = ""
    """Said when a message was handled and nothing was answered; empty for silence."""
    error_text: str | None = None
    """Said when a message is given up; empty for silence. Default: with ``async_mode`` a short excuse, else nothing."""
