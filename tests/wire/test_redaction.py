"""What a log may show of data, and what it may not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.wire.redaction import LARGEST, LINE, Redactor


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"text": "hello", "size": 5, "on": True, "none": None}, None),
        ({"clientSecret": "canary"}, {"clientSecret": "***"}),
        (
            {"x-acs-dingtalk-access-token": "canary", "ticket": {"a": "canary"}},
            {"x-acs-dingtalk-access-token": "***", "ticket": "***"},
        ),
        ({"sessionWebhook": "https://oapi.example/robot/send?session=canary"}, {"sessionWebhook": "***"}),
        (
            {"downloadCode": "canary", "pictureDownloadCode": "canary"},
            {"downloadCode": "***", "pictureDownloadCode": "***"},
        ),
        ({"sessionWebhookExpiredTime": 5}, {"sessionWebhookExpiredTime": "***"}),
        ({"isToken": True}, None),
        (
            {"text": "see https://me:canary@file.example/a/canary?sign=canary!"},
            {"text": "see https://file.example/***"},
        ),
        ({"text": "see https://file.example"}, None),
        ({"data": '{"secret": "canary", "text": "hello"}'}, {"data": '{"secret": "***", "text": "hello"}'}),
        ({"data": '{"data": "[{\\"token\\": \\"canary\\"}]"}'}, {"data": '{"data": "[{\\"token\\": \\"***\\"}]"}'}),
        ({"data": "{no json"}, None),
        (["a", ["b"]], None),
    ],
)
def test_secrets_are_masked_wherever_they_are(said: Any, shown: Any) -> None:
    assert json.loads(Redactor().data(json.dumps(said))) == (said if shown is None else shown)


def test_what_was_met_once_is_known_from_then_on() -> None:
    redactor = Redactor([lambda text: text.replace("known before", "***")])
    assert "canary" in redactor.text("canary-ticket")
    redactor.value({"ticket": "canary-ticket", "hook": "https://x.example/?session=canary-session&name=everybody"})
    redactor.value({"token": ["canary-in-a-list", {"deeper": "canary-deeper"}], "secret": "short"})
    said = "canary-ticket, canary-session, canary-in-a-list, canary-deeper, known before; short everybody"
    assert redactor.text(said) == "***, ***, ***, ***, ***; short everybody"


def test_what_is_no_data_is_counted() -> None:
    assert Redactor().data("<html>canary</html>") == "(no JSON, 19 characters)"
    assert Redactor().data(b"\xff\xfe") == "(no JSON, 2 characters)"
    assert Redactor().data("[" * 60_000) == "(no JSON, 60000 characters)"
    assert Redactor().data("") == ""


def test_everything_has_a_bound() -> None:
    redactor = Redactor()
    assert redactor.data('"' + "x" * LARGEST + '"') == f"({LARGEST + 2} characters)"
    assert len(redactor.value(["x" * 2000] * 50)) <= LINE + 1
    assert len(redactor.text("x" * 2000)) == 501
    deep: Any = "canary"
    for _ in range(100):
        deep = {"inner": deep}
    assert "canary" not in redactor.value(deep)
    for number in range(2000):
        redactor.value({"token": f"canary-{number}"})
    assert redactor.text("canary-1999 canary-0") == "*** canary-0"


def test_an_address_shows_its_path_only_where_that_is_known_to_say_nothing() -> None:
    redactor = Redactor()
    url = "https://me:canary@api.example:8443/v1/open?session=canary-session"
    assert redactor.url(url, path=True) == "https://api.example:8443/v1/open"
    assert redactor.url(url, path=False) == "https://api.example:8443/***"
    assert redactor.text("canary-session") == "***"


@given(st.text() | st.binary())
def test_whatever_comes_nothing_is_raised(said: str | bytes) -> None:
    Redactor().data(said)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.just("canary-canary"),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("token"), inner),
    )
)
def test_under_the_name_of_a_secret_nothing_is_shown(value: Any) -> None:
    assert "canary" not in Redactor().value({"accessToken": value, "again": json.dumps({"secret": value})})
