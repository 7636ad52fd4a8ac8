"""What a platform's protocol speaks of: frames in, a batch out; a delivery in, an acknowledgement out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import attrs

Frame = str | bytes
"""One WebSocket message: text or binary."""


@attrs.frozen
class Delivery:
    """The platform hands us something and expects one acknowledgement for it."""

    key: str
    """What dedupe knows: the same on every redelivery. Unique within the account."""
    lane: str
    """The conversation. Deliveries of one lane are handled in order, one at a time."""
    topic: str
    data: str = attrs.field(repr=False)
    """The payload as the platform sent it. This is what the store keeps."""
    ack: Any = attrs.field(default=None, repr=False)
    """What the protocol needs to acknowledge it, and nobody else understands: new on every redelivery. ``None``: there
    is nothing to acknowledge with."""
    alias: str | None = None
    """A second key, for platforms that give a redelivery a new id."""
    answer_within: float | None = None
    """Seconds, if the acknowledgement itself carries the handler's answer. Such a delivery is not stored."""


@attrs.define
class Batch:
    """What a run of frames means: to store, to answer at once, to heed."""

    deliveries: list[Delivery] = attrs.Factory(list)
    replies: list[Frame] = attrs.Factory(list)
    leaving: str | None = None
    """The server announced that it will go away: its reason."""
    bad: int = 0
    """Frames that were not understood: counted, not raised."""
    unwanted: int = 0
    """Deliveries that are for nobody: understood, acknowledged among the replies, and counted."""
    lost: list[str] = attrs.Factory(list)
    """What will not come again and can't be stored, because nobody can read it: one line for the log about each."""


class PlatformProtocol(Protocol):
    """One platform's protocol on one connection. Methods are plain calls, so each is atomic."""

    @property
    def beat_interval(self) -> float | None:
        """Seconds between application-level pings, ``None`` for none. A peer may change it, and it holds at once."""

    def receive(self, frames: Sequence[Frame]) -> Batch:
        """Understand frames. Raises nothing for what the peer may send."""

    def ack(self, delivery: Delivery, answer: Any = None) -> Frame | None:
        """The frame that acknowledges; ``None`` where there is nothing to acknowledge with."""

    def refuse(self, delivery: Delivery) -> Frame | None:
        """The frame that says «could not be stored, send it again», or of an answer that its handler failed.

        ``None`` where silence says it; in place of an answer, the empty one does.
        """

    def beat(self) -> Frame:
        """An application-level ping."""

    def expire(self, now: float) -> None:
        """Forget what has waited too long: partial messages of before ``now`` minus their time to live."""
