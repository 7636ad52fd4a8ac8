"""What Feishu's answers mean, whatever their status says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.errors import (
    AccountRefused,
    BridgeError,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    RequestFailed,
)
from trio_bridge.platforms.feishu.rest.codes import CARDS, FILES, MESSAGES, REPLIES, TOKEN, Outcome, outcome_of
from trio_bridge.platforms.feishu.rest.failures import describe, failure
from trio_bridge.transport.http import HttpReply


def answered(
    status: int, body: Any, *, method: str = "POST", route: str = MESSAGES, headers: dict[str, str] | None = None
) -> Outcome:
    text = body if isinstance(body, str) else json.dumps(body)
    return outcome_of(method, route, HttpReply(status, headers or {}, text.encode()))


def no(code: int, message: str = "no") -> dict[str, Any]:
    return {"code": code, "msg": message}


@pytest.mark.parametrize(
    ("status", "code", "category", "error"),
    [
        (429, 99991400, "throttled", RateLimited),
        (400, 99991400, "throttled", RateLimited),
        (400, 230020, "throttled", RateLimited),
        (200, 11232, "throttled", RateLimited),
        (429, 1, "throttled", RateLimited),
        (400, 99991663, "token", NotSent),
        (401, 99991664, "token", NotSent),
        (200, 99991665, "token", NotSent),
        (400, 99991668, "token", NotSent),
        (400, 230001, "refused", RequestFailed),
        (200, 230002, "refused", RequestFailed),
        (400, 230011, "refused", RequestFailed),
        (400, 230013, "refused", RequestFailed),
        (400, 230028, "refused", RequestFailed),
        (400, 99992361, "refused", RequestFailed),
        (400, 10003, "refused", RequestFailed),
        (400, 123456789, "refused", RequestFailed),
        (400, 99991672, "permission", RequestFailed),
        (400, 99991403, "quota", RequestFailed),
        (400, 230049, "server", RateLimited),
        (500, 1500, "unknown", OutcomeUnknown),
        (400, 0, "server", RateLimited),
    ],
)
def test_the_code_decides(status: int, code: int, category: str, error: type[BridgeError]) -> None:
    outcome = answered(status, no(code))
    assert outcome.category == category
    assert type(failure(outcome)) is error


@pytest.mark.parametrize(
    ("method", "route", "expected"),
    [
        ("POST", MESSAGES, "unknown"),
        ("POST", REPLIES, "unknown"),
        ("POST", FILES, "server"),
        ("POST", CARDS, "server"),
        ("GET", "/im/v1/messages/:message_id", "server"),
        ("PUT", "/im/v1/messages/:message_id", "server"),
        ("PATCH", "/im/v1/messages/:message_id", "server"),
        ("DELETE", "/im/v1/messages/:message_id", "server"),
    ],
)
@pytest.mark.parametrize(
    ("status", "body"), [(502, "<html>"), (500, no(77)), (200, "not json"), (200, "[]"), (204, "")]
)
def test_what_may_have_been_done_is_unknown_unless_again_does_no_harm(
    method: str, route: str, expected: str, status: int, body: Any
) -> None:
    assert answered(status, body, method=method, route=route).category == expected


@pytest.mark.parametrize("status", [302, 401, 403, 404, 407])
def test_a_page_of_somebody_else_took_nothing(status: int) -> None:
    assert answered(status, "404 page not found").category == "server"


@pytest.mark.parametrize(
    ("route", "body", "expected"),
    [
        (MESSAGES, {"code": 0, "data": {"message_id": "om_1"}}, "ok"),
        (MESSAGES, {"code": 0, "data": {}}, "unknown"),
        (MESSAGES, {"code": 0, "data": None}, "unknown"),
        (MESSAGES, {"code": 0}, "unknown"),
        (MESSAGES, {"code": "0", "data": {"message_id": "om_1"}}, "unknown"),
        (MESSAGES, {"code": False, "data": {"message_id": "om_1"}}, "unknown"),
        (TOKEN, {"code": 0, "tenant_access_token": "t-1"}, "ok"),
        (TOKEN, {"code": 0, "tenant_access_token": ""}, "server"),
        ("/any/thing", {"code": 0}, "ok"),
    ],
)
def test_a_success_has_what_was_promised(route: str, body: Any, expected: str) -> None:
    assert answered(200, body, route=route).category == expected


@pytest.mark.parametrize("code", [10003, 10014, 10015])
def test_credentials_are_judged_where_the_token_is_made(code: int) -> None:
    error = failure(answered(200, no(code), route=TOKEN))
    assert isinstance(error, AccountRefused)
    assert (error.kind, error.code) == ("auth", str(code))


def test_a_bad_token_is_no_answer_to_a_call_for_one() -> None:
    assert answered(400, no(99991663), route=TOKEN).category == "server"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-ogw-ratelimit-reset": "52"}, 52.0),
        ({"x-ogw-ratelimit-reset": "7", "retry-after": "9"}, 7.0),
        ({"retry-after": "9"}, 9.0),
        ({"x-ogw-ratelimit-reset": "soon"}, None),
        ({"x-ogw-ratelimit-reset": "-1"}, None),
        ({}, None),
    ],
)
def test_feishu_says_how_long_to_wait(headers: dict[str, str], expected: float | None) -> None:
    outcome = answered(400, no(99991400), headers=headers)
    assert outcome.retry_after == expected
    error = failure(outcome)
    assert isinstance(error, RateLimited)
    assert error.retry_after == expected


def test_the_missing_scopes_are_named() -> None:
    message = (
        "Access denied. One of the following scopes is required: [im:message, im:message:send_as_bot]."
        "应用尚未开通所需的应用身份权限：[im:message, im:message:send_as_bot]，点击链接申请并开通任一权限即可：https://open.feishu.cn/app/cli_1/auth"
    )
    error = failure(answered(400, no(99991672, message)))
    assert isinstance(error, RequestFailed)
    assert error.details == ["im:message", "im:message:send_as_bot"]
    assert "missing scope, one of: im:message, im:message:send_as_bot" in str(error)


def test_the_missing_scopes_are_found_where_programs_are_told() -> None:
    error = {"permission_violations": [{"type": "action_scope_required", "subject": "im:resource"}, 7, {}]}
    assert answered(400, {"code": 99991672, "msg": "denied", "error": error}).scopes == ("im:resource",)


def test_a_failure_names_the_call_the_code_and_the_log() -> None:
    outcome = answered(400, no(230002, "Bot/User can NOT\nbe out"), route=REPLIES, headers={"x-tt-logid": "2026LOG"})
    assert describe(outcome) == (
        "POST /im/v1/messages/:message_id/reply: 400 230002 Bot/User can NOT be out "
        "(the bot is not in this chat: a member has to add it) [log id 2026LOG]"
    )
    error = failure(outcome)
    assert isinstance(error, RequestFailed)
    assert (error.code, error.method) == ("230002", "POST /im/v1/messages/:message_id/reply")


def test_the_log_id_is_also_found_in_the_answer() -> None:
    assert answered(400, {"code": 1, "error": {"log_id": "L1"}}).log_id == "L1"


def test_words_are_short_and_secrets_hidden() -> None:
    outcome = answered(400, no(1, "bad token t-canary " + "x" * 9999)).without("t-canary")
    assert "t-canary" not in describe(outcome)
    assert "***" in describe(outcome)
    assert len(describe(outcome)) < 400
    assert outcome.without("") is outcome


def test_an_answer_does_not_show() -> None:
    assert "t-canary" not in repr(answered(200, {"code": 0, "tenant_access_token": "t-canary"}, route=TOKEN))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["code", "msg", "data", "error", "log_id", "permission_violations"]), inner)
    ),
    max_leaves=8,
)


@given(st.integers(100, 599), JSON, st.sampled_from([MESSAGES, TOKEN, FILES, "/x"]))
def test_every_answer_has_a_meaning(status: int, body: Any, route: str) -> None:
    outcome = answered(status, body, route=route)
    assert isinstance(failure(outcome), BridgeError)
    assert (outcome.category == "ok") <= (200 <= status < 300 and outcome.code == 0)
