"""What a flood needs to know of a platform."""

from __future__ import annotations

import abc
import itertools
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import attrs

from ..flood import Flood


@attrs.frozen
class Platform(abc.ABC):
    """Messages of one platform, and what their acknowledgements say. The same number is always the same message."""

    name: ClassVar[str]
    title: ClassVar[str]
    scenario: ClassVar[str]
    """What the command line calls a flood of its messages."""
    size: ClassVar[int]
    """Bytes of the JSON of a message that is neither short nor long."""
    first_byte: ClassVar[int]
    """Of a frame that holds one message."""
    shortest_ack: ClassVar[int] = 0
    """Bytes. What is shorter is a ping of the platform's own kind."""
    pong: ClassVar[bytes] = b""
    """What answers such a ping: a whole frame."""

    began: int = attrs.field(factory=lambda: round(time.time() * 1000))
    """When all messages were said, in milliseconds since the epoch: clients pass over what is old."""

    @abc.abstractmethod
    def where_to_connect(self, host: str) -> dict[str, Any]:
        """The answer to whoever asks that. To all else that is asked before, too."""

    @abc.abstractmethod
    def message_id(self, number: int) -> str:
        """What the acknowledgement of a message names."""

    @abc.abstractmethod
    def message(self, flood: Flood, number: int) -> bytes:
        """One message, its text as long as it takes for the size that was asked for."""

    @abc.abstractmethod
    def acknowledged(self, ack: bytes) -> str:
        """Which message an acknowledgement names. Raises ``ValueError`` or ``LookupError`` where it is no good one."""


def filling(words: Iterator[str], size: int) -> str:
    """As much of an endless text as goes into so many bytes, and at least one; a dot where a character is too wide."""
    size = max(1, size)
    text = "".join(itertools.islice(words, size)).encode()[:size].decode(errors="ignore")
    return text + "." * (size - len(text.encode()))
