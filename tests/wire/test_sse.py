"""Events out of bytes, however they are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.errors import RemoteProtocolError
from trio_bridge.wire.sse import Event, EventStream


def events(*pieces: bytes, longest: int = 1000) -> list[Event]:
    stream = EventStream(longest)
    return [event for piece in pieces for event in stream.feed(piece)]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\n", [Event("a")]),
        (b"data: a\r\n\r\n", [Event("a")]),
        (b"data: a\r\r", [Event("a")]),
        (b"data: a\r\ndata: b\r\n\r\n", [Event("a\nb")]),
        (b"data: a\r\n\rdata: b\n\r\n", [Event("a"), Event("b")]),
        (b"data:a\n\ndata:  b \n\n", [Event("a"), Event(" b ")]),
        (b"data: a\ndata: b\ndata\n\n", [Event("a\nb\n")]),
        (b"data\n\n", [Event("")]),
        (b": ping\n\n:\n\ndata: a\n: ping\n\n", [Event("a")]),
        (b"event: error\nid: 1\nretry: 5\nother: x\ndata: a\n\ndata: b\n\n", [Event("a", "error"), Event("b")]),
        (b"event: lost\n\ndata: a\n\n", [Event("a")]),
        (b"\xef\xbb\xbfdata: a\n\ndata: \xef\xbb\xbf\n\n", [Event("a"), Event("\ufeff")]),
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [Event("a")]),
        (b"data: \xe4\xbd\xa0\xf0\x9f\x91\x8d\n\n", [Event("你👍")]),
        (b"data: \xff\n\n", [Event("\N{REPLACEMENT CHARACTER}")]),
        (b"data: a", []),
        (b"data: a\n", []),
        (b"", []),
    ],
)
def test_events(stream: bytes, expected: list[Event]) -> None:
    assert events(stream) == expected
    for cut in range(len(stream) + 1):
        assert events(stream[:cut], stream[cut:]) == expected
    assert events(*(bytes([byte]) for byte in stream)) == expected


LINES = st.sampled_from(
    [b"data: {}", b"data:", b": x", b"event: error", b"", b"data: \xe4\xbd\xa0", b"\xef\xbb\xbf", b"x"]
)


@given(
    st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r\n", b"\r"]))),
    st.lists(st.integers(0, 200)),
)
def test_trap_16_cutting_makes_no_difference(lines: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    stream = b"".join(line + end for line, end in lines)
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    pieces = [stream[begin:end] for begin, end in pairwise(edges)]
    assert events(*pieces) == events(stream)


@given(st.lists(st.binary(max_size=50)))
def test_whatever_comes_nothing_else_is_raised(pieces: list[bytes]) -> None:
    events(*pieces, longest=10**6)


@pytest.mark.parametrize(
    "stream",
    [b"data: " + b"x" * 95, b": " + b"x" * 99, b"data: 34567890\n" * 8, b"data: a\n\n" + b"x" * 101 + b"\n"],
)
def test_what_is_too_long_is_an_error_after_the_events_before_it(stream: bytes) -> None:
    fed = EventStream(100)
    seen: list[Event] = []
    with pytest.raises(RemoteProtocolError, match="an event of more than 100 bytes"):
        seen.extend(fed.feed(stream))
    assert seen == ([Event("a")] if b"\n\n" in stream else [])
    with pytest.raises(RemoteProtocolError):
        events(*(bytes([byte]) for byte in stream), longest=100)


def test_many_events_may_be_longer_than_one() -> None:
    assert len(events(b"data: 34567890\n\n" * 100, longest=100)) == 100
    assert len(events(b": a comment\n" * 100 + b"data: a\n\n", longest=100)) == 1
