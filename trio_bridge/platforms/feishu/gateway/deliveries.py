"""Events on their way: delivered, acknowledged, delivered again. No I/O and no clock.

Rules:

1. Each delivery has a message id and numbers of its own. They go up to 2^60, which floating-point numbers round.
2. It has 3 s to be acknowledged. One that is not, or with code 500, comes again by the ladder. An acknowledgement that
   is late changes nothing about that.
3. A callback comes once. Who pressed the button sees the answer, or what went wrong.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import attrs

from ....gateways.timetable import Appointment
from .acks import AGAIN, Ack, BadAck, answer_in, differences, read_ack, same_log_id
from .callbacks import LATE, MISSHAPEN, UNANSWERED, Callback, verdict_on
from .connection import GatewayConnection, Message
from .fragments import WHOLE, Fragments, Piece, is_complete
from .frames import DATA, BadFrame, Frame, decode, encode
from .ledger import Acked, Entry, FaultKind, Pushed, Verdict
from .letters import Kind, Letter, letter_of

if TYPE_CHECKING:
    from .gateway import Gateway

INSTANCE: Final = "sim-1"
LARGEST_LOG_ID: Final = 1 << 60
LARGEST_SEQ_ID: Final = 1 << 40


@attrs.define(eq=False)
class _Attempt:
    """One delivery of an event, while its acknowledgement is waited for and afterwards."""

    entry: Entry
    connection: GatewayConnection
    frames: list[Frame] = attrs.Factory(list)
    """What was written, without payloads."""
    timer: Appointment | None = None
    acks: int = 0
    late: bool = False

    def complete_from(self) -> int | None:
        """With which frame a client had it all."""
        labels = [(frame.header("sum"), frame.header("seq")) for frame in self.frames]
        if labels and labels[0] == (None, None):
            return 0
        return next((count for count in range(len(labels)) if is_complete(labels[: count + 1])), None)


def _unheeded(callback: Callback) -> None:
    """Nobody else wants to know."""


class Deliveries:
    """What is under way to the clients of a gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.fragments = WHOLE
        """How events are cut that say nothing else."""
        self.callbacks: dict[int, Callback] = {}
        """Callbacks by the number of their push."""
        self.when_answered: Callable[[Callback], None] = _unheeded
        """Told of every callback that has ended, well or not."""
        self._gateway = gateway
        self._attempts: dict[str, _Attempt] = {}
        self._kept: dict[str, deque[tuple[Entry, Fragments | None]]] = {}

    def push(self, app_id: str, letter: Letter, now: float, fragments: Fragments | None = None) -> Pushed:
        """Deliver to one connection of the app, now or as soon as there is one."""
        entry = self._gateway.ledger.pushed(app_id, letter, now)
        if letter.is_callback:
            self.callbacks[entry.pushed.number] = Callback(entry.pushed)
            if self._gateway.rules.callbacks_off or not self.deliver(entry, now, fragments):
                self._end_callback(entry, UNANSWERED, now)
        else:
            self._deliver_or_keep(entry, now, fragments)
        return entry.pushed

    def deliver(self, entry: Entry, now: float, fragments: Fragments | None = None) -> bool:
        """Put it on a connection. False if there is none."""
        gateway = self._gateway
        candidates = gateway.connections(entry.pushed.app_id)
        if not candidates:
            return False
        connection = gateway.rng.choice(candidates) if len(candidates) > 1 else candidates[0]
        message_id, trace = self._uuid(), f"{gateway.rng.getrandbits(128):032x}"
        fragments = fragments or self.fragments
        attempt = self._attempts[message_id] = _Attempt(entry, connection)
        gateway.counts.redeliveries += bool(entry.deliveries)
        gateway.ledger.delivered(entry, connection.id, message_id, now)
        at, stamp = now, str(int((gateway.epoch + now) * 1000))
        letter = entry.pushed.letter
        for piece in fragments.pieces(letter.data):
            headers = (
                ("biz_type", "event"),
                ("timestamp", stamp),
                ("type", letter.kind),
                ("message_id", message_id),
                ("sum", piece.sum),
                ("seq", piece.seq),
                ("trace_id", trace),
                ("instance_id", INSTANCE),
            )
            send = partial(self._send, attempt, headers, piece, trace)
            if at == now:
                send(now)
            else:
                gateway.timetable.add(at, partial(send, at))
            at += fragments.gap
        if not entry.given_up:
            last = max(now, at - fragments.gap)
            self._expect_ack(attempt, last)
        return True

    def flush_kept(self, app_id: str, now: float) -> None:
        """Deliver what has waited for somebody."""
        kept = self._kept.get(app_id)
        while kept and self._gateway.connections(app_id):
            self.deliver(kept[0][0], now, kept[0][1])
            kept.popleft()

    def note_frame(self, connection: GatewayConnection, message: Message, now: float) -> Pushed | None:
        """Expect an acknowledgement of a frame that was written by hand. ``None``: there can't be one."""
        try:
            frame = decode(message) if isinstance(message, bytes) else None
        except BadFrame:
            return None
        message_id = frame.header("message_id") if frame else None
        if frame is None or frame.method != DATA or not message_id:
            return None
        attempt = self._attempts.get(message_id)
        if attempt is None:
            kind: Kind = "card" if frame.header("type") == "card" else "event"
            entry = self._gateway.ledger.pushed(connection.app_id, letter_of(frame.payload or b"", kind), now)
            attempt = self._attempts[message_id] = _Attempt(entry, connection)
            self._gateway.ledger.delivered(entry, connection.id, message_id, now)
        attempt.frames.append(attrs.evolve(frame, payload=None))
        return attempt.entry.pushed

    # Acknowledgements.

    def acked(self, connection: GatewayConnection, frame: Frame, now: float) -> None:
        """Book what a client says of a delivery."""
        try:
            ack = read_ack(frame)
        except BadAck as error:
            self._fault("ack_unreadable", connection, str(error), now)
            return
        self._gateway.counts.acks[ack.code] += 1
        attempt = self._attempts.get(ack.message_id)
        if attempt is None:
            self._fault("ack_unknown", connection, ack.message_id, now)
            return
        self._check_echo(connection, attempt, frame, now)
        rightly = attempt.connection is connection
        if not rightly:
            detail = f"{ack.message_id} was delivered on {attempt.connection.id}"
            self._fault("ack_on_wrong_connection", connection, detail, now)
        verdict: Verdict = "refused" if ack.code == AGAIN else "late" if attempt.late else "accepted"
        acked = Acked(connection.id, ack.message_id, now, ack.code, verdict, rightly)
        self._gateway.ledger.acked(attempt.entry, acked)
        if rightly:
            attempt.acks += 1
            self._settle(attempt, ack, now)

    def _settle(self, attempt: _Attempt, ack: Ack, now: float) -> None:
        if attempt.timer is None:
            return
        attempt.timer.cancel()
        attempt.timer = None
        if attempt.entry.pushed.letter.is_callback:
            self._judge_answer(attempt, ack, now)
        elif ack.code == AGAIN:
            self._try_later(attempt.entry, now)

    def _check_echo(self, connection: GatewayConnection, attempt: _Attempt, ack: Frame, now: float) -> None:
        rounded = self._gateway.rules.rounded_log_ids
        numbers = [
            number
            for number, sent in enumerate(attempt.frames)
            if sent.seq_id == ack.seq_id and same_log_id(ack, sent, rounded=rounded)
        ]
        complete = attempt.complete_from()
        if complete is None or (numbers and numbers[-1] < complete):
            self._fault("ack_differs", connection, "not all of it had been delivered", now)
            return
        different = list(differences(ack, attempt.frames[numbers[-1] if numbers else -1], rounded=rounded))
        if different:
            self._fault("ack_differs", connection, ", ".join(different), now)
        if attempt.acks >= len(attempt.frames) - complete:  # one, and one for each frame that came too late
            self._fault("ack_twice", connection, ack.header("message_id") or "", now)

    def _judge_answer(self, attempt: _Attempt, ack: Ack, now: float) -> None:
        entry = attempt.entry
        if ack.code == AGAIN:
            self._end_callback(entry, UNANSWERED, now)
            return
        try:
            answer = answer_in(ack.data)
        except BadAck as error:
            self._fault("callback_answer_unreadable", attempt.connection, str(error), now)
            self._end_callback(entry, MISSHAPEN, now)
            return
        code = verdict_on(entry.pushed.letter.event_type, answer)
        if isinstance(answer, dict):
            self.callbacks[entry.pushed.number].answer = answer
        self._end_callback(entry, code, now)

    def _end_callback(self, entry: Entry, code: int, now: float) -> None:
        callback = self.callbacks[entry.pushed.number]
        callback.code, callback.answered_at = code, now
        self.when_answered(callback)

    # Time.

    def _expect_ack(self, attempt: _Attempt, now: float) -> None:
        due = now + self._gateway.rules.ack_within
        attempt.timer = self._gateway.timetable.add(due, partial(self._missed, attempt, due))

    def _missed(self, attempt: _Attempt, now: float) -> None:
        attempt.late, attempt.timer = True, None
        entry = attempt.entry
        if entry.pushed.letter.is_callback:
            self._end_callback(entry, LATE, now)
        else:
            self._try_later(entry, now)

    def _try_later(self, entry: Entry, now: float) -> None:
        """Deliver it again by the ladder, or give it up."""
        ladder = self._gateway.rules.ladder
        if entry.missed >= len(ladder):
            self._gateway.ledger.gave_up(entry)
            return
        at = now + ladder[entry.missed]
        entry.missed += 1
        self._gateway.timetable.add(at, partial(self._deliver_or_keep, entry, at))

    def _deliver_or_keep(self, entry: Entry, now: float, fragments: Fragments | None = None) -> None:
        if not self.deliver(entry, now, fragments) and self._gateway.rules.keep:
            self._kept.setdefault(entry.pushed.app_id, deque()).append((entry, fragments))

    # Frames.

    def _send(
        self, attempt: _Attempt, headers: tuple[tuple[str, str], ...], piece: Piece, trace: str, now: float
    ) -> None:
        gateway = self._gateway
        if not attempt.connection.live:
            return
        frame = Frame(
            seq_id=gateway.rng.randrange(1, LARGEST_SEQ_ID),
            log_id=gateway.rng.randrange(1, LARGEST_LOG_ID),
            service=gateway.rules.service_id,
            method=DATA,
            headers=headers,
            log_id_new=trace,
        )
        attempt.frames.append(frame)
        gateway.write(attempt.connection, encode(attrs.evolve(frame, payload=piece.chunk)), now)

    def _fault(self, kind: FaultKind, connection: GatewayConnection, detail: str, now: float) -> None:
        self._gateway.ledger.fault(kind, connection.app_id, connection.id, now, detail)

    def _uuid(self) -> str:
        digits = f"{self._gateway.rng.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
