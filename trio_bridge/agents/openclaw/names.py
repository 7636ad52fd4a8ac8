"""What a conversation and a question are called at an OpenClaw gateway.

1. A gateway folds case, and takes parts of a key for something of its own: so a name is made of ``a-z0-9-`` alone, and
   a digest makes it unique. What stands before the digest is for people who look at the gateway's list of sessions.
2. The name of a session holds the message that began it: a conversation that forgot begins another.
3. The key of a question depends on nothing but the message: it is the same in every attempt and after a restart.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Final

from ...messages import Message

PREFIX: Final = "trio-bridge"
WORD: Final = 24
"""Characters of each word in front of a digest."""
DIGITS: Final = 32
"""Hexadecimal digits of a digest: 128 bits."""

_NAME: Final = re.compile(r"[a-z0-9-]{1,200}")


def session_name(message: Message) -> str:
    """The name of the session that ``message`` begins: of its platform, account, kind and conversation alone."""
    conversation = message.conversation
    words = (message.platform, message.account, conversation.kind, conversation.id)
    return "-".join([*filter(None, map(_word, words)), _digest(*words, message.id)])


def known_name(stored: object) -> str | None:
    """What was stored as the name of a session, if it is one."""
    return stored if isinstance(stored, str) and _NAME.fullmatch(stored) else None


def session_key(agent_id: str, name: str) -> str:
    """How the gateway knows a session of one of its agents."""
    return f"agent:{agent_id}:{PREFIX}:{name}"


def question_key(message: Message, failures: int = 0) -> str:
    """Under which a gateway answers the message once, however often it is asked.

    After runs that are known to have failed it is another one: a gateway would only repeat the failure.
    """
    key = f"{PREFIX}-{_digest(message.platform, message.account, message.id)}"
    return f"{key}-{failures + 1}" if failures else key


def _word(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text[: 4 * WORD].lower()).strip("-")[:WORD].strip("-")


def _digest(*words: str) -> str:
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:DIGITS]
