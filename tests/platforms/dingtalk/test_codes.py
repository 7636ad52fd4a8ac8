"""Every recorded answer of the API falls into its category."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.platforms.dingtalk.codes import OPEN, SEND_TO_GROUP, SEND_TO_PEOPLE, TOKEN, USER, WEBHOOK, classify

REMARKS = {"note", "fallback", "media_id"}


def test_the_answer_is_understood(rest_case: dict[str, Any]) -> None:
    expect = rest_case["expect"]
    outcome = classify(rest_case["method"], rest_case["path"], rest_case["status"], rest_case["body"].encode())
    seen = {name: list(value) if isinstance(value, tuple) else value for name, value in attrs.asdict(outcome).items()}
    seen["retry_after_s"] = outcome.retry_after
    compared = set(expect) - REMARKS
    assert {name: seen[name] for name in compared} == {name: expect[name] for name in compared}
    if "media_id" in expect:
        assert outcome.payload["media_id"] == expect["media_id"]


@pytest.mark.parametrize(
    ("path", "status", "body", "category"),
    [
        (OPEN, 401, b"<html>no</html>", "permanent_auth"),
        (OPEN, 400, b'{"code":"InvalidAppKey"}', "permanent_auth"),
        (OPEN, 400, b'{"code":"invalidAuthentication"}', "permanent_auth"),
        (OPEN, 403, b'{"code":"Forbidden"}', "permanent_auth"),
        (OPEN, 403, b'{"code":"something.else"}', "permission"),
        (OPEN, 403, b"<html>no</html>", "permission"),
        (OPEN, 429, b"", "throttled"),
        (OPEN, 404, b"", "transient_config"),
        (OPEN, 302, b"", "retry"),
        (OPEN, 504, b"", "retry"),
        (TOKEN, 400, b'{"code":"invalidClientIdOrSecret"}', "permanent_auth"),
        (TOKEN, 400, b'{"code":"InvalidAuthentication"}', "permanent_auth"),
        (TOKEN, 403, b'{"code":"Forbidden.AccessDenied.QpsLimitForApi"}', "throttled"),
        (TOKEN, 500, b'{"code":"some.trouble"}', "retry"),
        (TOKEN, 200, b"{}", "retry"),
        (WEBHOOK, 200, b"{}", "unknown_outcome"),
        (WEBHOOK, 500, b"", "retry"),
        (WEBHOOK, 522, b"", "unknown_outcome"),
        (USER, 200, b'{"errcode":60121}', "bad_target"),
        (SEND_TO_PEOPLE, 401, b"", "refresh_token"),
        (SEND_TO_PEOPLE, 400, b'{"code":"Throttling.Api"}', "throttled"),
        (SEND_TO_GROUP, 200, b'{"processQueryKey":""}', "unknown_outcome"),
        (SEND_TO_GROUP, 200, b'{"processQueryKey":"k","code":"oops"}', "bad_request"),
        (SEND_TO_GROUP, 307, b"", "retry"),
    ],
)
def test_rows_that_were_not_recorded(path: str, status: int, body: bytes, category: str) -> None:
    assert classify("POST", path, status, body).category == category


def test_the_header_says_how_long_to_wait() -> None:
    assert classify("POST", SEND_TO_GROUP, 429, b"", retry_after=7.0).retry_after == 7.0


@given(
    st.sampled_from(["GET", "POST", "PUT"]),
    st.sampled_from([OPEN, TOKEN, WEBHOOK, SEND_TO_GROUP, SEND_TO_PEOPLE, "/x"]),
    st.integers(100, 599),
    st.binary() | st.sampled_from([b"{}", b"[]", b'{"result":[1]}', b'{"accessdenieddetail":[]}', b"[" * 30_000]),
)
def test_no_answer_raises(method: str, path: str, status: int, body: bytes) -> None:
    if classify(method, path, status, body).category == "ok":
        assert 200 <= status < 300


def test_a_secret_that_is_repeated_is_not_told_on() -> None:
    lists = {"invalidStaffIdList": ["s3cret"], "flowControlledStaffIdList": ["a"]}
    body = {"code": "no s3cret", "message": "s3cret?", **lists}
    outcome = classify("POST", SEND_TO_PEOPLE, 400, json.dumps(body).encode())
    hidden = outcome.without("s3cret")
    assert (hidden.code, hidden.message, hidden.invalid, hidden.limited) == ("no ***", "***?", ("***",), ("a",))
    assert (hidden.category, hidden.payload) == (outcome.category, outcome.payload)
    assert outcome.without("") is outcome
