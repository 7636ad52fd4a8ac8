"""Keys of sessions: what the gateway makes of them. What it said of itself is ``None`` before it said anything."""

from __future__ import annotations

from typing import Final

from .hello import MAIN_AGENT, Hello

MAIN: Final = "main"
"""What every gateway takes for its main session."""
LONGEST_KEY: Final = 512
"""Characters."""


def canonical(key: str, default_agent: str) -> str:
    """A session's key as events name it: trimmed, in lower case, and with its agent.

    Keys that differ in their case alone are one session to the gateway.
    """
    plain = key.strip().lower()
    return plain if plain.startswith("agent:") else f"agent:{default_agent.lower()}:{plain}"


def whole_key(key: str, hello: Hello | None) -> str:
    """The key as events name it, of a session that somebody named here."""
    return canonical(key, MAIN_AGENT if hello is None else hello.default_agent)


def main_session(hello: Hello | None) -> str:
    """The key of the session that is meant where nobody names one."""
    return MAIN if hello is None else hello.session_key
