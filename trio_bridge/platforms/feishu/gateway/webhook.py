"""The server side of a webhook: an app that is called for every event. No I/O and no clock.

Rules, as the platform documents them:

1. An event is taken when the call is answered with 200 within 3 s. Otherwise it is called for again, by the same ladder
   as on a connection; each call is sealed anew.
2. A callback is called for once. Its answer is the body of the answer.

The caller makes the calls that :meth:`Webhook.take` returns, and says how each of them ended.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs

from .callbacks import LATE, UNANSWERED, Callback, verdict_on
from .ledger import Acked, Entry, Pushed, Verdict
from .letters import Letter
from .sealing import HookCall, Seal

if TYPE_CHECKING:
    from .gateway import Gateway

OK: Final = 200
HOME: Final = "webhook"
"""What stands in the ledger for the connection."""


@attrs.frozen
class HookReply:
    """How a call ended. Without an answer in time the status is 0."""

    status: int
    body: bytes = attrs.field(default=b"", repr=False)

    def json(self) -> Any:
        """The body, decoded; ``None`` where it is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


NO_REPLY: Final = HookReply(0)


@attrs.define(eq=False)
class Attempt:
    """One call for an event, and how it ended."""

    entry: Entry
    number: str
    call: HookCall
    reply: HookReply | None = None


class Webhook:
    """The calls to one app."""

    def __init__(self, gateway: Gateway, app_id: str, seal: Seal) -> None:
        self.app_id = app_id
        self.seal = seal
        self.attempts: list[Attempt] = []
        """Every call for an event, in order."""
        self._gateway = gateway
        self._waiting: list[Attempt] = []

    @property
    def is_stirred(self) -> bool:
        """Whether there are calls to make."""
        return bool(self._waiting)

    def push(self, letter: Letter, now: float) -> Pushed:
        """Have the app called for this event."""
        entry = self._gateway.ledger.pushed(self.app_id, letter, now)
        if not letter.is_callback:
            self.deliver(entry, now)
            return entry.pushed
        self._gateway.deliveries.callbacks[entry.pushed.number] = Callback(entry.pushed)
        if self._gateway.rules.callbacks_off:
            self._end_callback(entry, UNANSWERED, now)
        else:
            self.deliver(entry, now)
        return entry.pushed

    def deliver(self, entry: Entry, now: float) -> None:
        """Have the app called for it now."""
        number = f"{HOME}-{len(self.attempts)}"
        self._gateway.counts.redeliveries += bool(entry.deliveries)
        self._gateway.ledger.delivered(entry, HOME, number, now)
        call = self.seal.call(entry.pushed.letter.data, self._gateway.epoch + now, self._gateway.rng)
        attempt = Attempt(entry, number, call)
        self.attempts.append(attempt)
        self._waiting.append(attempt)

    def take(self) -> list[Attempt]:
        """The calls to make now. They are the caller's from here on."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def ended(self, attempt: Attempt, reply: HookReply, now: float) -> None:
        """Heed how a call ended."""
        attempt.reply = reply
        entry = attempt.entry
        if reply.status:
            verdict: Verdict = "accepted" if reply.status == OK else "refused"
            acked = Acked(HOME, attempt.number, now, reply.status, verdict, rightly=True)
            self._gateway.ledger.acked(entry, acked)
        if entry.pushed.letter.is_callback:
            self._judge(entry, reply, now)
        elif reply.status != OK:
            self._try_later(entry, now)

    def _judge(self, entry: Entry, reply: HookReply, now: float) -> None:
        """Show whoever pressed the button what has come of it."""
        if reply.status != OK:
            self._end_callback(entry, UNANSWERED if reply.status else LATE, now)
            return
        answer = reply.json()
        if isinstance(answer, dict):
            self._gateway.deliveries.callbacks[entry.pushed.number].answer = answer
        self._end_callback(entry, verdict_on(entry.pushed.letter.event_type, answer), now)

    def _end_callback(self, entry: Entry, code: int, now: float) -> None:
        deliveries = self._gateway.deliveries
        callback = deliveries.callbacks[entry.pushed.number]
        callback.code, callback.answered_at = code, now
        deliveries.when_answered(callback)

    def _try_later(self, entry: Entry, now: float) -> None:
        ladder = self._gateway.rules.ladder
        if entry.missed >= len(ladder):
            self._gateway.ledger.gave_up(entry)
            return
        at = now + ladder[entry.missed]
        entry.missed += 1
        self._gateway.timetable.add(at, partial(self.deliver, entry, at))
