"""Cards as :mod:`trio_bridge.bots.cards` has them grow, made of DingTalk's calls."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import attrs

from ....bots.cards.record import Record
from ....bots.cards.seam import NO_TEXT, OK, PlatformCard, PlatformCards, Rejected, Result, Verdict
from ....bots.cutting import first_part
from ....messages import Reply
from ..codes import Category, Outcome
from ..config import DingTalk
from ..failures import describe, failure
from ..media.markers import MARKERS
from ..targets import Target
from ..text import ROOM
from .calls import DONE, FAILED, GROWING, CardCalls
from .look import for_card, while_growing

SCOPE: Final = "dingtalk:cards"
"""Where the store keeps what is known of cards."""

_VERDICTS: Final[Mapping[Category, Verdict]] = {
    "ok": "ok",
    "throttled": "again",
    "retry": "again",
    "transient_config": "again",
    "refresh_token": "again",
    "unknown_outcome": "unknown",
    "too_large": "too_large",
    "content_rejected": "unsafe",
    "permission": "not_allowed",
    "permanent_auth": "not_allowed",
    "quota": "used_up",
    "bad_request": "not_understood",
}
"""What is not among them is about this card alone."""


class DingTalkCard(PlatformCard):
    """One card. Its id is ours: making it again is making it once."""

    def __init__(self, card: str, target: Target | None, calls: CardCalls) -> None:
        self.id = card
        self._target = target
        self._calls = calls
        if target is not None:
            self.asker = target.staff or (target.id if target.kind == "user" else "")

    async def create(self, text: str) -> Result:
        outcome = await self._calls.create(self.id, text)
        return OK if outcome.category == "ok_if_ours" else result_of(outcome)

    async def deliver(self) -> Result:
        assert self._target is not None
        return result_of(await self._calls.deliver(self.id, self._target))

    async def grow(self, text: str, *, first: bool) -> Result:
        if first:
            return result_of(await self._calls.set_flow(self.id, GROWING, text))
        return result_of(await self._calls.stream(self.id, text, paced=False))

    async def show_whole(self, text: str, *, failed: bool) -> Result:
        return result_of(await self._calls.stream(self.id, _whole(text), final=True, failed=failed))

    async def close(self, text: str, *, failed: bool, hasty: bool = False) -> Result:
        status = FAILED if failed else DONE
        return result_of(await self._calls.set_flow(self.id, status, _whole(text), paced=not hasty))


@attrs.frozen
class DingTalkCards(PlatformCards):
    """The cards of one account."""

    _config: DingTalk
    _calls: CardCalls

    def wants_card(self, target: str) -> bool:
        to = Target.load(target)
        return bool(to.id) and self._config.reply_mode_in(to.kind, to.id) == "card"

    def card(self, key: str, target: str = "", record: Record | None = None) -> DingTalkCard:
        name = card_id(self._config.client_id, self._config.name, key) if record is None else record.id
        return DingTalkCard(name, Target.load(target) if target else None, self._calls)

    async def wait_turn(self) -> None:
        await self._calls.wait_turn()

    def apart(self, reply: Reply) -> Reply:
        text, named = MARKERS.apart(reply.text, sendable=bool(self._config.media_roots))
        return attrs.evolve(reply, text=text, attachments=(*named, *reply.attachments))

    def while_growing(self, text: str) -> str:
        return while_growing(MARKERS.shown(text))

    def first_part(self, text: str, limit: int) -> int:
        return first_part(text, limit, ROOM)


def card_id(client_id: str, account: str, key: str) -> str:
    """The id of the card for a reply: the same in every life of the account, and nobody else's."""
    name = "\0".join((client_id, account, key))
    return f"card_{hashlib.sha256(name.encode()).hexdigest()[:40]}"


def result_of(outcome: Outcome) -> Result:
    """What came of a call, in the words of all platforms."""
    verdict = _VERDICTS.get(outcome.category, "refused")
    if verdict == "ok":
        return OK
    words = describe(outcome)
    if verdict == "unsafe":
        error = Rejected(f"DingTalk refused to show the answer: {words}", code=outcome.code)
        return Result(verdict=verdict, words=words, error=error)
    return Result(verdict=verdict, words=words, error=failure(outcome), retry_after=outcome.retry_after)


def _whole(text: str) -> str:
    return for_card(text).strip("\n") if text.strip() else NO_TEXT
