"""Cards as :mod:`trio_bridge.bots.cards` has them grow, made of CardKit's calls."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar, Final

import attrs
import trio

from ....bots.cards.record import Record
from ....bots.cards.seam import NO_TEXT, OK, PlatformCard, PlatformCards, Result
from ....bots.cutting import first_part, longest_start, size
from ....engine.ratelimit import TokenBucket
from ....messages import Reply
from ....wire.jsontext import word
from ..config import Feishu
from ..media.markers import MARKERS
from ..rest.codes import Outcome
from ..sending.contents import Content
from ..sending.messenger import Messenger
from ..sending.targets import Target
from .calls import NOT_STREAMING, CardCalls, result_of
from .look import ELEMENT, card_of, for_card, summary_of
from .sequences import Sequences

SCOPE: Final = "feishu:cards"
"""Where the store keeps what is known of cards."""
ROOM: Final = 28_000
"""Bytes of a text in a card, as JSON. Feishu takes 30 KB, the whole card included."""
STREAMING: Final = 540.0
"""Seconds after which a card is told again that text will come, or is written whole: Feishu forgets it after 600, and
may say so by silence."""
RESEND_FOR: Final = 3300.0
"""Seconds in which a message that may have been sent is sent again. Within an hour Feishu knows it by its uuid."""
PER_SECOND: Final = 15.0
"""Growing texts of all cards together. Feishu takes 1000 a minute from an app."""
BURST: Final = 5


@attrs.frozen(kw_only=True, eq=False)
class FeishuCards(PlatformCards):
    """The cards of one account."""

    is_keyed: ClassVar[bool] = True

    config: Feishu
    calls: CardCalls
    messenger: Messenger
    sequences: Sequences
    wall: Callable[[], float]
    _pace: TokenBucket = attrs.field(factory=lambda: TokenBucket(PER_SECOND, BURST), init=False)

    def wants_card(self, target: str) -> bool:
        to = Target.load(target)
        return self.config.reply_mode_in(to.id, group=to.group) == "card"

    def card(self, key: str, target: str = "", record: Record | None = None) -> FeishuCard:
        return FeishuCard(self, key, Target.load(target) if target else None, record)

    async def wait_turn(self) -> None:
        await self._pace.take()

    def apart(self, reply: Reply) -> Reply:
        text, named = MARKERS.apart(reply.text, sendable=bool(self.config.media_roots))
        return attrs.evolve(reply, text=text, attachments=(*named, *reply.attachments))

    def while_growing(self, text: str) -> str:
        text = self.written(MARKERS.shown(text))
        return text[: longest_start(text, ROOM)]

    def first_part(self, text: str, limit: int) -> int:
        return first_part(text, limit, ROOM)

    def room(self, text: str) -> int:
        return len(text) if size(self.written(text)) <= ROOM else first_part(text, len(text), ROOM)

    def written(self, text: str) -> str:
        """A text as a card takes it."""
        return for_card(text, at_all=self.config.at_all)


class FeishuCard(PlatformCard):
    """One card. Feishu gives it an id, and lets it be shown once."""

    def __init__(self, cards: FeishuCards, key: str, target: Target | None, record: Record | None) -> None:
        self.id = record.id if record is not None else ""
        self._cards = cards
        self._key = key
        self._target = target
        self._perhaps_sent = False
        self._message = record.message if record is not None else ""
        self._begun_at = record.begun_at if record is not None else 0.0
        self._expects_text_until = -math.inf
        self._shown: str | None = None
        """What it shows, if that is known."""
        self._rests = False
        """It shows that, and looks busy no more."""
        if target is not None:
            self.asker = target.sender
        if record is not None and record.id:
            cards.sequences.begin(record.id, record.life)

    def noted(self, record: Record) -> Record:
        return attrs.evolve(record, id=self.id, message=self._message, begun_at=self._begun_at)

    # Making it.

    async def create(self, text: str) -> Result:
        if self.id:
            return OK
        text = self._cards.written(text)
        card = card_of(text, self._cards.config, growing=True)
        begun = trio.current_time()
        result, outcome = await result_of(lambda: self._cards.calls.create(card))
        if result.verdict == "ok" and outcome is not None:
            self.id = word(outcome.data.get("card_id"))
            self._begun_at = self._cards.wall()
            self._cards.sequences.begin(self.id, 0)
            self._expects_text_until = begun + STREAMING
            self._shown = text
        return result

    async def deliver(self) -> Result:
        target = self._target
        assert target is not None
        if self._cards.wall() - self._begun_at > RESEND_FOR:
            return Result(verdict="unknown", words="it may have been shown long ago")
        content = Content.of("interactive", {"type": "card", "data": {"card_id": self.id}})
        messenger = self._cards.messenger
        result, outcome = await result_of(
            lambda: messenger.send(target, content, f"{self._key}#card"), repeatable=False
        )
        if result.verdict == "ok" and outcome is not None:
            self._message = word(outcome.data.get("message_id"))
            return OK
        self._perhaps_sent |= result.verdict == "unknown"  # No later refusal takes that back.
        return attrs.evolve(result, verdict="unknown") if self._perhaps_sent else result

    # Growing.

    async def grow(self, text: str, *, first: bool) -> Result:
        for _ in range(2):
            if trio.current_time() >= self._expects_text_until:
                result = await self._expect_text()
                if result.verdict != "ok":
                    return result
            result, outcome = await self._stream(text)
            if outcome is None or outcome.code not in NOT_STREAMING:
                break
        return result

    async def _expect_text(self) -> Result:
        begun = trio.current_time()
        result, _ = await result_of(lambda: self._cards.calls.configure(self.id, {"streaming_mode": True}))
        if result.verdict == "ok":
            self._expects_text_until = begun + STREAMING
            self._rests = False
        return result

    async def _stream(self, text: str) -> tuple[Result, Outcome | None]:
        result, outcome = await result_of(lambda: self._cards.calls.stream(self.id, ELEMENT, text))
        if result.verdict == "ok":
            self._shown = text
        elif outcome is not None and outcome.code in NOT_STREAMING:
            self._expects_text_until = -math.inf
        else:
            self._shown = None
        return result, outcome

    # Ending.

    async def show_whole(self, text: str, *, failed: bool) -> Result:
        text = self._whole(text)
        if failed or trio.current_time() >= self._expects_text_until:
            return await self._replace(text, failed=failed)
        if text == self._shown:
            return OK
        result, _ = await self._stream(text)
        return result

    async def close(self, text: str, *, failed: bool, hasty: bool = False) -> Result:
        text = self._whole(text)
        if text != self._shown:
            return await self._replace(text, failed=failed and not hasty)
        if self._rests:
            return OK
        config = {"streaming_mode": False, "summary": {"content": summary_of(text)}}
        result, _ = await result_of(lambda: self._cards.calls.configure(self.id, config))
        if result.verdict in ("ok", "again", "used_up"):
            self._rests = result.verdict == "ok"
            return result
        return await self._replace(text, failed=failed)

    async def _replace(self, text: str, *, failed: bool) -> Result:
        card = card_of(text, self._cards.config, growing=False, failed=failed)
        result, _ = await result_of(lambda: self._cards.calls.replace(self.id, card))
        self._rests = result.verdict == "ok"
        self._shown = text if self._rests else None
        return result

    def _whole(self, text: str) -> str:
        return self._cards.written(text).strip("\n") if text.strip() else NO_TEXT
