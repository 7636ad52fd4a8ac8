"""Sessions and questions have names that nobody shares, whatever a gateway makes of keys."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.agents.openclaw.names import known_name, question_key, session_key, session_name
from trio_bridge.messages import Conversation, ConversationKind, Message, Sender


def message(
    id_: str = "m1",
    *,
    platform: str = "dingtalk",
    account: str = "sales",
    kind: ConversationKind = "direct",
    conversation: str = "staff1",
) -> Message:
    return Message(
        platform=platform,
        account=account,
        id=id_,
        conversation=Conversation(conversation, kind),
        sender=Sender("staff1"),
        text="hi",
    )


def key_of(said: Message) -> str:
    return session_key("main", session_name(said))


def test_a_session_tells_people_whose_it_is_and_has_a_digest() -> None:
    key = key_of(message(conversation="cidAbC=+/9", kind="group"))
    assert re.fullmatch(r"agent:main:trio-bridge:dingtalk-sales-group-cidabc-9-[0-9a-f]{32}", key)


@pytest.mark.parametrize(
    "other",
    [
        {"id_": "m2"},
        {"platform": "feishu"},
        {"account": "hr"},
        {"kind": "group"},
        {"conversation": "STAFF1"},
        {"conversation": "staff1 "},
        {"conversation": "sTaff1"},
    ],
)
def test_what_is_not_the_same_has_another_session_in_lower_case_too(other: dict[str, str]) -> None:
    assert key_of(message()).lower() != key_of(message(**other)).lower()  # type: ignore[arg-type]


def test_no_two_words_run_into_each_other() -> None:
    one, other = message(account="a", conversation="direct-b"), message(account="a-direct", conversation="b")
    assert session_name(one) != session_name(other)


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_a_key_is_what_every_gateway_leaves_as_it_is(account: str, conversation: str, id_: str) -> None:
    said = message(id_, account=account, conversation=conversation)
    key = key_of(said)
    assert key == key.lower().strip()
    assert re.fullmatch(r"[a-z0-9:-]{1,512}", key)
    assert "::" not in key
    assert known_name(session_name(said)) == session_name(said)
    assert re.fullmatch(r"[a-z0-9-]{1,100}", question_key(said, 7))


@pytest.mark.parametrize("stored", [None, 5, "", "Upper", "a:b", "x" * 201, ["a"]])
def test_what_is_no_name_of_a_session_is_none(stored: object) -> None:
    assert known_name(stored) is None


def test_a_question_has_one_key_until_it_is_known_to_have_failed() -> None:
    assert question_key(message()) == question_key(message(conversation="elsewhere"))
    keys = {question_key(message(), failures) for failures in range(3)}
    others = {
        question_key(message("m2")),
        question_key(message(account="hr")),
        question_key(message(platform="feishu")),
    }
    assert len(keys | others) == 6
