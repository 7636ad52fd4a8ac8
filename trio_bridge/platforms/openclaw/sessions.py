"""Keys of sessions: what the gateway makes of them."""

from __future__ import annotations

from typing import Final

LONGEST_KEY: Final = 512
"""Characters."""


def canonical(key: str, default_agent: str) -> str:
    """A session's key as events name it: trimmed, in lower case, and with its agent.

    Keys that differ in their case alone are one session to the gateway.
    """
    plain = key.strip().lower()
    return plain if plain.startswith("agent:") else f"agent:{default_agent.lower()}:{plain}"
