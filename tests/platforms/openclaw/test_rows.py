"""What a history says of one question. Rows are as gateways of both protocols write them."""

from __future__ import annotations

from typing import Any

import pytest

from trio_bridge.platforms.openclaw.chat.rows import told_of


def asked(text: str = "go", *, key: str = "", at: float = 100.0) -> dict[str, Any]:
    return {
        "role": "user",
        "content": text,
        "timestamp": at * 1000,
        **({"idempotencyKey": f"{key}:user"} if key else {}),
    }


def answered(text: str, *, reason: str = "stop", **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "text", "text": text}], "stopReason": reason, **more}


def told(*rows: Any, asked_at: float = 100.0, **history: Any) -> Any:
    return told_of({"messages": list(rows), **history}, key="k", text="go", asked_at=asked_at)


def test_the_last_answer_before_the_next_question_is_the_answer() -> None:
    rows = (asked(key="k"), answered("one"), asked("[System] You were interrupted"), answered("two"), asked("next"))
    assert (told(*rows, answered("three")).question, told(*rows).text) == ("answered", "two")


def test_an_answer_has_no_blanks_at_its_end_as_in_streams() -> None:
    assert told(asked(key="k"), answered(" one \n")).text == " one"


@pytest.mark.parametrize("text", ["NO_REPLY", " NO_REPLY\n"])
def test_an_agent_that_would_not_speak_answered_nothing(text: str) -> None:
    said = told(asked(key="k"), answered(text))
    assert (said.question, said.text) == ("answered", "")


def test_a_question_without_a_key_is_known_by_its_words_and_its_time() -> None:
    assert told(asked(at=97.9)).question == "absent"
    assert told(asked(at=98.1)).question == "waiting"
    assert told(asked("went", at=100)).question == "absent"


def test_where_rows_have_keys_words_count_for_nothing() -> None:
    assert told(asked(), asked("other", key="o")).question == "absent"


@pytest.mark.parametrize("at", [10**400, float("inf"), float("nan"), "late", None, True])
def test_a_row_that_no_clock_can_have_written_is_of_no_known_time(at: Any) -> None:
    row = {"role": "user", "content": "go", "timestamp": at}
    assert told(row).question == "absent"
    assert told(row, asked_at=0.0).question == "waiting"


@pytest.mark.parametrize(
    ("session", "idle", "goes_on"),
    [
        ({"hasActiveRun": False}, True, False),
        ({"hasActiveRun": False, "status": "done"}, True, False),
        ({"hasActiveRun": False, "status": "running", "abortedLastRun": True}, False, True),
        ({"hasActiveRun": True, "activeRunIds": ["x"], "status": "running"}, False, True),
        ({}, False, False),
    ],
)
def test_a_session_that_waits_to_be_taken_up_is_not_idle(session: dict[str, Any], idle: bool, goes_on: bool) -> None:
    said = told(asked(key="k"), sessionInfo=session)
    assert (said.question, said.idle, said.goes_on) == ("waiting", idle, goes_on)


def test_who_is_at_work_is_told_once_each() -> None:
    said = told(
        asked(key="k"),
        answered("old"),
        inFlightRun={"runId": "x", "text": "ne"},
        sessionInfo={"activeRunIds": ["x", "y", 3]},
    )
    assert (said.question, said.runs, said.running_text, said.idle) == ("waiting", ("x", "y", "3"), "ne", False)


@pytest.mark.parametrize("history", [None, [], "no", {"messages": "no"}, {"messages": [None, 1, "x", []]}])
def test_what_is_no_history_tells_nothing(history: Any) -> None:
    assert told_of(history, key="k", text="go", asked_at=0.0).question == "absent"
