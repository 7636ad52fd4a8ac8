"""Frames of the long connection: one binary message is one protobuf (proto2) message, whole.

::

    message Header { required string key = 1;  required string value = 2; }
    message Frame {
      required uint64 SeqID = 1;  required uint64 LogID = 2;  required int32 service = 3;  required int32 method = 4;
      repeated Header headers = 5;  optional string payload_encoding = 6;  optional string payload_type = 7;
      optional bytes payload = 8;  optional string LogIDNew = 9;
    }

Nine fields do not need a library that takes longer to import than all of this does; what it refuses and what it writes
is what google's own library refuses and writes.
"""

from __future__ import annotations

from typing import Final

import attrs

CONTROL: Final = 0
DATA: Final = 1

Headers = tuple[tuple[str, str], ...]
"""In their order, and twice what came twice."""

Around = tuple[bytes, bytes]
"""The bytes that came before a payload and behind it, where a header may be put between them. It takes less to keep
these than a frame, and less to answer with them."""

PAYLOAD: Final = 0x42
VARINT, FIXED64, BYTES, GROUP, END_GROUP, FIXED32 = range(6)
DEEPEST: Final = 100
"""Groups within groups, a header counting as one."""
ROOM: Final = 16 * 1024
"""Bytes of a frame besides its payload; real frames have some hundred. Megabytes of tiny fields would hold up everybody
else for a second."""
NO_FIELD: Final = "field number 0"


class BadFrame(ValueError):
    """What came is no frame."""


@attrs.define
class Frame:
    """One frame. What is ``None`` was not there."""

    seq_id: int
    log_id: int
    service: int
    method: int
    headers: Headers = ()
    payload_encoding: str | None = None
    payload_type: str | None = None
    payload: bytes | None = attrs.field(default=None, repr=False)
    log_id_new: str | None = None
    around: Around | None = attrs.field(default=None, repr=False, eq=False)

    def header(self, key: str) -> str | None:
        """The first header of that name."""
        for name, value in self.headers:
            if name == key:
                return value
        return None


def answered(came: Frame | Around, header: tuple[str, str], payload: bytes) -> bytes:
    """A frame that came as bytes again, with one header more and another payload."""
    if isinstance(came, Frame):
        return encode(attrs.evolve(came, headers=(*came.headers, header), payload=payload))
    head, tail = came
    out = bytearray(head)
    _put_header(out, header)
    _put_bytes(out, PAYLOAD, payload)
    out += tail
    return bytes(out)


def decode(data: bytes) -> Frame:
    """The frame that the bytes are.

    Raises:
      BadFrame: they are none, or not whole.
    """
    numbers: dict[int, int] = {}
    texts: dict[int, str] = {}
    headers: list[tuple[str, str]] = []
    payload: bytes | None = None
    around: tuple[int, int] | None = None
    named = 0  # headers before the payload
    position, end = 0, len(data)
    try:
        if end > ROOM:
            _check_payload(data)
        while position < end:
            start = position
            tag = data[start]
            # Most of a frame is headers of two short texts in their order: those are read at once.
            if tag == 0x2A and 3 < (size := data[start + 1]) < 0x80 and start + size < end and data[start + 2] == 0x0A:
                stop, middle = start + 2 + size, start + 4 + data[start + 3]
                if middle + 1 < stop <= end and data[middle] == 0x12 and middle + 2 + data[middle + 1] == stop:
                    headers.append((data[start + 4 : middle].decode(), data[middle + 2 : stop].decode()))
                    position = stop
                    continue
            position += 1
            if tag > 0x7F:
                tag, position = _tag(data, start)
            kind, number = tag & 7, tag >> 3
            if kind == BYTES:
                size = data[position]
                position += 1
                if size > 0x7F:
                    size, position = _size(data, position - 1)
                stop = position + size
                if stop > end:
                    raise BadFrame("truncated")
                if number == 5:
                    headers.append(_header(data[position:stop]))
                elif number == 8:
                    around = (start, stop) if payload is None and not texts else None
                    named = len(headers)
                    payload = data[position:stop]
                elif number in (6, 7, 9):
                    texts[number] = str(data[position:stop], "utf-8")
                elif number == 0:
                    raise BadFrame(NO_FIELD)
                position = stop
            elif kind == VARINT and 1 <= number <= 4:
                value = data[position]
                position += 1
                if value > 0x7F:
                    value, position = _varint(data, position - 1)
                numbers[number] = value if number < 3 else _int32(value)
            elif number == 0:
                raise BadFrame(NO_FIELD)
            else:
                position = _skip(data, position, tag, 0)
        return Frame(
            numbers[1],
            numbers[2],
            numbers[3],
            numbers[4],
            tuple(headers),
            texts.get(6),
            texts.get(7),
            payload,
            texts.get(9),
            None if around is None or named != len(headers) else (data[: around[0]], data[around[1] :]),
        )
    except IndexError:
        raise BadFrame("truncated") from None
    except KeyError as error:
        raise BadFrame(f"field {error} is missing") from None
    except UnicodeDecodeError:
        raise BadFrame("a text is not UTF-8") from None


def encode(frame: Frame) -> bytes:
    """The frame as bytes: required fields always, in the order of their numbers."""
    out = bytearray(b"\x08")
    _put_varint(out, frame.seq_id)
    out.append(0x10)
    _put_varint(out, frame.log_id)
    out.append(0x18)
    _put_varint(out, frame.service & 0xFFFF_FFFF_FFFF_FFFF)
    out.append(0x20)
    _put_varint(out, frame.method & 0xFFFF_FFFF_FFFF_FFFF)
    for header in frame.headers:
        _put_header(out, header)
    for tag, text in ((0x32, frame.payload_encoding), (0x3A, frame.payload_type)):
        if text is not None:
            _put_bytes(out, tag, text.encode())
    if frame.payload is not None:
        _put_bytes(out, PAYLOAD, frame.payload)
    if frame.log_id_new is not None:
        _put_bytes(out, 0x4A, frame.log_id_new.encode())
    return bytes(out)


def _check_payload(data: bytes) -> None:
    """See that a frame is as large as it is by its payload."""
    position, around, end = 0, 0, len(data)
    while position < end:
        start = position
        tag, position = _tag(data, position)
        if tag == PAYLOAD:
            size, position = _size(data, position)
            around -= size
            position += size
        elif tag & 7 == GROUP:  # it has to be read to know where it ends
            position += _skip(data[position : position + ROOM], 0, tag, 0)
        else:
            position = _skip(data, position, tag, 0)
        around += position - start
        if around > ROOM:
            raise BadFrame(f"more than {ROOM} bytes besides the payload")


def _header(data: bytes) -> tuple[str, str]:
    texts: dict[int, str] = {}
    position, size = 0, len(data)
    while position < size:
        tag, position = _tag(data, position)
        if tag in (0x0A, 0x12):
            length, position = _size(data, position)
            stop = position + length
            if stop > size:
                raise BadFrame("truncated")
            texts[tag] = str(data[position:stop], "utf-8")
            position = stop
        elif tag >> 3 == 0:
            raise BadFrame(NO_FIELD)
        else:
            position = _skip(data, position, tag, 1)
    return texts[0x0A], texts[0x12]


def _tag(data: bytes, position: int) -> tuple[int, int]:
    start = position
    tag, position = _varint(data, position)
    if tag > 0xFFFF_FFFF or position - start > 5:
        raise BadFrame("a tag is too large")
    return tag, position


def _size(data: bytes, position: int) -> tuple[int, int]:
    start = position
    size, position = _varint(data, position)
    if position - start > 5:
        raise BadFrame("a length is too large")
    return size, position


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """An unsigned number, and where it ends. It may have ten bytes, of which the last has one bit that counts."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 63:
            raise BadFrame("a number is too long")
    return value & 0xFFFF_FFFF_FFFF_FFFF, position


def _int32(value: int) -> int:
    """The low 32 bits, with their sign."""
    value &= 0xFFFF_FFFF
    return value - 0x1_0000_0000 if value & 0x8000_0000 else value


def _skip(data: bytes, position: int, tag: int, depth: int) -> int:
    """Where a field ends that means nothing to us."""
    kind, number = tag & 7, tag >> 3
    if kind == VARINT:
        _, position = _varint(data, position)
    elif kind == FIXED64:
        position += 8
    elif kind == FIXED32:
        position += 4
    elif kind == BYTES:
        size, position = _size(data, position)
        position += size
    elif kind == GROUP:
        if depth >= DEEPEST:
            raise BadFrame("groups within groups without end")
        while True:
            inner, position = _tag(data, position)
            if inner & 7 == END_GROUP:
                if inner >> 3 != number:
                    raise BadFrame("a group ends that did not begin")
                return position
            position = _skip(data, position, inner, depth + 1)
    else:
        raise BadFrame("a group ends that did not begin" if kind == END_GROUP else f"wire type {kind}")
    if position > len(data):
        raise BadFrame("truncated")
    return position


def _put_header(out: bytearray, header: tuple[str, str]) -> None:
    key, value = header
    content = bytearray()
    _put_bytes(content, 0x0A, key.encode())
    _put_bytes(content, 0x12, value.encode())
    _put_bytes(out, 0x2A, content)


def _put_varint(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _put_bytes(out: bytearray, tag: int, content: bytes | bytearray) -> None:
    out.append(tag)
    _put_varint(out, len(content))
    out += content
