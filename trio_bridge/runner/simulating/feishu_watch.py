"""Everything that happens at a simulated Feishu becomes news."""

from __future__ import annotations

from ...platforms.feishu.gateway.card import Card
from ...platforms.feishu.gateway.ledger import Acked, Delivery, Pushed
from ...testing.feishu import FeishuSimulator, SimulatedConnection
from ...testing.feishu_story import words_of
from .chat_watch import ChatWatcher
from .news import Tell


class Watcher(ChatWatcher[Pushed, SimulatedConnection]):
    """Tells of a Feishu."""

    credential = "app_id"

    def __init__(self, feishu: FeishuSimulator, tell: Tell) -> None:
        super().__init__(feishu, tell)
        self._feishu = feishu
        self._calls = self._cards = self._replies = self._changes = 0
        feishu.ledger.watch = self._note

    @property
    def _keeps(self) -> bool:
        return self._feishu.rules.keep

    def _look_for_refusals(self) -> None:
        for call in self._feishu.discoveries[self._calls :]:
            self._calls += 1
            if call.code:
                self._refused(call.app_id, call.code)

    def _look_for_answers(self) -> None:
        for card in self._feishu.rest.cards.shown[self._cards :]:
            self._cards += 1
            self._shown(card)
        for sent in self._feishu.sent[self._replies :]:
            self._replies += 1
            self._answered(sent, sent.answers, sent.at, sent.text, sent.chat_id, kind=sent.msg_type)
        for sent in self._feishu.rest.reworded[self._changes :]:
            self._changes += 1
            self._reworded(sent, sent.answers, sent.text, sent.chat_id, kind=sent.msg_type)

    def _words(self, pushed: Pushed) -> str:
        return words_of(pushed.letter)

    def _note(self, pushed: Pushed, note: Delivery | Acked | None) -> None:
        match note:
            case None:
                self._pushed(pushed)
            case Delivery():
                self._delivered(pushed, len(self._feishu.ledger.entry(pushed).deliveries))
            case Acked():
                self._acked(pushed, note)

    def _shown(self, card: Card) -> None:
        """Somebody can see a new card. Its text may be yet to come."""
        words = f"{card.app_id} shows a card in {card.chat_id}"
        facts = {"to": card.chat_id, "text": card.text, "app_id": card.app_id}
        self._say("card", f"{words}: {card.text}" if card.text else words, card=card.id, **facts)
