"""What a gateway is asked: the text of a message, as it is to be read there."""

from __future__ import annotations

import re
from typing import Final

from ...messages import Message
from ...wire.characters import whole_characters
from .._speaker import with_speaker
from .agent import OpenClaw

JOINER: Final = "\N{WORD JOINER}"
"""Seen by nobody. A gateway does not take what follows it for a command."""

STOPPED: Final = "⚠ (stopped)"
"""What ends an answer that somebody stopped at the gateway."""

_COMMAND: Final = re.compile(r"(?<![\w./~-])[/!](?=\s*[^\W\d_])")
"""The beginning of a command, wherever in a text a gateway looks for one; paths and addresses are none."""


def question_of(message: Message, agent: OpenClaw) -> str:
    """What was said; nothing where nothing was."""
    if not message.text.strip():
        return ""
    said = with_speaker(message) if agent.show_sender else message.text
    return whole_characters(said if agent.commands else _COMMAND.sub(lambda sign: JOINER + sign[0], said))


def below(*parts: str) -> str:
    """The parts that are there, one below the other."""
    return "\n\n".join(filter(None, parts))
