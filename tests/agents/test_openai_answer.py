"""What a completion says, cut anywhere, and whether it is whole."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.agents.openai import answer as reading
from trio_bridge.agents.openai.answer import Answer, PlainAnswer, StreamedAnswer, answer_of
from trio_bridge.errors import RemoteProtocolError, RequestFailed


def event(**chunk: Any) -> bytes:
    return f"data: {json.dumps(chunk)}\n\n".encode()


def says(content: Any, finish: Any = None, **delta: Any) -> bytes:
    return event(choices=[{"index": 0, "delta": {"content": content, **delta}, "finish_reason": finish}])


ROLE = event(choices=[{"index": 0, "delta": {"role": "assistant"}, "finish_reason": None}])
STOP = event(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
USAGE = event(choices=[], usage={"total_tokens": 3})
DONE = b"data: [DONE]\n\n"


def read(pieces: Iterable[bytes], answer: Answer | None = None) -> str:
    """The whole answer, or the error that it is."""
    answer = answer or StreamedAnswer()
    text = [text for piece in pieces for text in answer.feed(piece)]
    text += answer.end()
    return "".join(text) + answer.last_words()


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ([ROLE, says("Hel"), says("lo"), STOP, USAGE, DONE], "Hello"),
        ([says("a"), STOP], "a"),
        ([says("a"), DONE], "a"),
        ([says("a"), b"data: [DONE] \r\n\r\n"], "a"),
        ([b": ping\n\n", says(None), says("a"), says(""), says("b", "stop")], "ab"),
        ([says("a", reasoning_content="hm"), event(choices=[{"delta": {"reasoning_content": "hm"}}]), STOP], "a"),
        (
            [event(choices=[{"index": 1, "delta": {"content": "x"}}, {"index": 0, "delta": {"content": "a"}}]), STOP],
            "a",
        ),
        ([event(choices=[{"index": 1, "delta": {"content": "x"}, "finish_reason": "stop"}]), says("a"), STOP], "a"),
        ([event(choices=[{"delta": {"content": "no index"}}]), STOP], "no index"),
        ([says("a", tool_calls=[{"id": "x"}]), says("", "tool_calls")], "a"),
        (
            [event(object="ping"), event(choices=None), event(choices=[None]), event(choices=[{}]), says("a", "stop")],
            "a",
        ),
        ([says(["no text"]), says(5), event(choices=[{"delta": "no object"}]), says("a", "stop")], "a"),
        ([says("a", "stop"), says("too late"), b"data: {no JSON}\n\n"], "a"),
        ([says("\ud83d"), says("\udc4d ok"), STOP], "👍 ok"),
        ([says("\udc4d \ud83d"), STOP], "\ufffd "),
        ([says("a", ["no reason"]), DONE], "a"),
        ([says("a", "length")], "a\n\n⚠ (cut short)"),
        ([says("a", "content_filter")], "a\n\n⚠ (withheld)"),
        ([says(None, "content_filter")], "⚠ (withheld)"),
        ([event(error=None, choices=[{"delta": {"content": "a"}, "finish_reason": "stop"}])], "a"),
    ],
)
def test_whole_answers(stream: list[bytes], expected: str) -> None:
    assert read(stream) == expected
    whole = b"".join(stream)
    for cut in range(len(whole)):
        assert read([whole[:cut], whole[cut:]]) == expected
    assert read(bytes([byte]) for byte in whole) == expected


@pytest.mark.parametrize(
    ("stream", "error", "complaint"),
    [
        ([], RemoteProtocolError, "ended early"),
        ([ROLE, says("a")], RemoteProtocolError, "ended early"),
        ([says("a"), DONE[:-1]], RemoteProtocolError, "ended early"),
        ([says("a"), b"data: {\n\n"], RemoteProtocolError, "not JSON"),
        ([says("a"), b"data: " + b"[" * 3000 + b"\n\n"], RemoteProtocolError, "not JSON"),
        ([says("a"), b"data: 5\n\n"], RemoteProtocolError, "no completion"),
        ([says("a"), event(error={"message": "out of cards", "code": "oom"}), DONE], RequestFailed, "out of cards"),
        ([says("a"), event(error="out of cards")], RequestFailed, "the model failed: out of cards"),
        ([says("a"), event(error={"why": 5})], RequestFailed, 'failed: {"why": 5}'),
        ([says("a"), b'event: error\ndata: {"message": "gone"}\n\n'], RequestFailed, "failed: gone"),
        ([says("a"), b'event: error\ndata: "gone"\n\n'], RequestFailed, "failed: gone"),
        ([says("a"), b"event: error\ndata: null\n\n"], RequestFailed, "failed: null"),
        ([says("a"), says("", "error")], RemoteProtocolError, "broke off"),
        ([ROLE, STOP, DONE], RemoteProtocolError, "answered with nothing .finish_reason 'stop'"),
        ([ROLE, DONE], RemoteProtocolError, "answered with nothing$"),
        ([says(None, "length")], RemoteProtocolError, "answered with nothing .finish_reason 'length'"),
        ([says(None, "tool_calls")], RemoteProtocolError, "answered with nothing .finish_reason 'tool_calls'"),
        ([b"<html>hello</html>"], RemoteProtocolError, "ended early"),
    ],
)
def test_what_is_no_answer(stream: list[bytes], error: type[Exception], complaint: str) -> None:
    whole = b"".join(stream)
    for pieces in (stream, [whole], [bytes([byte]) for byte in whole]):
        with pytest.raises(error, match=complaint):
            read(pieces)


def test_an_endless_answer_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LONGEST_ANSWER", 1000)
    assert len(read([says("x" * 100)] * 10 + [STOP])) == 1000
    with pytest.raises(RemoteProtocolError, match="more than 1000 characters"):
        read([says("x" * 100)] * 11)


TEXTS = st.lists(st.text(max_size=20), min_size=1).filter(any)


@given(TEXTS, st.lists(st.integers(0, 2000)), st.sampled_from([b"\n", b"\r\n", b"\r"]), st.booleans())
def test_an_answer_is_the_same_wherever_it_is_cut(
    texts: list[str], cuts: list[int], line_end: bytes, escaped: bool
) -> None:
    chunks = [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in texts]
    lines = [json.dumps(chunk, ensure_ascii=escaped).encode() for chunk in chunks]
    stream = b"".join(b"data: " + line + line_end * 2 for line in [*lines, b"[DONE]"])
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    pieces = [stream[begin:end] for begin, end in pairwise(edges)]
    assert read(pieces) == "".join(texts)


@given(st.lists(st.binary(max_size=30) | st.sampled_from([says("a"), STOP, DONE, b"data: ", b"\n\n", b'{"choices":['])))
def test_whatever_comes_it_is_an_answer_or_one_of_two_errors(pieces: list[bytes]) -> None:
    for answer in (StreamedAnswer(), PlainAnswer()):
        try:
            read(pieces, answer)
        except (RemoteProtocolError, RequestFailed):
            continue


def plain(body: Any, *, pieces: int = 3) -> str:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    step = len(raw) // pieces + 1
    return read([raw[at : at + step] for at in range(0, len(raw), step)], PlainAnswer())


def test_a_server_that_does_not_stream_is_understood() -> None:
    assert plain({"choices": [{"index": 0, "message": {"content": "你好 👍"}, "finish_reason": "stop"}]}) == "你好 👍"
    assert plain({"choices": [{"message": {"content": "no reason"}}]}) == "no reason"
    assert plain({"choices": [{"message": {"content": "a"}, "finish_reason": "length"}]}) == "a\n\n⚠ (cut short)"


@pytest.mark.parametrize(
    ("body", "error", "complaint"),
    [
        (b"", RemoteProtocolError, "not JSON"),
        (b'{"choices": [', RemoteProtocolError, "not JSON"),
        (b"\xff\xff", RemoteProtocolError, "not JSON"),
        ([], RemoteProtocolError, "no completion"),
        ({}, RemoteProtocolError, "with nothing"),
        ({"choices": [{"message": {"content": None}, "finish_reason": "stop"}]}, RemoteProtocolError, "with nothing"),
        ({"error": {"message": "out of cards"}}, RequestFailed, "out of cards"),
        (b" " * (2**20 + 1), RemoteProtocolError, "more than"),
    ],
)
def test_a_plain_answer_that_is_none(body: Any, error: type[Exception], complaint: str) -> None:
    with pytest.raises(error, match=complaint):
        plain(body)


def test_the_content_type_says_how_to_read_it() -> None:
    assert isinstance(answer_of({"content-type": "Application/JSON; charset=utf-8"}, None), PlainAnswer)
    assert isinstance(answer_of({"content-type": "text/event-stream"}, None), StreamedAnswer)
    assert isinstance(answer_of({}, None), StreamedAnswer)


def test_no_error_repeats_the_token() -> None:
    for answer in (StreamedAnswer("hush"), PlainAnswer("hush")):
        body = event(error="hush is no key") if isinstance(answer, StreamedAnswer) else b'{"error": "hush is no key"}'
        with pytest.raises(RequestFailed, match=r"^the model failed: \*\*\* is no key$"):
            read([body], answer)
