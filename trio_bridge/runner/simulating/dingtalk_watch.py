"""Everything that happens at a simulated DingTalk becomes news."""

from __future__ import annotations

from typing import Any

from ...platforms.dingtalk.gateway.card import Card
from ...platforms.dingtalk.gateway.desk import Sent
from ...platforms.dingtalk.gateway.ledger import Acked, Delivery, Pushed
from ...testing.dingtalk import DingTalkSimulator, SimulatedConnection
from ...testing.dingtalk_story import words_of
from .news import News, Tell

OK = 200


class Watcher:
    """Tells of what the ledger writes as it is written, and of the rest soon after."""

    def __init__(self, dingtalk: DingTalkSimulator, tell: Tell) -> None:
        self._dingtalk = dingtalk
        self._tell = tell
        self._called = self._opened = self._sent = self._reworded = self._cards = self._faults = 0
        self._live: dict[SimulatedConnection, None] = {}
        self._waiting: dict[int, Pushed] = {}
        """Pushed, and not put on any connection yet."""
        dingtalk.ledger.watch = self._note

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            await self._dingtalk.wait_until(self.look)

    def look(self) -> bool:
        """Tell of what was not told yet."""
        dingtalk = self._dingtalk
        for call in dingtalk.open_calls[self._called :]:
            self._called += 1
            if call.status != OK:
                answer = call.status or "no answer"
                self._say("refused", f"{call.client_id} wanted to connect: {answer}", client_id=call.client_id)
        for connection in dingtalk.opened[self._opened :]:
            self._opened += 1
            self._live[connection] = None
            self._connection("connected", connection, f"{connection.client_id} connected")
        for connection in [each for each in self._live if not each.live]:
            del self._live[connection]
            self._gone(connection)
        for pushed in self._waiting.values():
            kept = "kept for later" if dingtalk.rules.keep_offline else "lost, as a real one would be"
            self._message("undelivered", pushed, f"nobody is there to take it: {kept}")
        self._waiting.clear()
        for card in dingtalk.rest.cards.shown[self._cards :]:
            self._cards += 1
            self._shown(card)
        for sent in dingtalk.sent[self._sent :]:
            self._sent += 1
            self._replied(sent)
        for sent in dingtalk.rest.reworded[self._reworded :]:
            self._reworded += 1
            self._reworded_to(sent)
        for fault in dingtalk.ledger.faults[self._faults :]:
            self._faults += 1
            facts = {"kind": fault.kind, "client_id": fault.client_id, "detail": fault.detail}
            self._say("fault", f"{fault.client_id} broke a rule: {fault.kind} {fault.detail}", **facts)
        return False

    def _note(self, pushed: Pushed, note: Delivery | Acked | None) -> None:
        if self._waiting.pop(pushed.number, None) is None:
            self.look()  # So that what came before is told before.
        if note is None:
            self._waiting[pushed.number] = pushed
            return
        if isinstance(note, Acked):
            verdict = "acknowledged" if note.verdict == "accepted" else f"acknowledged: {note.verdict} ({note.code})"
            where = "" if note.rightly else ", but not on the connection that it came on"
            after = self._after(pushed, note.at)
            self._message("acked", pushed, f"{verdict}{where} {_told(after)}", verdict=note.verdict, after=after)
            return
        count = len(self._dingtalk.ledger.entry(pushed).deliveries)
        again = "" if count == 1 else f", delivered again ({count} times now)"
        words = f"{words_of(pushed.letter)!r} for {pushed.client_id}{again}"
        self._message("pushed" if count == 1 else "redelivered", pushed, words, text=words_of(pushed.letter))

    def _shown(self, card: Card) -> None:
        """Somebody can see a new card. Its text may be yet to come."""
        words = f"{card.client_id} shows a card to {', '.join(card.spaces)}"
        facts = {"to": list(card.spaces), "text": card.text, "client_id": card.client_id}
        self._say("card", f"{words}: {card.text}" if card.text else words, card=card.out_track_id, **facts)

    def _replied(self, sent: Sent) -> None:
        facts: dict[str, Any] = {"text": sent.text, "via": sent.via, "client_id": sent.client_id}
        if sent.medium is not None:
            facts["medium"] = {"type": sent.medium.type, "name": sent.medium.name, "bytes": len(sent.medium.content)}
        if sent.answers is None:
            self._say("said", f"{sent.client_id} says to {sent.target}: {sent.text}", to=sent.target, **facts)
        else:
            after = self._after(sent.answers, sent.at)
            self._message("replied", sent.answers, f"answered {_told(after)}: {sent.text}", **facts, after=after)

    def _reworded_to(self, sent: Sent) -> None:
        """A card that had come to its end was taken up again."""
        facts = {"text": sent.text, "via": sent.via, "client_id": sent.client_id}
        if sent.answers is None:
            self._say("reworded", f"{sent.client_id} now says to {sent.target}: {sent.text}", to=sent.target, **facts)
        else:
            self._message("reworded", sent.answers, f"the answer is now: {sent.text}", **facts)

    def _gone(self, connection: SimulatedConnection) -> None:
        code = connection.closed_by_client
        words = "the connection of {} is over" if code is None else "{} closed its connection ({})"
        self._connection("disconnected", connection, words.format(connection.client_id, code), code=code)

    def _connection(self, event: str, connection: SimulatedConnection, words: str, **facts: Any) -> None:
        self._say(event, words, client_id=connection.client_id, connection=connection.id, **facts)

    def _message(self, event: str, pushed: Pushed, words: str, **facts: Any) -> None:
        self._say(event, f"message {pushed.number}: {words}", message=pushed.number, **facts)

    def _say(self, event: str, words: str, **facts: Any) -> None:
        self._tell(News(event, words, facts))

    def _after(self, pushed: Pushed, at: float) -> float:
        return round(at - pushed.at, 4)


def _told(seconds: float) -> str:
    return f"after {seconds * 1000:.0f} ms" if seconds < 1 else f"after {seconds:.1f} s"
