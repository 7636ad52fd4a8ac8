"""Errors become findings."""

from __future__ import annotations

import pytest

from trio_bridge.engine.findings import Finding, failed, worst
from trio_bridge.errors import (
    AccountRefused,
    BridgeError,
    ConfigError,
    HandshakeFailed,
    NotSent,
    OutcomeUnknown,
    RateLimited,
)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (HandshakeFailed("looking up x: no", stage="dns"), "spelt"),
        (HandshakeFailed("connecting to x: no", stage="tcp"), "firewall"),
        (HandshakeFailed("proxy x: no", stage="proxy"), "HTTPS_PROXY"),
        (HandshakeFailed("TLS with x: no", stage="tls"), "TLS"),
        (HandshakeFailed("the open call: no answer", stage="login"), "try again"),
        (AccountRefused("no", kind="auth"), "credentials"),
        (RateLimited("later"), "later"),
        (OutcomeUnknown("who knows"), "try again"),
        (ConfigError("environment variable X is not set"), ""),
    ],
)
def test_an_error_keeps_its_words_and_gets_advice(error: BridgeError, advice: str) -> None:
    finding = failed("stream", error)
    assert (finding.check, finding.verdict, finding.text) == ("stream", "failed", str(error))
    assert advice in finding.advice
    assert bool(advice) == bool(finding.advice)


def test_the_advice_is_about_how_it_began() -> None:
    began = HandshakeFailed("looking up x: no", stage="dns")
    middle = NotSent("POST https://x: looking up x: no")
    middle.__cause__ = began
    last = HandshakeFailed("the open call: POST https://x: looking up x: no", stage="login")
    last.__cause__ = middle
    finding = failed("stream", last)
    assert finding.text == str(last)
    assert "spelt" in finding.advice


@pytest.mark.parametrize(
    ("verdicts", "whole"),
    [
        ([], "skipped"),
        (["ok", "skipped"], "ok"),
        (["warning", "ok"], "warning"),
        (["ok", "failed", "warning"], "failed"),
    ],
)
def test_the_worst_verdict_is_the_verdict_on_everything(verdicts: list[str], whole: str) -> None:
    assert worst(Finding("x", verdict, "") for verdict in verdicts) == whole  # type: ignore[arg-type]
