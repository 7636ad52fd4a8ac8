"""The exception tree answers one question: what should the caller do next?"""

from __future__ import annotations

import inspect

import pytest

from trio_bridge import errors
from trio_bridge.errors import (
    AccountRefused,
    BridgeError,
    ConfigError,
    ConnectionLost,
    HandshakeFailed,
    NotSent,
    PeerClosed,
    PeerSilent,
    PeerStarting,
    RateLimited,
    RemoteProtocolError,
    RequestFailed,
)

TREE = [error for _, error in inspect.getmembers(errors, inspect.isclass) if issubclass(error, Exception)]


@pytest.mark.parametrize("error", TREE)
def test_every_error_can_be_caught_as_a_bridge_error(error: type[Exception]) -> None:
    assert issubclass(error, BridgeError)


def test_try_again_is_one_except_clause() -> None:
    assert {error for error in TREE if issubclass(error, ConnectionLost)} == {
        ConnectionLost,
        PeerSilent,
        PeerStarting,
        PeerClosed,
        HandshakeFailed,
        RemoteProtocolError,
    }


def test_a_close_says_its_code_and_its_reason() -> None:
    error = PeerClosed(4001, "kicked", retry_after=7.0)
    assert (error.code, error.reason, error.retry_after) == (4001, "kicked", 7.0)
    assert str(error) == "closed by the peer: 4001 kicked"
    assert str(PeerClosed(1006)) == "closed by the peer: 1006"


def test_a_failed_handshake_says_at_which_stage() -> None:
    error = HandshakeFailed("no such host", stage="dns")
    assert (str(error), error.stage, error.status, error.retry_after) == ("no such host", "dns", None, None)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionLost("gone", retry_after=3.0),
        HandshakeFailed("busy", stage="login", status=503, retry_after=3.0),
        RateLimited("slow down", retry_after=3.0),
        AccountRefused("too many", kind="limited", retry_after=3.0),
        RequestFailed("no", retry_after=3.0),
        NotSent("offline", retry_after=3.0),
    ],
)
def test_a_hint_of_the_server_is_kept(
    error: ConnectionLost | RateLimited | AccountRefused | RequestFailed | NotSent,
) -> None:
    assert error.retry_after == 3.0


def test_a_refusal_says_who_must_act() -> None:
    error = AccountRefused("unknown client", kind="auth", code="authFailed", details={"x": 1})
    assert (error.kind, error.code, error.details) == ("auth", "authFailed", {"x": 1})


def test_a_failed_request_keeps_the_whole_answer() -> None:
    error = RequestFailed("no", code="E1", details=["a"], method="chat.send", payload={"x": 1})
    assert (error.code, error.details, error.method, error.payload) == ("E1", ["a"], "chat.send", {"x": 1})


def test_a_config_error_has_a_line_for_each_problem() -> None:
    error = ConfigError("workers: expected 8", "queue_size: expected 256")
    assert error.problems == ("workers: expected 8", "queue_size: expected 256")
    assert str(error) == "workers: expected 8\nqueue_size: expected 256"
