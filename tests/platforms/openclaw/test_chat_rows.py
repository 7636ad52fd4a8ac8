"""What a history tells of a question: rows as gateways of both protocols write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.platforms.openclaw.chat.rows import Told, told_of

AT = 1_790_000_000.0


def told(*rows: Any, **more: Any) -> Told:
    return told_of({"messages": list(rows), **more}, key="k", text="go", asked_at=AT)


def asked(key: str = "k", text: str = "go", at: float = AT) -> dict[str, Any]:
    """A question as protocol 4 keeps it."""
    return {"role": "user", "content": text, "timestamp": at * 1000, "idempotencyKey": f"{key}:user"}


def asked_older(text: str = "go", at: float = AT) -> dict[str, Any]:
    """The same on protocol 3, without a key."""
    return {"role": "user", "content": [{"type": "text", "text": text}], "timestamp": at * 1000}


def answered(text: str = "here", **more: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": text}]
    return {"role": "assistant", "content": content, "stopReason": "stop", "timestamp": AT * 1000, **more}


SYSTEM = {"role": "user", "content": "[System] Your previous turn was interrupted", "idempotencyKey": "x:user"}


@pytest.mark.parametrize(
    ("before", "question", "later"),
    [
        (asked("before", "go", AT - 100), asked(), asked("next", "more")),
        (asked_older("go", AT - 100), asked_older(), asked_older("more")),
    ],
    ids=["4", "3"],
)
def test_an_answer_stands_behind_its_question(before: Any, question: Any, later: Any) -> None:
    assert told(before, answered("old"), question, answered()).text == "here"
    assert told(question).question == "waiting"
    assert told(question, later).question == "waiting"
    assert told(question, later, answered("to the next")).question == "waiting"


def test_a_gateway_that_was_restarted_speaks_in_between() -> None:
    assert told(asked(), SYSTEM, answered()).text == "here"


def test_what_an_agent_says_before_it_calls_a_tool_is_no_answer() -> None:
    assert told(asked(), answered("let me see", stopReason="toolUse")).question == "waiting"
    assert told(asked(), answered("let me see", stopReason="toolUse"), answered()).text == "here"


def test_the_same_words_asked_earlier_are_another_question() -> None:
    assert told(asked_older(at=AT - 60), answered("old")).question == "absent"
    assert told(asked("other"), answered("old")).question == "absent"


def test_an_answer_that_says_whose_it_is_needs_no_question() -> None:
    assert told(answered("early", __openclaw={"runId": "k"})).text == "early"
    assert told(answered("early", __openclaw={"runId": "other"})).question == "absent"


def test_ends_of_other_kinds() -> None:
    assert told(asked(), answered("NO_REPLY")) == Told("answered", "")
    assert told(asked(), answered("half", idempotencyKey="k:assistant")) == Told("aborted", "half")
    assert told(asked_older(), answered("half", stopReason="aborted")) == Told("aborted", "half")
    assert told(asked(), answered("it broke", stopReason="error")).question == "failed"


def test_a_run_under_way_is_named_and_not_yet_an_end() -> None:
    running = {"inFlightRun": {"runId": "x", "text": "he"}, "sessionInfo": {"activeRunIds": ["x", "y"]}}
    assert told(asked(), answered("partial"), **running) == Told("waiting", "", ("x", "y"), "he")


@pytest.mark.parametrize(
    ("session", "idle"),
    [
        ({}, False),
        ({"hasActiveRun": True, "activeRunIds": ["x"]}, False),
        ({"hasActiveRun": False}, True),
        ({"hasActiveRun": False, "status": "done"}, True),
        ({"hasActiveRun": False, "status": "running"}, False),
    ],
    ids=["not said", "at work", "idle", "done", "in line"],
)
def test_whether_nothing_goes_on(session: dict[str, Any], idle: bool) -> None:
    """A gateway that was restarted takes up one session after the other: one that is in line is not forgotten."""
    assert told(asked(), sessionInfo=session).idle is idle


MEMBERS = st.sampled_from(
    ["messages", "role", "content", "text", "type", "timestamp", "idempotencyKey", "__openclaw", "runId", "stopReason",
     "inFlightRun", "sessionInfo", "activeRunIds", "hasActiveRun", "status"]
)  # fmt: skip
PLAIN = st.none() | st.booleans() | st.floats() | st.integers() | st.sampled_from(["user", "assistant", "k:user", "go"])


@given(st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(MEMBERS, inner), max_leaves=30))
def test_no_history_raises(history: Any) -> None:
    told_of(history, key="k", text="go", asked_at=AT)
    told_of(
        {"messages": [history, {"role": "user", "content": history}], "inFlightRun": history},
        key="k",
        text="go",
        asked_at=AT,
    )
