"""Errors become findings."""

from __future__ import annotations

import pytest

from trio_bridge.engine.findings import Finding, finding_of, worst
from trio_bridge.errors import (
    AccountRefused,
    BridgeError,
    ConfigError,
    HandshakeFailed,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    RequestFailed,
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
        (NotSent("the connection broke"), "try again"),
        (RequestFailed("no such model"), "the same"),
        (AccountRefused("ca_file x: no", kind="misconfigured"), "configuration"),
        (ConfigError("environment variable X is not set"), "configuration"),
    ],
)
def test_an_error_keeps_its_words_and_gets_advice(error: BridgeError, advice: str) -> None:
    finding = finding_of("stream", error)
    assert (finding.check, finding.text) == ("stream", str(error))
    assert finding.verdict == ("warning" if isinstance(error, RateLimited) else "failed")
    assert advice in finding.advice


def test_the_advice_is_about_how_it_began() -> None:
    began = HandshakeFailed("looking up x: no", stage="dns")
    middle = NotSent("POST https://x: looking up x: no")
    middle.__cause__ = began
    last = HandshakeFailed("the open call: POST https://x: looking up x: no", stage="login")
    last.__cause__ = middle
    finding = finding_of("stream", last)
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
