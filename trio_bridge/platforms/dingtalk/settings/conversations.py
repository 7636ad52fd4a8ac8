"""What one conversation is, and what is said and shown in it beside the answers."""

from __future__ import annotations

import attrs

from ....bots.settings.conversations import ConversationSettings


@attrs.frozen(kw_only=True, slots=False)
class DingTalkConversations(ConversationSettings):
    """Keys about conversations, and about the mark on a message that is thought about."""

    thinking_emotion: bool = True
    """Mark a message as thought about while its answer takes longer than a second, by a call that DingTalk does not
    document: after three errors in a row there are no more of them."""
