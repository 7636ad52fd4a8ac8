"""What an endpoint says when it does not answer, as the error that tells what to do about it."""

from __future__ import annotations

import json
from typing import Any, Final

from ...errors import AccountRefused, BridgeError, RateLimited, RequestFailed
from ...transport.http import HttpReply

PAUSE: Final = 10.0
"""Seconds for an endpoint that is down or busy: a model takes that long to load, and the five attempts of a message
would otherwise be over in as many."""
LONGEST_PAUSE: Final = 300.0
"""Seconds that somebody who waits for an answer can be asked to wait, whatever the endpoint says of its quota."""
SHOWN: Final = 200
"""Characters of what a server says."""

_REFUSED: Final = (401, 403)
_PERHAPS_TOO_LONG: Final = (400, 413, 422)
_LATER: Final = (408, 425, 429)


class PerhapsTooLong(RequestFailed):
    """The endpoint will not have this conversation: most often because it is longer than the model can take."""


def failure_of(reply: HttpReply, *, token: str | None, model: str) -> BridgeError:
    """Why there is no answer, by the status. What the server says is shortened, and the token is taken out of it."""
    said, code = _said(reply)
    status, text = reply.status, f"{reply.status} {shortened(said, token)}".rstrip()
    if status in _REFUSED:
        what = "refuses the agent's token" if token else "wants a token, and the agent has none: set token"
        return AccountRefused(f"the endpoint {what}: {text}", kind="auth", code=str(status))
    if status in _LATER or status >= 500:
        return RateLimited(f"the endpoint can't answer now: {text}", retry_after=pause(reply.retry_after))
    if status == 404:
        text = f"the endpoint knows no model {model!r}, or url is not its base: {text}"
    elif 300 <= status < 400:
        text = f"the endpoint is elsewhere, and redirects are not followed: {text}"
    else:
        text = f"the endpoint refused the request: {text}"
    return (PerhapsTooLong if status in _PERHAPS_TOO_LONG else RequestFailed)(
        text, code=shortened(code, token) or str(status)
    )


def failure_said(error: object, token: str | None) -> RequestFailed:
    """The error that stands in place of an answer, or in the middle of one."""
    message, code = _worded(error)
    return RequestFailed(
        f"the model failed: {shortened(message, token) or 'it does not say why'}", code=shortened(code, token)
    )


def pause(hint: float | None) -> float:
    """How long to wait, with what the server says of it."""
    return min(max(hint or 0.0, PAUSE), LONGEST_PAUSE)


def shortened(text: str, token: str | None) -> str:
    """The text on one line, without the token, and not too long for a log."""
    hidden = text.replace(token, "***") if token else text
    line = " ".join("".join(character if character.isprintable() else " " for character in hidden).split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def _said(reply: HttpReply) -> tuple[str, str]:
    """What the body says in words, and its code if it has one."""
    if "html" in reply.headers.get("content-type", "").lower() or reply.body.lstrip().startswith(b"<"):
        return "(a web page: is url the base of the endpoint?)", ""
    try:
        decoded: object = json.loads(reply.body)
    except (ValueError, RecursionError):
        return reply.text, ""
    if isinstance(decoded, dict):
        return _worded(next((decoded[key] for key in ("error", "message", "detail") if decoded.get(key)), decoded))
    return _worded(decoded)


def _worded(error: Any) -> tuple[str, str]:
    """Message and code of an error object; servers put all sorts of things in its place."""
    if isinstance(error, dict):
        message, code = error.get("message"), error.get("code") or error.get("type")
        return message if isinstance(message, str) else _as_json(error), str(code) if isinstance(
            code, str | int
        ) else ""
    return error if isinstance(error, str) else _as_json(error), ""


def _as_json(error: Any) -> str:
    try:
        return json.dumps(error, ensure_ascii=False)
    except RecursionError:  # it could just be read
        return "(an error nested too deeply to be shown)"
