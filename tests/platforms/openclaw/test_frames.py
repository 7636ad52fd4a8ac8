"""Frames, whatever the gateway puts into them."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.platforms.openclaw.frames import (
    BadFrame,
    Event,
    Response,
    WireError,
    decode,
    request_frame,
    request_text,
    seconds,
)


def said(**fields: Any) -> Any:
    return decode(json.dumps(fields))


def test_an_answer() -> None:
    assert said(type="res", id="7", ok=True, payload={"a": 1}, news="ignored") == Response("7", True, {"a": 1})


@pytest.mark.parametrize("id_", [None, 7, "", [], {"a": 1}])
def test_an_answer_to_nothing(id_: Any) -> None:
    assert said(type="res", id=id_, ok=True) == Response("", True)


def test_an_answer_may_fail_with_both_a_payload_and_an_error() -> None:
    error = {"code": "UNAVAILABLE", "message": "no", "details": {"reason": "x"}, "retryable": True, "retryAfterMs": 500}
    answer = said(type="res", id="1", ok=False, payload={"status": "error"}, error=error)
    assert answer == Response(
        "1", False, {"status": "error"}, WireError("UNAVAILABLE", "no", {"reason": "x"}, True, 0.5)
    )


@pytest.mark.parametrize("error", ["text", 5, [], True])
def test_an_error_of_another_form_is_one_all_the_same(error: Any) -> None:
    answer = said(type="res", id="1", ok=False, error=error)
    assert isinstance(answer.error, WireError)


def test_an_event() -> None:
    assert said(type="event", event="tick", payload={"ts": 1}, seq=3) == Event("tick", {"ts": 1}, 3)
    assert said(type="event", event="tick", payload=[1], seq="3") == Event("tick", {}, None)
    assert said(type="event", event="tick", seq=True) == Event("tick", {}, None)


def test_a_type_that_nobody_knows_is_passed_over() -> None:
    assert said(type="news", what="ever") is None


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"{}", "binary"),
        ("{", "not_json"),
        ("[" * 100_000, "not_json"),
        ("[]", "not_object"),
        ("{}", "not_object"),
        ('{"type": 5}', "not_object"),
        ('{"type": "res", "id": "1"}', "bad_response"),
        ('{"type": "res", "id": "1", "ok": "yes"}', "bad_response"),
        ('{"type": "event"}', "bad_event"),
        ('{"type": "event", "event": ""}', "bad_event"),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str) else "bytes",
)
def test_what_says_nothing_is_named(frame: Any, reason: str) -> None:
    with pytest.raises(BadFrame) as bad:
        decode(frame)
    assert bad.value.args == (reason,)


MEMBERS = st.sampled_from(["type", "id", "ok", "event", "payload", "error", "seq", "retryAfterMs"])
PLAIN = st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from(["res", "event"])


@given(st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(MEMBERS, inner)))
def test_nothing_else_is_raised(value: Any) -> None:
    with suppress(BadFrame):
        decode(json.dumps(value))


def test_a_request() -> None:
    text = request_text("chat.send", {"message": "中文 \ud83d", "deliver": False})
    frame = request_frame("12", text)
    assert json.loads(frame) == {
        "type": "req",
        "id": "12",
        "method": "chat.send",
        "params": {"message": "中文 \ufffd", "deliver": False},
    }
    assert "中文" in frame
    assert json.loads(request_frame("1", request_text("health", None))) == {
        "type": "req",
        "id": "1",
        "method": "health",
    }


@pytest.mark.parametrize("value", [float("nan"), {1, 2}])
def test_what_json_can_not_say_is_the_caller_s_error(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        request_text("x", {"value": value})


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (500, 0.5),
        (0, 0.0),
        (1e30, 86_400.0),
        (-1, None),
        (True, None),
        ("500", None),
        (None, None),
        (float("nan"), None),
    ],
)
def test_a_time_to_wait(given_: Any, expected: float | None) -> None:
    assert seconds(given_) == expected
