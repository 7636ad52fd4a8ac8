"""Where answers go."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.errors import RequestFailed
from trio_bridge.platforms.feishu.sending.targets import Target, address, answer_to


def event(**message: Any) -> dict[str, Any]:
    said = {"message_id": "om_1", "chat_id": "oc_1", "chat_type": "group", **message}
    sender = {"sender_id": {"open_id": "ou_tom", "union_id": "on_tom"}}
    return {"schema": "2.0", "header": {}, "event": {"message": said, "sender": sender}}


def test_an_answer_goes_where_the_message_was_said() -> None:
    assert answer_to(event()) == Target(id="oc_1", group=True, message="om_1", sender="ou_tom")
    assert answer_to(event(chat_type="p2p")) == Target(id="oc_1", message="om_1", sender="ou_tom")
    assert answer_to(event(thread_id="omt_1")).thread == "omt_1"


def test_an_answer_to_a_message_of_schema_1_goes_there_too() -> None:
    said = {
        "type": "message",
        "open_chat_id": "oc_2",
        "chat_type": "private",
        "open_message_id": "om_2",
        "open_id": "ou_2",
    }
    assert answer_to({"uuid": "u", "event": said}) == Target(id="oc_2", message="om_2", sender="ou_2")


def test_without_a_chat_the_person_is_answered() -> None:
    assert answer_to(event(chat_id=None)).id == "ou_tom"


@pytest.mark.parametrize("data", [None, [], {}, {"schema": "2.0"}, {"schema": "2.0", "event": 7}, {"event": []}])
def test_no_data_breaks_it(data: Any) -> None:
    assert answer_to(data).id == ""


@given(st.builds(Target, id=st.text(), group=st.booleans(), message=st.text(), thread=st.text(), sender=st.text()))
def test_a_target_survives_the_store(target: Target) -> None:
    assert Target.load(target.dump()) == target


def test_what_is_empty_is_not_stored() -> None:
    assert Target(id="oc_1").dump() == '{"id":"oc_1"}'


@pytest.mark.parametrize(
    ("name", "id_", "id_type"),
    [
        ("oc_1", "oc_1", "chat_id"),
        (" oc_1 ", "oc_1", "chat_id"),
        ("feishu:oc_1", "oc_1", "chat_id"),
        ("Lark:chat:oc_1", "oc_1", "chat_id"),
        ("group:oc_1", "oc_1", "chat_id"),
        ("user:ou_1", "ou_1", "open_id"),
        ("ou_Ab", "ou_Ab", "open_id"),
        ("on_1", "on_1", "union_id"),
        ("tom@example.com", "tom@example.com", "email"),
        ("e33ggbyz", "e33ggbyz", "user_id"),
        ("user:7", "7", "user_id"),
    ],
)
def test_an_id_says_what_it_is(name: str, id_: str, id_type: str) -> None:
    target = address(name)
    assert (target.id, target.id_type) == (id_, id_type)
    assert target.group is (id_type == "chat_id")


@pytest.mark.parametrize("name", ["", "  ", "chat:", "feishu:", "Tom Jones", "a\nb", "x" * 257, "a\x00b"])
def test_nobody_has_such_a_name(name: str) -> None:
    with pytest.raises(RequestFailed) as raised:
        address(name)
    assert raised.value.code == "bad_target"
