"""What follows from DingTalk's answers: an outcome becomes the exception that tells the caller what to do next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ...errors import (
    AccountRefused,
    BridgeError,
    HandshakeFailed,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    RequestFailed,
)
from .codes import Category, Outcome

FORBIDDEN_FOR_GOOD: Final = 3
"""Equal refusals with 403 in a row after which the open call is not expected to be allowed."""

HINT: Final = "check client_id, endpoint, and that no proxy turns https into http"
"""What to do about an open call that was not understood."""


def failure(outcome: Outcome) -> BridgeError:
    """Why a call did not succeed."""
    return _FAILURES.get(outcome.category, _refused)(outcome)


def open_failure(outcome: Outcome, *, repeated: int) -> BridgeError:
    """Why the open call did not succeed; the same answer has now come ``repeated`` times in a row."""
    match outcome.category:
        case "permanent_auth":
            return _account_refused(outcome)
        case "throttled":
            return _throttled(outcome)
        case "permission" if repeated >= FORBIDDEN_FOR_GOOD:
            return _account_refused(outcome)
    text = f"the open call failed: {describe(outcome)}"
    if outcome.category == "transient_config":
        text += f"; {HINT}"
    return HandshakeFailed(text, stage="login", status=outcome.status, retry_after=outcome.retry_after)


def describe(outcome: Outcome) -> str:
    """The platform's words, short and on one line."""
    words = [str(outcome.status or ""), outcome.code, " ".join(outcome.message.split())[:200]]
    if outcome.scopes:
        words.append(f"(missing: {', '.join(outcome.scopes)})")
    return " ".join(word for word in words if word)


def _throttled(outcome: Outcome) -> BridgeError:
    """It was taken note of, and not carried out: the same later. Such an attempt counts, unlike one that never left."""
    return RateLimited(f"DingTalk asks for patience: {describe(outcome)}", retry_after=outcome.retry_after)


def _not_taken(outcome: Outcome) -> BridgeError:
    return NotSent(f"DingTalk did not take it: {describe(outcome)}", retry_after=outcome.retry_after)


def _account_refused(outcome: Outcome) -> BridgeError:
    text = f"DingTalk refused the credentials: {describe(outcome)}"
    return AccountRefused(text, kind="auth", code=outcome.code or str(outcome.status))


def _unknown(outcome: Outcome) -> BridgeError:
    return OutcomeUnknown(f"DingTalk may have sent it, but did not say so: {describe(outcome)}")


def _partial(outcome: Outcome) -> BridgeError:
    """Of one recipient: it got nothing, for good unless DingTalk only holds it back."""
    if outcome.invalid:
        return RequestFailed(f"not a member any more: {', '.join(outcome.invalid)}", code="invalidStaffIdList")
    if outcome.filtered:
        return RequestFailed(f"kept away from the robot: {', '.join(outcome.filtered)}", code="filteredStaffIdList")
    return RateLimited(f"too much for {', '.join(outcome.limited)} at the moment", retry_after=outcome.retry_after)


def _refused(outcome: Outcome) -> BridgeError:
    return RequestFailed(
        f"DingTalk refused it: {describe(outcome)}",
        code=outcome.code or outcome.category,
        details=list(outcome.scopes) or None,
        retry_after=outcome.retry_after,
        payload=outcome.payload,
    )


_FAILURES: Final[Mapping[Category, Callable[[Outcome], BridgeError]]] = {
    "throttled": _throttled,
    "retry": _throttled,
    "refresh_token": _not_taken,
    "transient_config": _not_taken,
    "permanent_auth": _account_refused,
    "unknown_outcome": _unknown,
    "partial": _partial,
}
"""Every other category is a refusal: the same call gets the same answer."""
