"""The long connection, without I/O: frames in, a batch out; a delivery in, its acknowledgement out.

1. An acknowledgement is the frame that came last, with another payload: the server finds its delivery by all the rest.
2. Events in fragments are put together before anybody looks at them; a character may be cut in half.
3. What is no event is kept for an operator. What is no frame is counted.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from ...transport.wirelog import WireLog
from ...wire.fragments import BadFragment, Fragments
from ...wire.jsontext import parse
from ...wire.protocol import Batch, Delivery, Frame
from . import frames
from .arriving import NOT_JSON, Arriving, is_callback
from .client_config import Terms
from .frames import CONTROL, DATA, BadFrame

REMEMBERED: Final = 60.0
"""Seconds for which the end of an event in fragments is known: one of them may come once more."""
MOST_REMEMBERED: Final = 10_000
LONGEST_ID: Final = 200
"""Characters of the id of an event in fragments: the peer chooses it, and it is remembered."""
KEPT_OF_NO_TEXT: Final = 4096
"""Bytes that are kept of what is no text: written down for people, it takes four times the room."""
TAKEN: Final = b'{"code":200}'
NOT_TAKEN: Final = b'{"code":500}'
EMPTY_ANSWER: Final = "{}"

logger = logging.getLogger(__name__)


@attrs.define
class _Echo:
    """What an acknowledgement repeats. It is kept for as long as its delivery is: so it is little."""

    came: frames.Frame | frames.Around
    came_at: float
    whole_of: str | None = None
    """The id of the event in fragments that the frame ended."""


class FeishuProtocol:
    """Feishu's frames on one connection. ``labels`` say in logs whose it is."""

    def __init__(
        self,
        service: int,
        arriving: Arriving,
        terms: Terms,
        fragments: Fragments,
        clock: Callable[[], float],
        labels: Mapping[str, Any],
        log: WireLog | None = None,
    ) -> None:
        self._arriving = arriving
        self._terms = terms
        self._fragments = fragments
        self._clock = clock
        self._labels = labels
        self._log = log
        self._beat = frames.encode(frames.Frame(0, 0, service, CONTROL, (("type", "ping"),)))
        self._through: OrderedDict[str, tuple[float, bytes | None]] = OrderedDict()
        """Of events in fragments, by their ids: until when we know of them, and with what they were acknowledged."""
        self._now = clock()
        self._surprised = False

    @property
    def beat_interval(self) -> float | None:
        """As the server wishes."""
        return self._terms.config.ping_interval

    def receive(self, frames_: Sequence[Frame]) -> Batch:
        batch = Batch()
        self._now = self._clock()
        for raw in frames_:
            if isinstance(raw, str):
                self._wonder("a text message")
                continue
            try:
                frame = frames.decode(bytes(raw))
            except BadFrame as error:
                batch.bad += 1
                digest = hashlib.sha256(raw).hexdigest()[:12]
                fields = {**self._labels, "cause": str(error), "bytes": len(raw), "sha256": digest}
                logger.info("no frame", extra=fields)
                continue
            if frame.method == DATA:
                self._take_data(frame, batch)
            elif frame.method == CONTROL:
                self._take_control(frame)
        return batch

    def ack(self, delivery: Delivery, answer: Any = None) -> Frame | None:
        """``answer`` is the JSON text that a callback was answered with."""
        if delivery.answer_within is not None:
            return self._answered(delivery, _with_data(answer or EMPTY_ANSWER))
        return self._answered(delivery, NOT_TAKEN if delivery.topic == NOT_JSON else TAKEN)

    def refuse(self, delivery: Delivery) -> Frame | None:
        """Feishu sends again what could not be stored. A callback does not come again: its answer is the empty one."""
        return self._answered(delivery, NOT_TAKEN if delivery.answer_within is None else NOBODY_ANSWERS)

    def beat(self) -> Frame:
        return self._beat

    def expire(self, now: float) -> None:
        self._fragments.expire(now)
        while self._through and next(iter(self._through.values()))[0] <= now:
            self._through.popitem(last=False)

    def _take_control(self, frame: frames.Frame) -> None:
        """Any frame shows that the server lives. A pong may say more."""
        if frame.header("type") == "pong" and frame.payload:
            try:
                self._terms.heed(parse(frame.payload.decode()))
            except ValueError:
                self._wonder("a pong that is no JSON")

    def _take_data(self, frame: frames.Frame, batch: Batch) -> None:
        kind = message_id = count = index = None
        for name, value in frame.headers:
            if name == "type" and kind is None:
                kind = value
            elif name == "message_id" and message_id is None:
                message_id = value
            elif name == "sum" and count is None:
                count = value
            elif name == "seq" and index is None:
                index = value
        if kind != "event":
            self._wonder(f"a frame of the type {kind}" if kind else "a frame without a type")
            batch.unwanted += 1
            return
        payload, frame.payload = frame.payload or b"", None
        echo = _Echo(frame.around or frame, self._now)
        if count is not None and count != "1":
            echo.whole_of = message_id or ""
            whole = self._put_together(echo, batch, echo.whole_of, count, index or "", payload)
            if whole is None:
                return
            payload = whole
        self._take_event(payload, echo, batch)

    def _put_together(
        self, echo: _Echo, batch: Batch, message_id: str, count: str, index: str, piece: bytes
    ) -> bytes | None:
        if message_id in self._through:
            # It was put together before. Who was answered then is answered alike; who was not yet, is soon.
            if (payload := self._through[message_id][1]) is not None:
                batch.replies.append(self._written(echo, payload))
            return None
        try:
            if len(message_id) > LONGEST_ID:
                raise BadFragment("its id is too long")
            whole = self._fragments.add(message_id, _number(count), _number(index), piece, self._now)
        except BadFragment as error:
            batch.bad += 1
            logger.info("no fragment", extra={**self._labels, "cause": str(error)})
            return None
        if whole is not None:
            self._remember(message_id, None)
        return whole

    def _remember(self, message_id: str, payload: bytes | None) -> None:
        self._through[message_id] = (self._now + REMEMBERED, payload)
        self._through.move_to_end(message_id)
        if len(self._through) > MOST_REMEMBERED:
            self._through.popitem(last=False)

    def _take_event(self, payload: bytes, echo: _Echo, batch: Batch) -> None:
        try:
            text = payload.decode()
        except ValueError:
            text = payload[:KEPT_OF_NO_TEXT].decode(errors="backslashreplace")
            batch.deliveries.append(self._arriving.unreadable(NOT_JSON, text, echo))
            return
        try:
            said = parse(text)
        except ValueError:
            batch.deliveries.append(self._arriving.unreadable(NOT_JSON, text, echo))
            return
        if self._log is not None:  # Of frames it knows the size alone: they are no text.
            self._log.frames("event received", [text])
        delivery = self._arriving.of(said, text, echo)
        if delivery is not None:
            batch.deliveries.append(delivery)
        else:
            batch.unwanted += 1
            batch.replies.append(self._written(echo, NOBODY_ANSWERS if is_callback(said) else TAKEN))

    def _answered(self, delivery: Delivery, payload: bytes) -> Frame | None:
        return self._written(delivery.ack, payload) if isinstance(delivery.ack, _Echo) else None

    def _written(self, echo: _Echo, payload: bytes) -> bytes:
        if echo.whole_of is not None:
            self._remember(echo.whole_of, payload)
        took = f"{max(0.0, self._clock() - echo.came_at) * 1000:.0f}"
        return frames.answered(echo.came, ("biz_rt", took), payload)

    def _wonder(self, what: str) -> None:
        """Once for each connection: something came that nobody knows, and it is passed over."""
        if not self._surprised:
            self._surprised = True
            logger.warning("not understood, and passed over", extra={**self._labels, "what": what})


def _with_data(answer: str) -> bytes:
    return b'{"code":200,"data":"%s"}' % base64.b64encode(answer.encode())


NOBODY_ANSWERS: Final = _with_data(EMPTY_ANSWER)


def _number(text: str) -> int:
    """As the server writes them: nothing but digits, and not many."""
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return int(text)
    raise BadFragment(f"a number that is none: {text[:20]!r}")
