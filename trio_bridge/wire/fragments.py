"""Messages that come in pieces, in any order and perhaps twice. What a peer can make us keep is bounded."""

from __future__ import annotations

from collections import OrderedDict

import attrs

OPEN_SETS = 64
"""Messages that may be incomplete at a time. The oldest gives way."""


class BadFragment(ValueError):
    """A piece that fits nowhere: of more than there may be, behind the last, or of another whole than the first."""


@attrs.define
class _Partial:
    """A message of which pieces are missing. It keeps what has come, and no room for what has not."""

    count: int
    touched_at: float
    size: int = 0
    pieces: dict[int, bytes] = attrs.Factory(dict)


class Fragments:
    """Puts messages together. One that loses its patience, or its room, is forgotten: it will be sent again."""

    def __init__(self, *, most_pieces: int, most_bytes: int, ttl: float, open_sets: int = OPEN_SETS) -> None:
        self._most_pieces = most_pieces
        self._most_bytes = most_bytes
        self._ttl = ttl
        self._open_sets = open_sets
        self._partials: OrderedDict[str, _Partial] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        """Messages that are incomplete."""
        return len(self._partials)

    def add(self, message: str, count: int, index: int, piece: bytes, now: float) -> bytes | None:
        """The whole message if this was its last missing piece. Of a piece that comes twice the first counts.

        Raises:
          BadFragment: it fits nowhere. The message it claims to belong to is not given up for that.
        """
        if not 1 <= count <= self._most_pieces:
            raise BadFragment(f"a message of {count} pieces, where 1 to {self._most_pieces} are taken")
        if not 0 <= index < count:
            raise BadFragment(f"piece {index} of {count}")
        partial = self._partials.get(message)
        if partial is None:
            partial = self._partials[message] = _Partial(count, now)
        elif partial.count != count:
            raise BadFragment(f"a piece of {count}, where the first was one of {partial.count}")
        if index not in partial.pieces:
            if partial.size + len(piece) > self._most_bytes:
                self._forget(message)
                raise BadFragment(f"a message of more than {self._most_bytes} bytes")
            partial.pieces[index] = piece
            partial.size += len(piece)
            self._size += len(piece)
        partial.touched_at = now
        self._partials.move_to_end(message)
        if len(partial.pieces) == count:
            self._forget(message)
            return b"".join(partial.pieces[index] for index in range(count))
        while len(self._partials) > self._open_sets or self._size > self._most_bytes:
            self._forget(next(iter(self._partials)))
        return None

    def expire(self, now: float) -> None:
        """Forget what has waited too long for its next piece."""
        while self._partials:
            oldest, partial = next(iter(self._partials.items()))
            if now - partial.touched_at < self._ttl:
                break
            self._forget(oldest)

    def _forget(self, message: str) -> None:
        self._size -= self._partials.pop(message).size
