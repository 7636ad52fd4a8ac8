"""All cards of an account: which reply has one, and which grow."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
import trio

from ...engine.bell import Bell
from ...engine.keys import message_of
from ...engine.outbox import ERROR_MARK
from ...engine.platform import Outgoing, nobody_watches
from ...engine.store import AccountStore
from ...errors import StoreUnavailable
from ...messages import Reply
from ..cutting import divided
from .card import Card, Manner, Stage
from .left import Leftovers
from .record import Record, Records
from .seam import USELESS, PlatformCards, Rejected

PAUSE_LIMIT: Final = 0.6
"""Seconds to tell people that an account was stopped in the middle of their answers. After one it must be gone, and
whoever was calling it has a part of that, too."""
OFF: Final = 600.0
"""Seconds without cards after the platform said that the app can't have any."""
MOST_GROWN: Final = 100_000
"""Characters of an answer that are shown while it grows. No card takes as many, and to look through more at each
update would hold everybody up."""
OWNERS: Final = 10_000
"""Cards of which we remember who asked."""

logger = logging.getLogger(__name__)


class Cards:
    """The cards of one account. Their tasks live in ``nursery``; ``on_card`` learns of each reply that grows in one.

    ``scope`` is where the store keeps what is known of them, ``labels`` say in logs whose they are.
    """

    def __init__(
        self,
        platform_cards: PlatformCards,
        manner: Manner,
        store: AccountStore,
        scope: str,
        nursery: trio.Nursery,
        labels: Mapping[str, Any],
        on_card: Callable[[str], None] = lambda key: None,
    ) -> None:
        self._platform_cards = platform_cards
        self._manner = manner
        self._records = Records(store, scope)
        self._nursery = nursery
        self._labels = labels
        self._on_card = on_card
        self._cards: dict[str, Card] = {}
        self._owners: OrderedDict[str, str] = OrderedDict()
        self._off_until = float("-inf")
        self._left = Leftovers(platform_cards, manner, self._records, store, nursery, labels)

    async def open(self) -> None:
        """Take up what an earlier life left; cards whose reply is gone are brought to their end meanwhile."""
        await self._records.open()
        for _, record in (left := self._records.items()):
            self._remember(record)
        self._left.sweep([key for key, _ in left])

    def given_up(self, messages: Collection[str]) -> None:
        """Nobody will answer these messages: cards that were shown for their answers are ended."""
        left = [key for key, _ in self._records.items() if message_of(key) in messages]
        self._left.sweep(left, promised=False)

    async def pause(self) -> None:
        """The account stops: a card that looks busy says that it was interrupted. Nobody knows when it will go on."""
        with trio.move_on_after(PAUSE_LIMIT, shield=True):
            async with trio.open_nursery() as nursery:
                for card in self._cards.values():
                    nursery.start_soon(card.pause, ERROR_MARK)

    def owner(self, card: str) -> str:
        """Whoever asked what a card answers, by the id of the card or of its message; empty where nobody knows."""
        return self._owners.get(card, "")

    # Replies.

    @asynccontextmanager
    async def show(self, key: str, target: str, text: Callable[[], str]) -> AsyncGenerator[Callable[[], None]]:
        """Show a reply in a card while it is written: see :meth:`~trio_bridge.engine.platform.Platform.show`."""
        card = self._card_for(key, target)
        if card is None:
            yield nobody_watches
            return
        grown, over = Bell(), trio.Event()
        self._nursery.start_soon(self._grow, key, card, text, grown, over, name=self._task_of(key))
        try:
            yield grown.ring
        finally:
            over.set()
            grown.ring()

    def announce(self, key: str, target: str, text: str) -> None:
        """Show a card for a reply that will come later."""
        if key not in self._cards and (card := self._card_for(key, target)) is not None and card.stage == "new":
            self._nursery.start_soon(self._make, key, card, text, name=self._task_of(key))

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
        whole = self._platform_cards.apart(reply)
        if record is not None and (record.ended or record.shown):
            return _rest(whole, record.shown)
        if record is not None and record.stuck:
            return reply
        if card is None:
            card = self._card_for(key, outgoing.target)
            assert card is not None  # There is a record of it.
            await self._make(key, card)
        try:
            taken = await card.end(whole.text, failed=outgoing.failed)
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
            known = card.face.noted(self._records.get(key) or Record(card.face.id))
            await self._records.put(
                key,
                attrs.evolve(known, announced=False, delivered=True, stuck=not ended, ended=ended, shown=taken),
            )
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
                if card is None or card.trouble is None or card.may_look_busy:
                    self._left.sweep([key])
        except StoreUnavailable as error:
            logger.warning("a card could not be forgotten", extra={**self._labels, "cause": str(error)})

    # Inside.

    def _task_of(self, key: str) -> str:
        return f"{self._labels['account']}/card {key}"

    def _card_for(self, key: str, target: str) -> Card | None:
        """The card of a reply; ``None`` if it is to have none."""
        if (card := self._cards.get(key)) is not None:
            return card
        record = self._records.get(key)
        if record is None and not self._wants_card(target):
            return None
        stage: Stage = "new" if record is None or not record.delivered else "shown"
        face = self._platform_cards.card(key, target, record)
        card = self._cards[key] = Card(face, self._platform_cards, self._manner, stage)
        return card

    def _wants_card(self, target: str) -> bool:
        return trio.current_time() >= self._off_until and self._platform_cards.wants_card(target)

    async def _grow(self, key: str, card: Card, text: Callable[[], str], grown: Bell, over: trio.Event) -> None:
        await self._make(key, card)
        if card.stage == "absent":
            return
        self._on_card(key)
        await card.grow(lambda: self._platform_cards.while_growing(text()[:MOST_GROWN]), grown, over)
        if card.trouble is not None:
            self._note_trouble(card)

    async def _make(self, key: str, card: Card, text: str = "") -> None:
        """Make the card, known to the store before and after. Without a store there is no card."""
        if card.stage != "new":
            return
        earlier = self._records.get(key)
        record = earlier or Record(card.face.id, asked_by=card.face.asker, announced=bool(text))

        async def keep() -> None:
            nonlocal record
            if (known := card.face.noted(record)) != record:
                await self._records.put(key, known)
                record = known

        try:
            if earlier is None:
                await self._records.put(key, record)
        except StoreUnavailable as error:
            logger.warning("no card: the store is away", extra={**self._labels, "cause": str(error)})
            card.give_up()
            return
        try:
            if await card.make(text, keep):
                record = card.face.noted(record)
                self._remember(record)
                await self._records.put(key, attrs.evolve(record, delivered=True))
            else:
                self._note_trouble(card)
                if earlier is None and not card.may_look_busy:  # Else it may be there.
                    await self._records.forget(key)
        except StoreUnavailable as error:  # What is known is enough: that there may be a card.
            fields = {**self._labels, "card": card.face.id, "cause": str(error)}
            logger.warning("a card could not be noted: the store is away", extra=fields)

    def _note_trouble(self, card: Card) -> None:
        result = card.trouble
        if result is None:
            return
        fields = {**self._labels, "card": card.face.id, "cause": result.words}
        useless = result.verdict in USELESS or (result.verdict == "not_understood" and card.stage == "absent")
        if useless and trio.current_time() >= self._off_until:
            self._off_until = trio.current_time() + OFF
            logger.warning("no cards for now, see the cause: answers go as messages", extra={**fields, "again_in": OFF})
        else:
            logger.info("an answer leaves its card, and goes as a message if it must", extra=fields)

    def _remember(self, record: Record) -> None:
        for name in filter(None, (record.id, record.message)):
            self._owners[name] = record.asked_by
        while len(self._owners) > OWNERS:
            self._owners.popitem(last=False)


def _rest(reply: Reply, shown: int) -> Reply | None:
    """What a card did not hold."""
    _, rest = divided(reply.text, shown)
    return attrs.evolve(reply, text=rest) if rest.strip() or reply.attachments else None
