"""The server's own codec of the long connection: one binary message is one ``Frame``, a protobuf of nine fields.

Nothing in here is shared with the client: a simulator with the client's own eyes could not catch its mistakes.

Rules:

1. The four whole numbers are required, also where they are 0, and so are key and value of a header.
2. Fields are written in their order and read in any; of a repeated one the last counts; unknown ones are passed over.
3. A whole number keeps all its 64 bits. A negative one of 32 bits is written as one of 64, in ten bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

CONTROL: Final = 0
DATA: Final = 1

REQUIRED: Final = {1: "SeqID", 2: "LogID", 3: "service", 4: "method"}

VARINT, FIXED64, BYTES, GROUP, END_GROUP, FIXED32 = range(6)
"""Kinds of fields, as the tag tells them."""

LONGEST_VARINT: Final = 10
DEEPEST: Final = 100
"""Groups within groups: a peer may open more than a reader has stack for."""


class BadFrame(Exception):
    """Bytes that are no frame. The text says why."""


@attrs.frozen(kw_only=True)
class Frame:
    """One message of either side."""

    seq_id: int = 0
    log_id: int = 0
    service: int = 0
    method: int = DATA
    headers: tuple[tuple[str, str], ...] = ()
    payload_encoding: str | None = None
    payload_type: str | None = None
    payload: bytes | None = attrs.field(default=None, repr=False)
    log_id_new: str | None = None

    def header(self, name: str) -> str | None:
        """The first value of this header."""
        return next((value for key, value in self.headers if key == name), None)


def encode(frame: Frame) -> bytes:
    """The one way to write a frame."""
    parts = [
        _number(1, frame.seq_id),
        _number(2, frame.log_id),
        _number(3, frame.service),
        _number(4, frame.method),
        *(_piece(5, _piece(1, key.encode()) + _piece(2, value.encode())) for key, value in frame.headers),
    ]
    for field, text in ((6, frame.payload_encoding), (7, frame.payload_type)):
        if text is not None:
            parts.append(_piece(field, text.encode()))
    if frame.payload is not None:
        parts.append(_piece(8, frame.payload))
    if frame.log_id_new is not None:
        parts.append(_piece(9, frame.log_id_new.encode()))
    return b"".join(parts)


def decode(data: bytes) -> Frame:
    """The frame in these bytes.

    Raises:
      BadFrame: there is none, or something is missing.
    """
    numbers: dict[int, int] = {}
    texts: dict[int, str] = {}
    headers = []
    payload = None
    for field, value in _fields(data):
        if isinstance(value, int):
            if field in REQUIRED:
                numbers[field] = value
        elif field == 5:
            headers.append(_header(value))
        elif field == 8:
            payload = value
        elif field in (6, 7, 9):
            texts[field] = _text(value)
    missing = [name for field, name in REQUIRED.items() if field not in numbers]
    if missing:
        raise BadFrame(f"without {', '.join(missing)}")
    return Frame(
        seq_id=numbers[1],
        log_id=numbers[2],
        service=_signed(numbers[3]),
        method=_signed(numbers[4]),
        headers=tuple(headers),
        payload_encoding=texts.get(6),
        payload_type=texts.get(7),
        payload=payload,
        log_id_new=texts.get(9),
    )


def _header(data: bytes) -> tuple[str, str]:
    found = {field: _text(value) for field, value in _fields(data) if field in (1, 2) and isinstance(value, bytes)}
    if len(found) != 2:
        raise BadFrame("a header without key or value")
    return found[1], found[2]


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The numbers and pieces in these bytes, each with its field. All else is passed over."""
    at = 0
    groups: list[int] = []
    while at < len(data):
        tag, at = _varint(data, at)
        field, kind = tag >> 3, tag & 7
        if field == 0 or field >= 1 << 29:
            raise BadFrame(f"field {field}")
        value: int | bytes | None = None
        if kind == VARINT:
            value, at = _varint(data, at)
        elif kind == BYTES:
            length, at = _varint(data, at)
            value, at = _take(data, at, length)
        elif kind in (FIXED64, FIXED32):
            _, at = _take(data, at, 8 if kind == FIXED64 else 4)
        elif kind == GROUP and len(groups) < DEEPEST:
            groups.append(field)
        elif kind == END_GROUP and groups and groups[-1] == field:
            groups.pop()
        else:
            raise BadFrame(f"field {field} of kind {kind}")
        if value is not None and not groups:
            yield field, value
    if groups:
        raise BadFrame("a group without an end")


def _take(data: bytes, at: int, length: int) -> tuple[bytes, int]:
    if length > len(data) - at:
        raise BadFrame("cut off")
    return data[at : at + length], at + length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[at : at + LONGEST_VARINT]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value & (1 << 64) - 1, at + index + 1
    raise BadFrame("cut off" if len(data) - at < LONGEST_VARINT else "a number of more than ten bytes")


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BadFrame(f"a text that is not UTF-8: {error.reason}") from None


def _signed(value: int) -> int:
    low = value & 0xFFFF_FFFF
    return low - (1 << 32) if low >= 1 << 31 else low


def _number(field: int, value: int) -> bytes:
    return bytes([field << 3]) + _bytes_of(value & (1 << 64) - 1)


def _piece(field: int, value: bytes) -> bytes:
    return bytes([field << 3 | BYTES]) + _bytes_of(len(value)) + value


def _bytes_of(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
