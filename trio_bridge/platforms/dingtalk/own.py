"""The robot's own messages, which are not for it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ...messages import Message
from ...wire.jsontext import word
from .who import sender_id

logger = logging.getLogger(__name__)


class OwnMessages:
    """Tells what the robot said itself: each message has the robot's own id beside the sender's."""

    def __init__(self, labels: Mapping[str, Any]) -> None:
        self._labels = labels
        self._introduced = False

    def have(self, message: Message) -> bool:
        sender, chatbot = sender_id(message.raw), word(message.raw.get("chatbotUserId"))
        if not self._introduced and chatbot:
            self._introduced = True
            logger.debug("the robot's own id", extra={**self._labels, "chatbot_user_id": chatbot})
        return bool(sender) and sender == chatbot
