"""Which conversation a message on Feishu belongs to, by the keys of the account and of its groups."""

from __future__ import annotations

from typing import Any

import pytest

from tests.platforms.feishu.recorded import payload as recorded
from tests.platforms.feishu.saying import config, payload
from trio_bridge.platforms.feishu.scopes import scope_of

SAID = (payload(chat="oc_mei"), payload(), payload(sender={}), recorded("v1_message_group_mention"))
OLD = "oc_5ce6d572455d361153b7cb51da133945", "ou_84aad35d084aa403a838cf73ee18467"


@pytest.mark.parametrize(
    ("keys", "alone", "team", "of_nobody", "old"),
    [
        ({}, "oc_mei", "oc_team", "oc_team", OLD[0]),
        ({"group_session_scope": "group_sender"}, "oc_mei", "oc_team:ou_mei", "oc_team:", ":".join(OLD)),
        ({"separate_session_by_conversation": False}, "ou_mei", "ou_mei", "oc_team", OLD[1]),
        ({"groups": {"oc_team": {"session_scope": "group_sender"}}}, "oc_mei", "oc_team:ou_mei", "oc_team:", OLD[0]),
        (
            {"group_session_scope": "group_sender", "groups": {"oc_team": {"session_scope": "group"}}},
            "oc_mei",
            "oc_team",
            "oc_team",
            ":".join(OLD),
        ),
    ],
)
def test_a_conversation_is_what_the_keys_say(
    keys: dict[str, Any], alone: str, team: str, of_nobody: str, old: str
) -> None:
    assert [*map(scope_of(config(**keys)), SAID)] == [alone, team, of_nobody, old]


@pytest.mark.parametrize("keys", [{}, {"group_session_scope": "group_sender"}])
def test_what_is_said_nowhere_belongs_nowhere(keys: dict[str, Any]) -> None:
    assert scope_of(config(**keys))({"schema": "2.0", "event": {"message": {"chat_type": "p2p"}}}) == ""
