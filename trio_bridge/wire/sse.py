"""``text/event-stream``: bytes in, cut anywhere, events out. As the HTML standard has it, and bounded.

Lines end with CR LF, LF or CR; a line that begins with a colon is a comment; several ``data`` lines are one text. An
event that no empty line has ended is not dispatched: it may be half of one. ``id`` and ``retry`` are for clients that
reconnect, and mean nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from ..errors import RemoteProtocolError

LONGEST = 2**20
"""Bytes of one event: a hundred times what any server puts into one."""

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


@attrs.frozen
class Event:
    """Something that the server said."""

    data: str
    kind: str = "message"


class EventStream:
    """The events of one stream."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._line = bytearray()
        """The beginning of a line."""
        self._at_start = True
        self._after_cr = False
        self._data: list[str] = []
        self._size = 0
        self._kind = ""

    def feed(self, piece: bytes) -> Iterator[Event]:
        """The events that end in ``piece``. Iterate over all of them before the next piece.

        Raises:
          RemoteProtocolError: an event is longer than it may be.
        """
        if not piece:
            return
        ends_in_cr = piece.endswith(b"\r")
        if self._after_cr:
            piece = piece.removeprefix(b"\n")  # the other half of a line end
        self._after_cr = ends_in_cr
        first, *others = _LINE_END.split(piece)
        self._line += first
        for beginning in others:
            self._bound()
            if (event := self._take(bytes(self._line))) is not None:
                yield event
            self._line = bytearray(beginning)
        self._bound()

    def _take(self, line: bytes) -> Event | None:
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        if field == b"data":
            self._data.append(text)
            self._size += len(line)
        elif field == b"event":
            self._kind = text
        return None

    def _dispatch(self) -> Event | None:
        data, kind = self._data, self._kind
        self._data, self._kind, self._size = [], "", 0
        return Event("\n".join(data), kind or "message") if data else None

    def _bound(self) -> None:
        if self._size + len(self._line) > self._longest:
            raise RemoteProtocolError(f"the server sent an event of more than {self._longest} bytes")
