import attrs
import pytest

from trio_bridge.gateways.book import Book, Delivery, Entry, Summary


@attrs.frozen
class Letter:
    wants_answer: bool


@attrs.frozen
class Pushed:
    number: int
    letter: Letter


@attrs.frozen
class Acked:
    verdict: str = "accepted"
    rightly: bool = True


class Ledger(Book[Entry[Pushed, Acked, str], Summary]):
    def push(self, app: str = "app", place: str | None = "here", *, wants_answer: bool = True) -> Pushed:
        entry = Entry[Pushed, Acked, str](app, place, Pushed(len(self._entries), Letter(wants_answer)))
        self._enter(entry)
        self.delivered(entry, "c", "m", 1.0)
        return entry.pushed

    def ack(self, pushed: Pushed, acked: Acked) -> None:
        self._acked(self.entry(pushed), acked, settles=True)

    def reply(self, app: str = "app", place: str = "here") -> Pushed | None:
        entry = self._meant_in(app, place)
        self._replied(app, entry, "text")
        return entry.pushed if entry else None

    def counts(self, app: str | None = None) -> dict[str, int]:
        return {name: count for name, count in attrs.asdict(self._summary(app)).items() if count}


def test_an_answer_belongs_to_the_oldest_message_without_one_else_to_the_newest_there() -> None:
    ledger = Ledger(Summary)
    first, second = ledger.push(), ledger.push()
    ledger.push(wants_answer=False)
    ledger.push(place=None)
    assert [ledger.reply() for _ in range(3)] == [first, second, second]
    assert ledger.reply(place="elsewhere") is ledger.reply(app="another") is None
    assert ledger._replies_per_message("app") == {0: 1, 1: 1, 2: 1}
    counts = ledger.counts("app")
    assert (counts["replies"], counts["answered"], counts["answered_twice"], counts["unanswered"]) == (3, 2, 1, 1)
    assert (counts["unmatched_replies"], ledger.counts()["unmatched_replies"]) == (1, 2)


@pytest.mark.parametrize(
    ("acked", "counted"),
    [
        (Acked(), {"acked": 1}),
        (Acked("refused"), {"acked": 1, "refused": 1}),
        (Acked(rightly=False), {"acked_on_wrong_connection": 1, "unacked": 1}),
    ],
    ids=["rightly", "refused", "elsewhere"],
)
def test_what_settles_a_message_counts_once_and_on_its_own_connection_only(
    acked: Acked, counted: dict[str, int]
) -> None:
    ledger = Ledger(Summary)
    pushed = ledger.push(wants_answer=False)
    ledger.ack(pushed, acked)
    assert ledger.counts() == {"pushed": 1, "delivered": 1, "deliveries": 1, **counted}


def test_whoever_watches_is_told_of_everything_in_order() -> None:
    ledger, told = Ledger(Summary), []
    ledger.watch = lambda pushed, note: told.append((pushed.number, note))
    ledger.ack(ledger.push(), Acked())
    assert told == [(0, None), (0, Delivery("c", "m", 1.0)), (0, Acked())]
