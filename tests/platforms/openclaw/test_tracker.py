"""Which events are about a question, and what they make of its answer."""

from __future__ import annotations

from typing import Any

import pytest

from trio_bridge.errors import RequestFailed
from trio_bridge.platforms.openclaw.chat.tracker import Tracker


def tracker(**state: Any) -> Tracker:
    made = Tracker("k", "main")
    for name, value in state.items():
        setattr(made, name, value)
    return made


def chat(state: str, text: str | None = None, *, run: str = "k", session: str = "agent:main:main", **more: Any) -> Any:
    said = {} if text is None else {"message": {"role": "assistant", "content": [{"type": "text", "text": text}]}}
    return {"runId": run, "sessionKey": session, "state": state, **said, **more}


@pytest.mark.parametrize("follows", [False, True])
def test_what_is_said_in_another_session_is_nobodys_business(follows: bool) -> None:
    asked = tracker(follows=follows)
    for event in (chat("delta", "no", run="x", session="agent:main:other"), chat("final", "no", run="x", session="o")):
        assert not asked.hear("chat", event)
    assert (asked.text, asked.claim, asked.signs, asked.over) == ("", None, 0, False)


def test_another_run_of_the_session_counts_only_where_it_may_be_the_answer() -> None:
    asked = tracker()
    assert not asked.hear("chat", chat("delta", "no", run="x"))
    assert asked.hear("chat", chat("final"))
    assert asked.hear("chat", chat("delta", "ye", run="x"))
    assert asked.text == "ye"
    assert asked.hear("chat", chat("final", "yes", run="x"))
    assert (asked.text, asked.claim, asked.over) == ("yes", "yes", False)
    asked.disown()
    assert (asked.text, asked.claim) == ("", None)


def test_that_another_run_fails_or_is_stopped_means_nothing() -> None:
    asked = tracker(follows=True)
    for state in ("error", "aborted", "final"):
        assert asked.hear("chat", chat(state, run="x"))
    assert (asked.over, asked.claim, asked.ended_without_text) == (False, None, False)


def test_a_run_that_was_named_as_ours_ends_the_answer() -> None:
    asked = tracker()
    asked.adopt(["x"], "so far")
    assert asked.text == "so far"
    assert asked.hear("chat", chat("final", "all of it", run="x"))
    assert (asked.status, asked.text) == ("final", "all of it")


def test_the_first_end_counts() -> None:
    asked = tracker()
    asked.hear("chat", chat("error", errorMessage="no"))
    assert not asked.hear("chat", chat("final", "yes"))
    asked.end("final", "yes")
    asked.fail(RequestFailed("another", code="x"))
    assert (asked.status, asked.text, str(asked.failure)) == ("failed", "", "chat.send: no")


@pytest.mark.parametrize("name", ["agent", "chat"])
def test_whatever_is_said_of_our_run_is_a_sign_of_life(name: str) -> None:
    asked = tracker()
    assert asked.hear(name, {"runId": "k", "stream": "lifecycle", "state": "status"})
    assert (asked.signs, asked.over) == (1, False)
    assert not asked.hear("health", {"runId": "k"})
    assert asked.signs == 1


def test_what_grows_by_pieces_may_be_replaced_whole() -> None:
    asked = tracker()
    for event, text in [
        (chat("delta", deltaText="on"), "on"),
        (chat("delta", deltaText="e"), "one"),
        (chat("delta", deltaText="two", replace=True), "two"),
        (chat("delta", "three", deltaText="!"), "three"),
        (chat("delta", deltaText=4), "three"),
    ]:
        asked.hear("chat", event)
        assert asked.text == text


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (chat("aborted", stopReason="stop"), "silent"),
        (chat("aborted", "half", stopReason="stop"), "aborted"),
        (chat("aborted", stopReason="rpc"), "aborted"),
    ],
)
def test_a_run_that_nobody_stopped_and_that_said_nothing_was_silent(event: Any, status: str) -> None:
    asked = tracker()
    asked.hear("chat", event)
    assert asked.status == status
