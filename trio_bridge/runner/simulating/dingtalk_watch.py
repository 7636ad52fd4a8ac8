"""Everything that happens at a simulated DingTalk becomes news."""

from __future__ import annotations

from typing import Any

from ...platforms.dingtalk.gateway.card import Card
from ...platforms.dingtalk.gateway.desk import Sent
from ...platforms.dingtalk.gateway.ledger import Acked, Delivery, Pushed
from ...testing.dingtalk import DingTalkSimulator, SimulatedConnection
from ...testing.dingtalk_story import words_of
from .chat_watch import ChatWatcher
from .news import Tell

OK = 200


class Watcher(ChatWatcher[Pushed, SimulatedConnection]):
    """Tells of a DingTalk."""

    credential = "client_id"

    def __init__(self, dingtalk: DingTalkSimulator, tell: Tell) -> None:
        super().__init__(dingtalk, tell)
        self._dingtalk = dingtalk
        self._calls = self._cards = self._replies = self._changes = 0
        dingtalk.ledger.watch = self._note

    @property
    def _keeps(self) -> bool:
        return self._dingtalk.rules.keep_offline

    def _look_for_refusals(self) -> None:
        for call in self._dingtalk.open_calls[self._calls :]:
            self._calls += 1
            if call.status != OK:
                self._refused(call.client_id, call.status or "no answer")

    def _look_for_answers(self) -> None:
        for card in self._dingtalk.rest.cards.shown[self._cards :]:
            self._cards += 1
            self._shown(card)
        for sent in self._dingtalk.sent[self._replies :]:
            self._replies += 1
            self._answered(sent, sent.answers, sent.at, sent.text, sent.target, **_facts(sent))
        for sent in self._dingtalk.rest.reworded[self._changes :]:
            self._changes += 1
            self._reworded(sent, sent.answers, sent.text, sent.target, via=sent.via)

    def _words(self, pushed: Pushed) -> str:
        return words_of(pushed.letter)

    def _note(self, pushed: Pushed, note: Delivery | Acked | None) -> None:
        match note:
            case None:
                self._pushed(pushed)
            case Delivery():
                self._delivered(pushed, len(self._dingtalk.ledger.entry(pushed).deliveries))
            case Acked():
                self._acked(pushed, note)

    def _shown(self, card: Card) -> None:
        """Somebody can see a new card. Its text may be yet to come."""
        words = f"{card.client_id} shows a card to {', '.join(card.spaces)}"
        facts = {"to": list(card.spaces), "text": card.text, "client_id": card.client_id}
        self._say("card", f"{words}: {card.text}" if card.text else words, card=card.out_track_id, **facts)


def _facts(sent: Sent) -> dict[str, Any]:
    facts: dict[str, Any] = {"via": sent.via}
    if sent.medium is not None:
        facts["medium"] = {"type": sent.medium.type, "name": sent.medium.name, "bytes": len(sent.medium.content)}
    return facts
