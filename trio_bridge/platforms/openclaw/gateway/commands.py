"""Commands in the text of a message: what the gateway does itself, without asking an agent."""

from __future__ import annotations

import attrs

NEW_SESSION = "✅ New session started."
RESET_SESSION = "✅ Session reset."
STATUS = "simulated gateway: ready"
HELP = "/new /reset /status /help /stop"

_STOPPING = frozenset({"/stop", "stop", "please stop", "abort", "停止"})
"""What ends a run if nothing else is said. Real gateways know some seventy such words, in a dozen languages."""
_RENEWING = {"/new": NEW_SESSION, "/reset": RESET_SESSION}
_TELLING = {"/status": STATUS, "/help": HELP}


@attrs.frozen
class Command:
    """What a text asks of the gateway itself."""

    stops: bool = False
    """End what runs. No run comes of it, and no terminal event."""
    renews: bool = False
    """Begin the session anew."""
    notice: str | None = None
    """What is said to it; ``None``: an agent is asked ``rest``."""
    rest: str = ""


def command_in(text: str) -> Command | None:
    """The command in a text. What is not known goes to the agent as it is."""
    word, _, rest = text.strip().partition(" ")
    word, rest = word.lower(), rest.strip()
    if text.strip().lower().rstrip("!?. ") in _STOPPING:
        return Command(stops=True)
    if word in _RENEWING:
        return Command(renews=True, notice=None if rest else _RENEWING[word], rest=rest)
    if word in _TELLING and not rest:
        return Command(notice=_TELLING[word])
    return None
