"""What an endpoint's refusals mean."""

from __future__ import annotations

import json

import pytest

from trio_bridge.agents.openai.failures import PerhapsTooLong, failure_of, failure_said
from trio_bridge.errors import AccountRefused, BridgeError, RateLimited, RequestFailed
from trio_bridge.transport.http import HttpReply


def failure(status: int, body: object = b"", *, token: str | None = "hush", **headers: str) -> BridgeError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return failure_of(HttpReply(status, fields, raw), token=token, model="gpt")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_said_to_be_that(status: int) -> None:
    error = failure(status, {"error": {"message": "Incorrect API key provided: hush."}})
    assert isinstance(error, AccountRefused)
    assert error.kind == "auth"
    assert str(error) == f"the endpoint refuses the agent's token: {status} Incorrect API key provided: ***."
    assert (
        str(failure(status, token=None)) == f"the endpoint wants a token, and the agent has none: set token: {status}"
    )


@pytest.mark.parametrize(
    ("status", "hint", "pause"),
    [
        (429, "30", 30),
        (503, "30", 30),
        (429, "3", 10),
        (429, "", 10),
        (500, "", 10),
        (529, "", 10),
        (429, "86400", 300),
    ],
)
def test_who_is_busy_is_asked_again_later_but_not_tomorrow(status: int, hint: str, pause: float) -> None:
    error = failure(status, {"error": {"message": "busy"}}, **({"retry_after": hint} if hint else {}))
    assert isinstance(error, RateLimited)
    assert error.retry_after == pause
    assert str(error) == f"the endpoint can't answer now: {status} busy"


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (404, "the endpoint knows no model 'gpt', or url is not its base: 404 no"),
        (307, "the endpoint is elsewhere, and redirects are not followed: 307 no"),
        (204, "the endpoint refused the request: 204 no"),
    ],
)
def test_other_refusals_stand(status: int, text: str) -> None:
    error = failure(status, {"error": {"message": "no", "code": "model_not_found"}})
    assert type(error) is RequestFailed
    assert (str(error), error.code) == (text, "model_not_found")


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_conversation_may_be_too_long(status: int) -> None:
    error = failure(status, {"error": {"message": "no", "code": "context_length_exceeded"}})
    assert isinstance(error, PerhapsTooLong)
    assert str(error) == f"the endpoint refused the request: {status} no"


@pytest.mark.parametrize(
    ("body", "said", "code"),
    [
        ({"error": {"message": "no", "type": "bad"}}, "no", "bad"),
        ({"error": {"message": "no", "code": 7}}, "no", "7"),
        ({"error": "no"}, "no", "400"),
        ({"message": "no", "code": 5}, "no", "400"),
        ({"detail": [{"loc": "model"}]}, '[{"loc": "model"}]', "400"),
        ({"error": {"why": "no"}}, '{"why": "no"}', "400"),
        ({}, "{}", "400"),
        ([1], "[1]", "400"),
        (b"no\n\n  such\x1b[31m \0thing", "no such [31m thing", "400"),
        (b"\xff", "\N{REPLACEMENT CHARACTER}", "400"),
        (b"", "", "400"),
        (b" <!doctype html><title>x</title>", "(a web page: is url the base of the endpoint?)", "400"),
        (b"x" * 1000, "x" * 199 + "…", "400"),
        (b"[" * 100_000, "[" * 199 + "…", "400"),
    ],
)
def test_what_the_server_says_is_shortened(body: object, said: str, code: str) -> None:
    error = failure(400, body)
    assert isinstance(error, RequestFailed)
    assert str(error) == f"the endpoint refused the request: 400 {said}".rstrip()
    assert error.code == code


def test_what_calls_itself_a_web_page_is_not_shown() -> None:
    error = failure(404, b"(function() {", content_type="text/HTML; charset=utf-8")
    assert str(error).endswith(": 404 (a web page: is url the base of the endpoint?)")


def test_a_token_is_taken_out_before_anything_is_cut() -> None:
    error = failure(400, {"error": {"message": "x" * 197 + "hush"}})
    assert "hu" not in str(error)


def test_a_token_is_taken_out_of_the_code_too() -> None:
    error = {"message": "no", "code": "no_such_key_hush"}
    for refused in (failure(400, {"error": error}), failure_said(error, "hush")):
        assert isinstance(refused, RequestFailed)
        assert refused.code == "no_such_key_***"


def test_an_error_of_any_depth_is_an_error() -> None:
    deep: object = "no"
    for _ in range(1000):
        deep = [deep]
    assert str(failure_said(deep, None)) == "the model failed: (an error nested too deeply to be shown)"
