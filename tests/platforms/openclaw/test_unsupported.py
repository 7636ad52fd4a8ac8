"""What is remembered of methods that a gateway has not."""

from __future__ import annotations

import pytest

from tests.platforms.openclaw.recorded import ANSWERS, P3, P4
from trio_bridge import RequestFailed
from trio_bridge.platforms.openclaw.api import unsupported
from trio_bridge.platforms.openclaw.api.unsupported import Unsupported
from trio_bridge.platforms.openclaw.failures import request_failure
from trio_bridge.platforms.openclaw.frames import error_of


def refusals() -> list[tuple[str, RequestFailed]]:
    """Everything that two gateways refused, and which of them did."""
    refused = [(row["gateway"], row["method"], row["error"]) for row in ANSWERS if not row["ok"]]
    failures = [(gateway, request_failure(method, error_of(error))) for gateway, method, error in refused]
    return [(gateway, failure) for gateway, failure in failures if isinstance(failure, RequestFailed)]


def unknown(method: str) -> RequestFailed:
    return RequestFailed(f"{method}: INVALID_REQUEST unknown method: {method}", code="INVALID_REQUEST", method=method)


def test_what_two_gateways_did_not_have() -> None:
    learnt = {(gateway, failure.method) for gateway, failure in refusals() if Unsupported().learn(gateway, failure)}
    assert learnt >= {(P3, "no.such.method"), (P4, "no.such.method"), (P3, "sessions.branches.list")}
    assert learnt >= {(P4, "sessions.compaction.list"), (P4, "sessions.compaction.get")}


def test_a_missing_scope_proves_nothing() -> None:
    scopes = [failure for _, failure in refusals() if "missing scope" in str(failure)]
    assert {failure.method for failure in scopes} >= {"no.such.method"}
    assert not any(Unsupported().learn("1", failure) for failure in scopes)


def test_one_version_is_remembered() -> None:
    memory = Unsupported()
    assert not memory.knows("1", "a")
    assert memory.learn("1", unknown("a"))
    assert memory.knows("1", "a")
    assert not memory.knows("2", "a"), "a newer gateway may have it"
    assert memory.learn("2", unknown("b"))
    assert not memory.knows("1", "a"), "there is one gateway"
    assert memory.knows("2", "b")
    assert not memory.knows("2", "a")


def test_a_refusal_that_speaks_of_another_method_is_another_refusal() -> None:
    failure = RequestFailed("a: INVALID_REQUEST unknown method: b", code="INVALID_REQUEST", method="a")
    assert not Unsupported().learn("1", failure)
    assert not Unsupported().learn("1", RequestFailed("a: X unknown method: a", code="X", method="a"))


def test_names_that_are_made_up_fill_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsupported, "MOST", 3)
    memory = Unsupported()
    assert all(memory.learn("1", unknown(name)) for name in "abcde")
    assert [memory.knows("1", name) for name in "abcde"] == [True, True, True, False, False]
