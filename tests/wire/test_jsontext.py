"""With and without the faster decoder, a text means the same."""

from __future__ import annotations

import importlib
import json
import math
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.wire import jsontext

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
)


def outcome(text: str) -> tuple[str, Any]:
    try:
        return "value", jsontext.loads(text)
    except (ValueError, RecursionError) as error:
        return "error", type(error)


def expected(text: str) -> tuple[str, Any]:
    try:
        return "value", json.loads(text)
    except (ValueError, RecursionError) as error:
        return "error", type(error)


@given(VALUES, st.booleans())
def test_what_was_written_is_read_as_the_standard_library_reads_it(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert repr(jsontext.loads(text)) == repr(json.loads(text))


@given(st.text(st.sampled_from('{}[]",:\\u0123456789eE+-.ntrfalsud \t\n\x00é\ud83d')))
def test_whatever_the_text_the_outcome_is_the_same(text: str) -> None:
    assert repr(outcome(text)) == repr(expected(text))


@pytest.mark.parametrize(
    "text",
    [
        '"\\ud83d"',
        '"\ud83d"',
        "NaN",
        "-Infinity",
        "1e999",
        "123456789012345678901234567890",
        '{"a":1,"a":2}',
        "[" * 9999,
    ],
)
def test_corners(text: str) -> None:
    assert repr(outcome(text)) == repr(expected(text))


def test_without_the_extra_the_standard_library_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "msgspec", None)
    try:
        assert importlib.reload(jsontext).loads is json.loads
        assert math.isnan(jsontext.loads("NaN"))
    finally:
        monkeypatch.undo()
        importlib.reload(jsontext)


def test_with_the_extra_it_is_not_the_standard_library() -> None:
    assert jsontext.loads is not json.loads


@pytest.mark.parametrize("text", ["", "no", "[]", "null", '"{}"', "[" * 9999, '{"a":'])
def test_what_is_no_object_is_nothing(text: str) -> None:
    assert jsontext.parse_object(text) is None
    assert jsontext.parse_object('{"a":"\\ud800"}') == {"a": "\ufffd"}
