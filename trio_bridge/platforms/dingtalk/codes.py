"""What DingTalk's answers mean, as categories.

1. A status alone proves nothing: errors come inside HTTP 200, and throttling comes as 403.
2. Success is a 2xx with a JSON object, without an error code, and with the field that the call promises.
3. A message that may have been sent is an unknown outcome; a call that can be repeated without harm is to be repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import attrs

from ...transport.http import HttpReply
from ...wire.jsontext import parse_object, word
from ...wire.redaction import HIDDEN

Category = Literal[
    "ok", "permanent_auth", "transient_config", "refresh_token", "throttled", "quota", "permission", "bad_target",
    "bad_request", "partial", "session_expired", "gone", "too_large", "content_rejected", "ok_if_ours", "retry",
    "unknown_outcome",
]  # fmt: skip

OPEN: Final = "/v1.0/gateway/connections/open"
TOKEN: Final = "/v1.0/oauth2/accessToken"  # noqa: S105  # a path
OLD_TOKEN: Final = "/gettoken"  # noqa: S105
SEND_TO_PEOPLE: Final = "/v1.0/robot/oToMessages/batchSend"
SEND_TO_GROUP: Final = "/v1.0/robot/groupMessages/send"
WEBHOOK: Final = "/robot/sendBySession"
UPLOAD: Final = "/media/upload"
DOWNLOAD: Final = "/v1.0/robot/messageFiles/download"
USER: Final = "/user/get"
DOC_SEARCH: Final = "/v1.0/doc/docs/search"
CARD: Final = "/v1.0/card/instances"
CARD_DELIVERY: Final = "/v1.0/card/instances/deliver"
CARD_STREAM: Final = "/v1.0/card/streaming"
CARD_WITH_DELIVERY: Final = "/v1.0/card/instances/createAndDeliver"

PROMISED: Final[Mapping[str, Sequence[str]]] = {
    OPEN: ("endpoint", "ticket"),
    TOKEN: ("accessToken",),
    OLD_TOKEN: ("access_token",),
    SEND_TO_PEOPLE: ("processQueryKey",),
    SEND_TO_GROUP: ("processQueryKey",),
    WEBHOOK: ("errcode",),
    UPLOAD: ("media_id",),
    DOWNLOAD: ("downloadUrl",),
    USER: ("unionid",),
}
"""The fields without which a success is none."""

REPEATABLE: Final = frozenset({OPEN, TOKEN, UPLOAD, DOWNLOAD, DOC_SEARCH, CARD, CARD_WITH_DELIVERY})
"""POSTs that do no harm when they are made again: a card has an id of ours. GET and PUT never do."""

CODES: Final[Mapping[str, Category]] = {
    "invalidauthentication": "refresh_token",
    "forbidden.accessdenied.accesstokenpermissiondenied": "permission",
    "forbidden.accessdenied.ipnotinwhitelist": "permission",
    "forbidden.accessdenied.apicountlimitfororg": "quota",
    "forbidden.accessdenied.qpslimitforapi": "throttled",
    "forbidden.accessdenied.qpslimitforappkeyandapi": "throttled",
    "invalidparameter.robotcode.auth": "permission",  # the robot of another app
    "invalidparameter.robotcode.notexsit": "bad_target",  # spelled so; the answer to a direct chat's id, too
    "invalidparameter.robotcode.downloadcode": "gone",
    "staffid.notexisted": "bad_target",
    "param.cardalreadyexist": "ok_if_ours",
    "param.cardnotexist": "gone",
    "param.contentunsafe": "content_rejected",
    "param.stream.content": "too_large",
    "param.stream.outtrackid": "gone",
    "internalerror": "retry",
    "system.busy": "retry",
    # Numbers of the older API and of webhooks.
    "40001": "refresh_token",
    "40014": "refresh_token",
    "42001": "refresh_token",
    "40004": "bad_request",
    "40006": "too_large",
    "60011": "permission",
    "60020": "permission",
    "60121": "bad_target",  # nobody has this staff id
    "90002": "throttled",
    "90018": "throttled",
    "90020": "quota",
    "130101": "throttled",
    "300001": "session_expired",
}
"""What a code says, wherever it comes. In lower case."""

CREDENTIAL_CODES: Final = frozenset(
    {
        "authfailed", "appnotexist", "forbidden", "forbidden.accesstoken", "invalidappkey", "invalidauthentication",
        "subscription.notpermitted", "unauthorizedclient",
    }
)  # fmt: skip
"""Codes of the open call after which another try with the same credentials is useless. In lower case."""

STATUSES: Final[Mapping[int, Category]] = {
    401: "refresh_token",
    408: "retry",
    429: "throttled",
    500: "retry",
    502: "retry",
    503: "retry",
}
"""What a status says where no code does. 504 and the like: nobody knows."""

PATIENCE: Final[Mapping[str, float]] = {"130101": 60.0}
"""Seconds to wait after being throttled, where it is not the second of the limits per second."""

BAN: Final = 300.0
"""Seconds for which an address is banned after more than 10,000 calls in 20 s. The ban is a page, not a code."""


@attrs.frozen(kw_only=True)
class Outcome:
    """What an answer means. ``code`` is the platform's own; ``invalid`` and the like name who got nothing."""

    category: Category
    status: int
    code: str = ""
    message: str = ""
    retry_after: float | None = None
    banned: bool = False
    """No call from this address is answered otherwise, for :data:`BAN` seconds."""
    message_id: str | None = None
    scopes: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()
    limited: tuple[str, ...] = ()
    filtered: tuple[str, ...] = ()
    payload: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    """The answer itself. It may hold tokens and tickets."""

    def without(self, secret: str) -> Outcome:
        """The same in words that may be shown: a platform that repeats the secret of a call would have it logged."""
        told = (self.code, self.message, *self.scopes, *self.invalid, *self.limited, *self.filtered)
        if not secret or not any(secret in words for words in told):
            return self

        def hidden(*several: str) -> tuple[str, ...]:
            return tuple(words.replace(secret, HIDDEN) for words in several)

        code, message = hidden(self.code, self.message)
        scopes, invalid = hidden(*self.scopes), hidden(*self.invalid)
        limited, filtered = hidden(*self.limited), hidden(*self.filtered)
        return attrs.evolve(
            self, code=code, message=message, scopes=scopes, invalid=invalid, limited=limited, filtered=filtered
        )


def outcome_of(method: str, path: str, reply: HttpReply) -> Outcome:
    """What came of a call that was answered."""
    return classify(method, path, reply.status, reply.body, retry_after=reply.retry_after)


def classify(method: str, path: str, status: int, body: bytes, *, retry_after: float | None = None) -> Outcome:
    """What the answer to a call means. ``path`` is the API's, ``retry_after`` the header of that name, in seconds."""
    text = body.decode("utf-8", "replace")
    payload = parse_object(text)
    code = _code(payload)
    lost: Category = "retry" if method in ("GET", "PUT") or path in REPEATABLE else "unknown_outcome"
    category = _category(path, status, code, payload, lost)
    banned = payload is None and '"punish":"deny"' in text.replace(" ", "")
    if banned:
        category, retry_after = "throttled", BAN
    if category == "throttled" and retry_after is None:
        retry_after = PATIENCE.get(code, 1.0)
    payload = payload or {}
    return Outcome(
        category=category,
        status=status,
        code=code,
        message=word(payload.get("message")) or word(payload.get("errmsg")),
        retry_after=retry_after,
        banned=banned,
        message_id=word(payload.get("processQueryKey")) or None,
        scopes=_words(payload.get("accessdenieddetail"), "requiredScopes"),
        invalid=_words(payload, "invalidStaffIdList"),
        limited=_words(payload, "flowControlledStaffIdList"),
        filtered=_words(payload, "filteredStaffIdList"),
        payload=payload,
    )


def _category(path: str, status: int, code: str, payload: Mapping[str, Any] | None, lost: Category) -> Category:
    said = CODES.get(code.lower())
    if said is None and ("qpslimit" in code.lower() or code.lower().startswith("throttling")):
        said = "throttled"
    if path == OPEN and said in (None, "refresh_token") and (refused := _refusal_at_open(status, code)):
        return refused
    if path in (TOKEN, OLD_TOKEN) and said in (None, "refresh_token") and (code or status == 401):
        return "permanent_auth" if status < 500 else "retry"
    if said is not None:
        return said
    if 200 <= status < 300:
        return _of_success(path, code, payload, lost)
    if status in STATUSES:
        return STATUSES[status]
    return "bad_request" if 400 <= status < 500 else "retry" if status < 400 else lost


def _refusal_at_open(status: int, code: str) -> Category | None:
    """What only the open call's answers mean; ``permission`` says that it may be for good."""
    if status == 401 or code.lower() in CREDENTIAL_CODES:
        return "permanent_auth"
    if status == 403:
        return "permission"
    return "transient_config" if 400 <= status < 500 and status not in STATUSES else None


def _of_success(path: str, code: str, payload: Mapping[str, Any] | None, lost: Category) -> Category:
    """What a 2xx means."""
    if payload is None:
        return lost
    if code:
        return "bad_request"
    if payload.get("success") is False:
        return "retry"
    if not all(word(payload.get(name)) for name in PROMISED.get(path, ())):
        return lost
    if any(delivery.get("success") is False for delivery in _deliveries(payload.get("result"))):
        return "bad_target"
    partial = any(payload.get(f"{why}StaffIdList") for why in ("invalid", "flowControlled", "filtered"))
    return "partial" if partial else "ok"


def _code(payload: Mapping[str, Any] | None) -> str:
    """The error code of either API; empty where there is none."""
    if payload is None:
        return ""
    code = word(payload.get("code")) or word(payload.get("errcode"))
    return "" if code == "0" else code


def _deliveries(result: Any) -> list[Mapping[str, Any]]:
    """The inner results of a card's delivery, of which each can fail by itself."""
    if isinstance(result, dict):
        result = result.get("deliverResults")
    return [item for item in result if isinstance(item, dict)] if isinstance(result, list) else []


def _words(holder: Any, name: str) -> tuple[str, ...]:
    values = holder.get(name) if isinstance(holder, dict) else None
    return tuple(word(value) for value in values) if isinstance(values, list) else ()
