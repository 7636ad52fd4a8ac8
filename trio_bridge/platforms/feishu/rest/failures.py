"""What follows from Feishu's answers: an outcome becomes the exception that tells the caller what to do next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ....errors import AccountRefused, BridgeError, NotSent, OutcomeUnknown, RateLimited, RequestFailed
from .codes import FOREIGN_OPEN_ID, Category, Outcome

LONGEST: Final = 300
"""Characters of a message of Feishu's that are repeated."""

ADVICE: Final[Mapping[int, str]] = {
    10003: "the app id is none: it begins with cli_",
    10014: "the app id or the app secret is wrong, or belongs to the other of Feishu and Lark",
    10015: "the app secret is wrong",
    11232: "Feishu as a whole is busy: avoid full and half hours",
    230002: "the bot is not in this chat: a member has to add it",
    230006: "enable the bot in the developer console, and publish a version of the app",
    230013: "this person may not use the app: extend its availability in the developer console, and publish it",
    230018: "the settings of the group don't allow it",
    230025: "too long: 150 KB for a text, 30 KB for a post or a card",
    230028: "the company's audit for data leaks stopped it",
    230031: "older than 14 days: cards can't be changed any more then",
    230035: "the bot may not speak there: muted, or blocked by this person",
    232009: "the chat was dissolved",
    234043: "Feishu gives out no files of cards, and none of messages that were forwarded together",
    99991403: "the calls of this month are used up: each step of a growing card is one",
    FOREIGN_OPEN_ID: "an open_id belongs to one app, this one to another: several bots share chat_ids and union_ids",
}
"""What a code means for whoever has to do something about it."""


def failure(outcome: Outcome) -> BridgeError:
    """Why a call did not succeed."""
    return _FAILURES.get(outcome.category, _refused)(outcome)


def describe(outcome: Outcome) -> str:
    """The call and the answer, short and on one line, without ids and secrets of the call."""
    message = " ".join(outcome.message.split())[:LONGEST]
    words = [f"{outcome.method} {outcome.route}:", str(outcome.status), str(outcome.code or ""), message]
    if outcome.scopes:
        words.append(f"(missing scope, one of: {', '.join(outcome.scopes)})")
    elif advice := ADVICE.get(outcome.code):
        words.append(f"({advice})")
    if outcome.log_id:
        words.append(f"[log id {outcome.log_id[:100]}]")
    return " ".join(word for word in words if word)


def _throttled(outcome: Outcome) -> BridgeError:
    """It was taken note of, and not carried out: the same later. Such an attempt counts, unlike one that never left."""
    return RateLimited(f"Feishu asks for patience: {describe(outcome)}", retry_after=outcome.retry_after)


def _failed(outcome: Outcome) -> BridgeError:
    return RateLimited(f"Feishu failed: {describe(outcome)}", retry_after=outcome.retry_after)


def _not_taken(outcome: Outcome) -> BridgeError:
    return NotSent(f"Feishu did not take it: {describe(outcome)}", retry_after=outcome.retry_after)


def _account_refused(outcome: Outcome) -> BridgeError:
    text = f"Feishu refused the credentials: {describe(outcome)}"
    return AccountRefused(text, kind="auth", code=str(outcome.code))


def _unknown(outcome: Outcome) -> BridgeError:
    return OutcomeUnknown(f"Feishu may have done it, but did not say so: {describe(outcome)}")


def _refused(outcome: Outcome) -> BridgeError:
    return RequestFailed(
        f"Feishu refused it: {describe(outcome)}",
        code=str(outcome.code or outcome.category),
        details=list(outcome.scopes) or None,
        method=f"{outcome.method} {outcome.route}",
        retry_after=outcome.retry_after,
        payload=outcome.payload,
    )


_FAILURES: Final[Mapping[Category, Callable[[Outcome], BridgeError]]] = {
    "throttled": _throttled,
    "server": _failed,
    "token": _not_taken,
    "credentials": _account_refused,
    "unknown": _unknown,
}
"""Every other category is a refusal: the same call gets the same answer."""
