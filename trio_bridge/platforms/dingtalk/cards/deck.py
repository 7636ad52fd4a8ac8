"""All cards of an account: which reply has one, which grow, and which an earlier life left behind."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
import trio

from ....engine.bell import Bell
from ....engine.keys import message_of
from ....engine.outbox import ERROR_MARK
from ....engine.platform import Outgoing, nobody_watches
from ....engine.store import AccountStore
from ....errors import BridgeError, StoreUnavailable
from ....messages import Reply
from ..codes import Category
from ..config import DingTalk
from ..failures import describe, failure
from ..media.markers import MARKERS
from ..rest import Rest
from ..targets import Target
from .calls import CardCalls
from .card import NO_TEXT, Card, Manner, Rejected, Stage, divided
from .look import while_growing
from .record import Record, Records, card_id
from .values import card_values

PAUSE_LIMIT: Final = 0.8
"""Seconds to tell people that an account was stopped in the middle of their answers. After one it must be gone."""
OFF: Final = 600.0
"""Seconds without cards after DingTalk said that the app can't have any."""
USELESS: Final = frozenset[Category]({"permission", "quota", "permanent_auth"})
"""Why the next card would not come to be either. Of one that was never made also a request that is not understood."""
SWEEPS: Final = 5
"""Tries to end what an earlier life left behind."""
WAITING: Final = frozenset[str]({"open", "pending", "sending", "unknown"})
"""States of a reply that may still come to its end in its card."""
MOST_GROWN: Final = 100_000
"""Characters of an answer that are shown while it grows. No card takes as many, and to look through more at each
update would hold everybody up."""
OWNERS: Final = 10_000
"""Cards of which we remember who asked."""

logger = logging.getLogger(__name__)


class Cards:
    """The cards of one account. Their tasks live in ``nursery``; ``on_card`` learns of each reply that grows in one."""

    def __init__(
        self,
        config: DingTalk,
        rest: Rest,
        store: AccountStore,
        nursery: trio.Nursery,
        on_card: Callable[[str], None] = lambda key: None,
    ) -> None:
        self._config = config
        self._calls = CardCalls(config, rest)
        self._manner = Manner(interval=config.card_update_interval, most_updates=config.card_max_updates)
        self._store = store
        self._records = Records(store)
        self._nursery = nursery
        self._on_card = on_card
        self._cards: dict[str, Card] = {}
        self._owners: OrderedDict[str, str] = OrderedDict()
        self._off_until = float("-inf")
        self._sweeping = trio.Lock()

    async def open(self) -> None:
        """Take up what an earlier life left; cards whose reply is gone are brought to their end meanwhile."""
        await self._records.open()
        for _, record in (left := self._records.items()):
            self._remember(record)
        self._start_sweep([key for key, _ in left])

    def given_up(self, messages: Collection[str]) -> None:
        """Nobody will answer these messages: cards that were shown for their answers are ended."""
        left = [key for key, _ in self._records.items() if message_of(key) in messages]
        self._start_sweep(left, promised=False)

    async def pause(self) -> None:
        """The account stops: a card that looks busy says that it was interrupted. Nobody knows when it will go on."""
        with trio.move_on_after(PAUSE_LIMIT, shield=True):
            async with trio.open_nursery() as nursery:
                for card in self._cards.values():
                    nursery.start_soon(card.pause, ERROR_MARK)

    def owner(self, card: str) -> str:
        """The staff id of whoever asked what a card answers; empty where that is not known."""
        return self._owners.get(card, "")

    # Replies.

    @asynccontextmanager
    async def show(self, key: str, target: Target, text: Callable[[], str]) -> AsyncGenerator[Callable[[], None]]:
        """Show a reply in a card while it is written: see :meth:`~trio_bridge.engine.platform.Platform.show`."""
        card = self._card_for(key, target)
        if card is None:
            yield nobody_watches
            return
        grown, over = Bell(), trio.Event()
        self._nursery.start_soon(self._grow, key, card, text, grown, over, name=f"{self._config.name}/card {key}")
        try:
            yield grown.ring
        finally:
            over.set()
            grown.ring()

    def announce(self, key: str, target: Target, text: str) -> None:
        """Show a card for a reply that will come later."""
        if key not in self._cards and (card := self._card_for(key, target)) is not None and card.stage == "new":
            self._nursery.start_soon(self._make, key, card, text, name=f"{self._config.name}/card {key}")

    def is_announced(self, key: str) -> bool:
        """Somebody was promised this reply."""
        record = self._records.get(key)
        return key in self._cards or (record is not None and not record.stuck)

    async def finish(self, outgoing: Outgoing) -> Reply | None:
        """Bring the card of a reply to its end: see :meth:`~trio_bridge.engine.platform.Platform.finish`."""
        key, reply = outgoing.key, outgoing.reply
        record, card = self._records.get(key), self._cards.get(key)
        if record is None and card is None:
            return reply  # Nearly always: its files are looked for where it is cut into parts.
        text, named = MARKERS.apart(reply.text, sendable=bool(self._config.media_roots))
        whole = attrs.evolve(reply, text=text, attachments=(*named, *reply.attachments))
        if record is not None and (record.ended or record.shown):
            return _rest(whole, record.shown)
        if record is not None and record.stuck:
            return reply
        if card is None:
            card = self._card_for(key, Target.load(outgoing.target))
            assert card is not None  # There is a record of it.
            await self._make(key, card)
        try:
            taken = await card.end(text, failed=outgoing.failed)
        except Rejected:
            await card.reject()
            raise
        if taken is None:
            self._note_trouble(card)
            if (record := self._records.get(key)) is not None:
                # Known before the first message is sent: all of the answer goes this way, and none of it twice.
                await self._records.put(key, attrs.evolve(record, stuck=True))
            return reply
        rest, ended = _rest(whole, taken), card.stage == "ended"
        if not ended:
            self._note_trouble(card)
        if rest is not None or not ended:
            await self._records.put(key, Record(card.id, delivered=True, stuck=not ended, ended=ended, shown=taken))
        return rest

    def is_repeatable(self, key: str) -> bool:
        """Whether bringing the reply to its end once more shows nothing twice."""
        record = self._records.get(key)
        return record is not None and not record.ended and not record.stuck

    async def settled(self, key: str) -> None:
        """The reply is through. A card that was not ended is ended now; if that fails, at the next start."""
        card = self._cards.pop(key, None)
        record = self._records.get(key)
        if record is None:
            return
        try:
            if record.ended or (card is not None and card.stage == "ended"):
                await self._records.forget(key)
            else:
                await self._records.put(key, attrs.evolve(record, stuck=True))
                if card is None or card.trouble is None:
                    self._start_sweep([key])
        except StoreUnavailable as error:
            logger.warning("a card could not be forgotten", extra={**self._config.labels, "cause": str(error)})

    # Any card, by its id.

    async def update(self, card: str, data: Mapping[str, Any], private: Mapping[str, Mapping[str, Any]]) -> None:
        """Change values of a card.

        Raises:
          RequestFailed, RateLimited, NotSent, AccountRefused: it was not changed.
        """
        values = {user: card_values(each) for user, each in private.items()}
        outcome = await self._calls.update(card, card_values(data), values)
        if outcome.category != "ok":
            raise failure(outcome)

    async def finish_card(self, card: str, text: str) -> None:
        """End a card with a text.

        Raises:
          RequestFailed, RateLimited, NotSent, AccountRefused: it was not ended.
        """
        ended = Card(card, Target(kind="user", id=""), self._calls, self._manner, "shown")
        if await ended.end(text, failed=False) is None:
            assert ended.trouble is not None
            raise failure(ended.trouble)

    # Inside.

    def _card_for(self, key: str, target: Target) -> Card | None:
        """The card of a reply; ``None`` if it is to have none."""
        if (card := self._cards.get(key)) is not None:
            return card
        record = self._records.get(key)
        if record is None and not self._wants_card(target):
            return None
        stage: Stage = "new" if record is None or not record.delivered else "shown"
        name = card_id(self._config.client_id, self._config.name, key)
        card = self._cards[key] = Card(name, target, self._calls, self._manner, stage)
        return card

    def _wants_card(self, target: Target) -> bool:
        wanted = self._config.reply_mode_in(target.kind, target.id) == "card"
        return wanted and bool(target.id) and trio.current_time() >= self._off_until

    async def _grow(self, key: str, card: Card, text: Callable[[], str], grown: Bell, over: trio.Event) -> None:
        await self._make(key, card)
        if card.stage == "absent":
            return
        self._on_card(key)
        await card.grow(lambda: while_growing(MARKERS.shown(text()[:MOST_GROWN])), grown, over)
        if card.trouble is not None:
            self._note_trouble(card)

    async def _make(self, key: str, card: Card, text: str = "") -> None:
        """Make the card, known to the store before and after. Without a store there is no card."""
        if card.stage != "new":
            return
        earlier = self._records.get(key)
        record = earlier or Record(card.id, asked_by=card.asker, announced=bool(text))
        try:
            if earlier is None:
                await self._records.put(key, record)
        except StoreUnavailable as error:
            logger.warning("no card: the store is away", extra={**self._config.labels, "cause": str(error)})
            card.give_up()
            return
        try:
            if await card.make(text):
                self._remember(record)
                await self._records.put(key, attrs.evolve(record, delivered=True))
            else:
                self._note_trouble(card)
                if earlier is None:  # Else an earlier life may have made it.
                    await self._records.forget(key)
        except StoreUnavailable as error:  # What is known is enough: that there may be a card.
            fields = {**self._config.labels, "card": card.id, "cause": str(error)}
            logger.warning("a card could not be noted: the store is away", extra=fields)

    def _note_trouble(self, card: Card) -> None:
        outcome = card.trouble
        if outcome is None:
            return
        fields = {**self._config.labels, "card": card.id, "cause": describe(outcome)}
        useless = outcome.category in USELESS or (outcome.category == "bad_request" and card.stage == "absent")
        if useless and trio.current_time() >= self._off_until:
            self._off_until = trio.current_time() + OFF
            logger.warning("no cards for now, see the cause: answers go as messages", extra={**fields, "again_in": OFF})
        else:
            logger.info("an answer leaves its card, and goes as a message if it must", extra=fields)

    def _remember(self, record: Record) -> None:
        self._owners[record.id] = record.asked_by
        while len(self._owners) > OWNERS:
            self._owners.popitem(last=False)

    def _start_sweep(self, keys: list[str], *, promised: bool = True) -> None:
        if keys:
            self._nursery.start_soon(self._sweep, keys, promised, name=f"{self._config.name}/stuck cards")

    async def _sweep(self, keys: list[str], promised: bool) -> None:
        """End the cards whose replies are gone, or were announced and are not ``promised`` any more."""
        for key in keys:
            async with self._sweeping:  # two sweeps may know the same card
                if (record := self._records.get(key)) is not None:
                    await self._bring_to_end(key, record, promised)

    async def _bring_to_end(self, key: str, record: Record, promised: bool) -> None:
        try:
            row = await self._store.outgoing_row(key)
            coming = promised and record.announced if row is None else row.state in WAITING
            if coming and not record.stuck:
                return
            gone = row is None or row.state == "dead"
            text = ERROR_MARK if gone else NO_TEXT
            if row is not None and record.shown:
                text, _ = divided(MARKERS.apart(row.text, sendable=bool(self._config.media_roots))[0], record.shown)
            if record.ended or not (record.stuck or gone) or await self._end_stuck(record, text):
                await self._records.forget(key)
        except BridgeError as error:
            fields = {**self._config.labels, "card": record.id, "cause": str(error)}
            logger.warning("a card whose reply is gone could not be ended", extra=fields)

    async def _end_stuck(self, record: Record, text: str) -> bool:
        """End it. False where DingTalk takes no such call now, and may at the next start."""
        card = Card(record.id, Target(kind="user", id=""), self._calls, self._manner, "shown")
        for trial in range(SWEEPS):
            try:
                await card.end(text, failed=text.endswith(ERROR_MARK))
            except BridgeError:
                if trial + 1 == SWEEPS:
                    raise
                await trio.sleep(2.0**trial)
            else:
                break
        return card.trouble is None or card.trouble.category not in USELESS


def _rest(reply: Reply, shown: int) -> Reply | None:
    """What a card did not hold."""
    _, rest = divided(reply.text, shown)
    return attrs.evolve(reply, text=rest) if rest.strip() or reply.attachments else None
