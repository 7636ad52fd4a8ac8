"""The calls of CardKit, and what comes of them.

1. A card is called about with numbers that grow (:mod:`.sequences`). A number that was too low is mended, once.
2. A call that may have been carried out is made again with a new number: that the card shows the same twice is no harm.
3. Feishu lets a card expect text for ten minutes from when it was told so. Whoever streams longer has to say so again.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import attrs

from ....bots.cards.seam import OK, Rejected, Result, Verdict
from ....errors import AccountRefused, BridgeError, ConnectionLost, OutcomeUnknown, RateLimited, RequestFailed
from ..rest.codes import CARDS, Category, Outcome
from ..rest.failures import describe, failure
from ..rest.rest import Rest
from .sequences import Sequences

CARD: Final = "/cardkit/v1/cards/:card_id"
SETTINGS: Final = "/cardkit/v1/cards/:card_id/settings"
CONTENT: Final = "/cardkit/v1/cards/:card_id/elements/:element_id/content"
LATER: Final = "/interactive/v1/card/update"

OUT_OF_SEQUENCE: Final = 300317
NOT_STREAMING: Final = frozenset({200850, 300309})
"""The card does not expect text any more."""

_CODES: Final[Mapping[int, Verdict]] = {
    200770: "ok",  # a call of this uuid was made: it was this one
    200810: "again",  # somebody presses a button of it just now
    200860: "too_large",
    230025: "too_large",
    230028: "unsafe",
}
_CATEGORIES: Final[Mapping[Category, Verdict]] = {
    "ok": "ok",
    "throttled": "again",
    "server": "again",
    "token": "again",
    "unknown": "unknown",
    "credentials": "not_allowed",
    "permission": "not_allowed",
    "quota": "used_up",
    "refused": "refused",
}


@attrs.frozen(eq=False)
class CardCalls:
    """Calls about the cards of one app. They raise what :meth:`.rest.Rest.call` does."""

    _rest: Rest
    _sequences: Sequences

    async def create(self, card: Mapping[str, Any]) -> Outcome:
        """Make a card that nobody sees. Whoever gets no answer makes another: nobody will ever see the first."""
        return await self._rest.call("POST", CARDS, _as_json(card))

    async def stream(self, card: str, element: str, text: str) -> Outcome:
        """Show the whole text so far, as if it were typed."""
        return await self._change("PUT", CONTENT, [card, element], {"content": text})

    async def configure(self, card: str, config: Mapping[str, Any]) -> Outcome:
        """Change what the card says about itself, and nothing that stands on it."""
        return await self._change("PATCH", SETTINGS, [card], {"settings": _json({"config": config})})

    async def replace(self, card: str, whole: Mapping[str, Any]) -> Outcome:
        """Put another card in its place."""
        return await self._change("PUT", CARD, [card], {"card": _as_json(whole)})

    async def update_later(self, token: str, card: Mapping[str, Any]) -> Outcome:
        """Put another card in the place of one that was pressed, after the press was answered."""
        return await self._rest.call("POST", LATER, {"token": token, "card": card})

    async def _change(self, method: str, path: str, ids: list[str], change: Mapping[str, Any]) -> Outcome:
        async def made() -> Outcome:
            body = {**change, "sequence": self._sequences.next(ids[0]), "uuid": str(uuid.uuid4())}
            return await self._rest.call(method, path, body, ids=ids)

        outcome = await made()
        if outcome.code == OUT_OF_SEQUENCE:
            self._sequences.skip(ids[0])
            outcome = await made()
        return outcome


async def result_of(
    call: Callable[[], Awaitable[Outcome]], *, repeatable: bool = True
) -> tuple[Result, Outcome | None]:
    """What came of a call in the words of all platforms, and its answer if there was one.

    ``repeatable``: that it may have been carried out is no reason not to make it again.
    """
    try:
        outcome = await call()
    except OutcomeUnknown as error:
        if not repeatable:
            return Result(verdict="unknown", words=str(error), error=error), None
        return _result("again", ConnectionLost(f"no answer: {error}")), None
    except RequestFailed as error:
        return _result("refused", error), None
    except AccountRefused as error:
        return _result("not_allowed", error), None
    except BridgeError as error:
        return _result("again", error), None
    verdict = _CODES.get(outcome.code) or _CATEGORIES[outcome.category]
    if verdict == "ok":
        return OK, outcome
    if verdict == "refused" and outcome.route == CARDS:
        verdict = "not_understood"  # It would not take the next one either.
    cause = failure(outcome)
    if verdict == "unsafe":
        cause = Rejected(str(cause), code=str(outcome.code))
    elif verdict == "again" and isinstance(cause, RequestFailed):
        cause = RateLimited(str(cause), retry_after=outcome.retry_after)
    return Result(verdict=verdict, words=describe(outcome), error=cause, retry_after=outcome.retry_after), outcome


def _result(verdict: Verdict, error: BridgeError) -> Result:
    return Result(verdict=verdict, words=str(error), error=error, retry_after=getattr(error, "retry_after", None))


def _as_json(card: Mapping[str, Any]) -> dict[str, str]:
    return {"type": "card_json", "data": _json(card)}


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
