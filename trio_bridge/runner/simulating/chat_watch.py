"""Everything that happens at a simulated chat platform becomes news."""

from __future__ import annotations

import abc
from typing import Any, ClassVar, Generic

from .news import News, Tell
from .simulator import Acked, AnyPeer, AnyPushed, Simulator


class ChatWatcher(abc.ABC, Generic[AnyPushed, AnyPeer]):
    """Tells of what the ledger writes as it is written, and of the rest soon after."""

    credential: ClassVar[str]
    """How the platform calls what a client is known by; whatever a client did has it under this name."""

    def __init__(self, simulator: Simulator[AnyPushed, AnyPeer], tell: Tell) -> None:
        self._simulator = simulator
        self._tell = tell
        self._opened = self._faults = 0
        self._live: dict[AnyPeer, None] = {}
        self._waiting: dict[int, AnyPushed] = {}
        """Pushed, and not put on any connection yet."""

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            await self._simulator.wait_until(self.look)

    def look(self) -> bool:
        """Tell of what was not told yet."""
        self._look_for_refusals()
        for connection in self._simulator.opened[self._opened :]:
            self._opened += 1
            self._live[connection] = None
            self._connection("connected", connection, f"{self._client(connection)} connected")
        for connection in [each for each in self._live if not each.live]:
            del self._live[connection]
            self._gone(connection)
        for pushed in self._waiting.values():
            kept = "kept for later" if self._keeps else "lost, as a real one would be"
            self._message("undelivered", pushed, f"nobody is there to take it: {kept}")
        self._waiting.clear()
        self._look_for_answers()
        for fault in self._simulator.ledger.faults[self._faults :]:
            self._faults += 1
            client = self._client(fault)
            facts = {"kind": fault.kind, self.credential: client, "detail": fault.detail}
            self._say("fault", f"{client} broke a rule: {fault.kind} {fault.detail}", **facts)
        return False

    @property
    @abc.abstractmethod
    def _keeps(self) -> bool:
        """Whether what is pushed while nobody is there waits for somebody."""

    @abc.abstractmethod
    def _look_for_refusals(self) -> None:
        """Tell of who wanted to connect and could not."""

    @abc.abstractmethod
    def _look_for_answers(self) -> None:
        """Tell of what bots said and showed."""

    @abc.abstractmethod
    def _words(self, pushed: AnyPushed) -> str:
        """The beginning of what was pushed."""

    # What the ledger writes.

    def _pushed(self, pushed: AnyPushed) -> None:
        self.look()  # So that what came before is told before.
        self._waiting[pushed.number] = pushed

    def _delivered(self, pushed: AnyPushed, count: int) -> None:
        self._take_out(pushed)
        again = "" if count == 1 else f", delivered again ({count} times now)"
        words = self._words(pushed)
        told = f"{words!r} for {self._client(pushed)}{again}"
        self._message("pushed" if count == 1 else "redelivered", pushed, told, text=words)

    def _acked(self, pushed: AnyPushed, acked: Acked) -> None:
        self._take_out(pushed)
        verdict = "acknowledged" if acked.verdict == "accepted" else f"acknowledged: {acked.verdict} ({acked.code})"
        where = "" if acked.rightly else ", but not on the connection that it came on"
        after = _after(pushed, acked.at)
        self._message("acked", pushed, f"{verdict}{where} {_told(after)}", verdict=acked.verdict, after=after)

    def _take_out(self, pushed: AnyPushed) -> None:
        if self._waiting.pop(pushed.number, None) is None:
            self.look()

    # What bots do.

    def _answered(self, sent: object, answers: AnyPushed | None, at: float, text: str, to: str, **facts: Any) -> None:
        client = self._client(sent)
        facts = {"text": text, self.credential: client, **facts}
        if answers is None:
            self._say("said", f"{client} says to {to}: {text}", to=to, **facts)
        else:
            after = _after(answers, at)
            self._message("replied", answers, f"answered {_told(after)}: {text}", **facts, after=after)

    def _reworded(self, sent: object, answers: AnyPushed | None, text: str, to: str, **facts: Any) -> None:
        """What stood there already has another text."""
        client = self._client(sent)
        facts = {"text": text, self.credential: client, **facts}
        if answers is None:
            self._say("reworded", f"{client} now says to {to}: {text}", to=to, **facts)
        else:
            self._message("reworded", answers, f"the answer is now: {text}", **facts)

    def _refused(self, client: str, why: object) -> None:
        self._say("refused", f"{client} wanted to connect: {why}", **{self.credential: client})

    # How it is told.

    def _client(self, thing: object) -> str:
        """Whose it is, or who did it."""
        return str(getattr(thing, self.credential))

    def _gone(self, connection: AnyPeer) -> None:
        code = connection.closed_by_client
        words = "the connection of {} is over" if code is None else "{} closed its connection ({})"
        self._connection("disconnected", connection, words.format(self._client(connection), code), code=code)

    def _connection(self, event: str, connection: AnyPeer, words: str, **facts: Any) -> None:
        facts = {self.credential: self._client(connection), "connection": connection.id, **facts}
        self._say(event, words, **facts)

    def _message(self, event: str, pushed: AnyPushed, words: str, **facts: Any) -> None:
        self._say(event, f"message {pushed.number}: {words}", message=pushed.number, **facts)

    def _say(self, event: str, words: str, **facts: Any) -> None:
        self._tell(News(event, words, facts))


def _after(pushed: AnyPushed, at: float) -> float:
    return round(at - pushed.at, 4)


def _told(seconds: float) -> str:
    return f"after {seconds * 1000:.0f} ms" if seconds < 1 else f"after {seconds:.1f} s"
