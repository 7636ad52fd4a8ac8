"""What a gateway is asked: the text of a message, as it is to be read there."""

from __future__ import annotations

import re
from typing import Final

from ...messages import Message
from ...wire.characters import whole_characters
from .._speaker import with_speaker
from .agent import ALL, OpenClaw

JOINER: Final = "\N{WORD JOINER}"
"""Seen by nobody. A gateway does not take what follows it for a command."""

STOPPED: Final = "⚠ (stopped)"
"""What ends an answer that somebody stopped at the gateway."""

_DROPPED: Final = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127, 0xFEFF])
"""Characters that a gateway drops before it looks for commands, refuses (the first), or takes for blanks (the last)."""

_COMMAND: Final = re.compile(r"(?:(?<=\\n)|(?<![\w./~-]))(?:!|/(?!/|[\w.-]+/))")
"""The beginning of a command, wherever in a text a gateway may look for one, whatever follows: it takes out some of
what stands between a sign and a word, and what stands before a sign. Two letters, a backslash and an n, are a blank to
it. Paths and addresses are no commands."""

_NAMED: Final = re.compile(r"\s*(/[\w-]+)(?![^\s:])")
"""A command that is the beginning of a text."""


def said_in(message: Message) -> str:
    """What was said, in characters that a gateway takes; nothing where nothing was."""
    said = whole_characters(message.text).translate(_DROPPED)
    return said if said.strip() else ""


def question_of(message: Message, agent: OpenClaw, *notes: str) -> str:
    """What was said, and below it notes on files: no command but one in front that is allowed."""
    said, allowed = said_in(message), frozenset(agent.commands)
    named = _NAMED.match(said)
    given = named.end() if named and allowed & {ALL, named[1].lower()} else 0
    if said and agent.show_sender and not given:
        said = with_speaker(message)
    plain = whole_characters(below(said, *notes)).translate(_DROPPED)
    if ALL in allowed:
        return plain
    return plain[:given] + _COMMAND.sub(lambda sign: JOINER + sign[0], plain[given:])


def below(*parts: str) -> str:
    """The parts that are there, one below the other."""
    return "\n\n".join(filter(None, parts))
