"""Which conversation a message belongs to, by the keys of the account and of its groups."""

from __future__ import annotations

from typing import Any

import pytest

from trio_bridge.platforms.dingtalk.config import DingTalk
from trio_bridge.platforms.dingtalk.scopes import scope_of
from trio_bridge.platforms.dingtalk.who import chat_id

ALONE = {"conversationType": "1", "conversationId": "cidDirect", "senderStaffId": "mei", "senderId": "$:mei"}
TEAM = {**ALONE, "conversationType": "2", "conversationId": "cidTeam"}
OTHER = {**TEAM, "conversationId": "cidOther"}
OUTSIDER = {"conversationType": "2", "conversationId": "cidTeam", "senderId": "$:out"}


def config(**keys: Any) -> DingTalk:
    return DingTalk(name="a", client_id="ding1", client_secret="s", **keys)


@pytest.mark.parametrize(
    ("keys", "alone", "team", "other", "outsider"),
    [
        ({}, "mei", "cidTeam", "cidOther", "cidTeam"),
        ({"group_session_scope": "group"}, "mei", "cidTeam", "cidOther", "cidTeam"),
        ({"group_session_scope": "group_sender"}, "mei", "cidTeam:mei", "cidOther:mei", "cidTeam:$:out"),
        ({"separate_session_by_conversation": False}, "mei", "mei", "mei", "$:out"),
        (
            {"groups": {"cidTeam": {"session_scope": "group_sender"}}},
            "mei",
            "cidTeam:mei",
            "cidOther",
            "cidTeam:$:out",
        ),
        (
            {"group_session_scope": "group_sender", "groups": {"cidTeam": {"session_scope": "group"}, "cidX": {}}},
            "mei",
            "cidTeam",
            "cidOther:mei",
            "cidTeam",
        ),
    ],
)
def test_a_conversation_is_what_the_keys_say(
    keys: dict[str, Any], alone: str, team: str, other: str, outsider: str
) -> None:
    scope = scope_of(config(**keys))
    assert [scope(data) for data in (ALONE, TEAM, OTHER, OUTSIDER)] == [alone, team, other, outsider]


@pytest.mark.parametrize("keys", [{}, {"group_session_scope": "group_sender"}])
def test_a_group_without_an_id_is_its_person(keys: dict[str, Any]) -> None:
    assert scope_of(config(**keys))({**TEAM, "conversationId": ""}) == "mei"


def test_who_has_no_id_is_the_conversation_and_nobody_at_all_is_nobody() -> None:
    scope = scope_of(config(separate_session_by_conversation=False))
    assert scope({"conversationType": "1", "conversationId": "cidDirect"}) == "cidDirect"
    assert scope({}) == ""


def test_the_usual_rule_costs_nothing_more() -> None:
    assert scope_of(config()) is chat_id
