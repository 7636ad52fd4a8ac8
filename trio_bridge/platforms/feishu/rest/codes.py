"""What Feishu's answers mean, as categories.

1. The code decides, not the status: errors come inside HTTP 200, and throttling comes as 400.
2. Success is a 2xx with a JSON object whose code is 0, and with the field that the call promises.
3. What may have been carried out is an unknown outcome, unless the same call again does no harm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import attrs

from ....transport.http import HttpReply
from ....wire.hints import retry_after
from ....wire.jsontext import parse_object, word
from ....wire.redaction import HIDDEN

Category = Literal["ok", "throttled", "token", "credentials", "permission", "quota", "refused", "server", "unknown"]
"""``refused``: the same call gets the same answer. ``server``: it was not carried out, or may be made again without
harm. ``unknown``: it may have been carried out."""

TOKEN: Final = "/auth/v3/tenant_access_token/internal"  # noqa: S105  # a path
BOT: Final = "/bot/v3/info"
MESSAGES: Final = "/im/v1/messages"
REPLIES: Final = "/im/v1/messages/:message_id/reply"
IMAGES: Final = "/im/v1/images"
FILES: Final = "/im/v1/files"
CARDS: Final = "/cardkit/v1/cards"

PROMISED: Final[Mapping[str, str]] = {
    TOKEN: "tenant_access_token",
    BOT: "bot",
    MESSAGES: "message_id",
    REPLIES: "message_id",
    IMAGES: "image_key",
    FILES: "file_key",
    CARDS: "card_id",
}
"""The field without which a success of the route is none."""

REPEATABLE: Final = frozenset({TOKEN, IMAGES, FILES, CARDS})
"""POSTs that do no harm when they are made again: what they make is seen by nobody yet. Other methods never do."""

FREQUENCY: Final = 99991400
"""Too many calls of this API, whatever the status."""
CHAT_FREQUENCY: Final = 230020
"""Too many messages to this conversation."""
CLOSE: Final = 11232
"""Too much for Feishu as a whole at the moment."""
BAD_CONTENT: Final = 230001
RECALLED: Final = 230011
FOREIGN_OPEN_ID: Final = 99992361
NO_SCOPE: Final = 99991672

CODES: Final[Mapping[int, Category]] = {
    FREQUENCY: "throttled",
    CHAT_FREQUENCY: "throttled",
    CLOSE: "throttled",
    99991663: "token",
    99991664: "token",
    99991665: "token",
    99991668: "token",
    10003: "credentials",
    10014: "credentials",
    10015: "credentials",
    NO_SCOPE: "permission",
    99991403: "quota",
    230049: "server",  # the message of this uuid is being sent at this moment
}
"""What a code says, whatever the status. Every other one but 0 is a refusal, unless the status speaks of a failure."""

GONE: Final = frozenset({RECALLED, 230019, 230050, 230054, 230110, 230111})
"""The message can't be answered any more: recalled, its topic gone, invisible to the bot, of a kind that takes no
answers, deleted, soon deleted."""

NO_THREAD: Final = frozenset({230071, 230072})
"""The message can be answered, but not in a thread."""

ELSEWHERE: Final = 300
BAD_REQUEST: Final = 400
TOO_MANY: Final = 429
FAILED: Final = 500


@attrs.frozen(kw_only=True)
class Outcome:
    """What an answer means. ``code`` is Feishu's own, 0 where it said none."""

    category: Category
    method: str
    route: str
    """The path without the ids in it."""
    status: int
    code: int = 0
    message: str = ""
    log_id: str = ""
    """What Feishu's support asks for."""
    retry_after: float | None = None
    scopes: tuple[str, ...] = ()
    """What the app is not allowed: one of these would do."""
    payload: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    """The answer itself. It may hold a token."""

    @property
    def data(self) -> Mapping[str, Any]:
        """What the call was made for: the field of this name in the answer."""
        data = self.payload.get("data")
        return data if isinstance(data, dict) else {}

    def without(self, secret: str) -> Outcome:
        """The same in words that may be shown: a server that repeats the secret of a call would have it logged."""
        told = (self.message, self.log_id, *self.scopes)
        if not secret or not any(secret in words for words in told):
            return self
        message, log_id, *scopes = (words.replace(secret, HIDDEN) for words in told)
        return attrs.evolve(self, message=message, log_id=log_id, scopes=tuple(scopes))


def outcome_of(method: str, route: str, reply: HttpReply) -> Outcome:
    """What an answer means."""
    payload = parse_object(reply.text)
    code = _code(payload)
    lost: Category = "unknown" if method == "POST" and route not in REPEATABLE else "server"
    category = _category(route, reply.status, code, payload, lost)
    payload = payload or {}
    error = payload.get("error")
    error = error if isinstance(error, dict) else {}
    message = word(payload.get("msg"))
    return Outcome(
        category=category,
        method=method,
        route=route,
        status=reply.status,
        code=code or 0,
        message=message,
        log_id=reply.headers.get("x-tt-logid", "") or word(error.get("log_id")),
        retry_after=retry_after(reply.headers.get("x-ogw-ratelimit-reset"), now=0.0) or reply.retry_after,
        scopes=tuple(dict.fromkeys(_scopes(message, error))) if code == NO_SCOPE else (),
        payload=payload,
    )


def _category(route: str, status: int, code: int | None, payload: Mapping[str, Any] | None, lost: Category) -> Category:
    if code is not None and (said := CODES.get(code)):
        return _in_place(said, route)
    if status == TOO_MANY:
        return "throttled"
    if status >= FAILED:
        return lost
    if code is None:
        # Without a code it was not Feishu that sent us elsewhere or said no, but something on the way: it took nothing.
        return lost if status < ELSEWHERE else "server"
    if code:
        return "refused"
    if status >= BAD_REQUEST:
        return "server"
    promised = PROMISED.get(route)
    return "ok" if promised is None or _has(payload or {}, promised) else lost


def _in_place(said: Category, route: str) -> Category:
    """Credentials are judged where the token is made, and tokens everywhere else."""
    if route == TOKEN:
        return "server" if said == "token" else said
    return "refused" if said == "credentials" else said


def _has(payload: Mapping[str, Any], name: str) -> bool:
    data = payload.get("data")
    return any(isinstance(holder, dict) and bool(holder.get(name)) for holder in (payload, data))


def _code(payload: Mapping[str, Any] | None) -> int | None:
    """The code of an answer; ``None`` where it has none that is a number."""
    code = payload.get("code") if payload is not None else None
    return code if isinstance(code, int) and not isinstance(code, bool) else None


_LIST = re.compile(r"\[([^\[\]]{1,2000})\]")
_SCOPE = re.compile(r"[a-z][a-z0-9_.\-]*(?::[a-z0-9_.\-]+)+")


def _scopes(message: str, error: Mapping[str, Any]) -> Iterator[str]:
    """The scopes of which one is missing: from the list in the message, and from where programs are told."""
    if found := _LIST.search(message):
        yield from _SCOPE.findall(found[1])
    violations = error.get("permission_violations")
    for violation in violations if isinstance(violations, list) else ():
        if isinstance(violation, dict) and (scope := word(violation.get("subject"))):
            yield scope
