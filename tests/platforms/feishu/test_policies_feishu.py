"""The keys about who is heard on Feishu."""

from __future__ import annotations

from typing import Any

import pytest

from tests.platforms.feishu.saying import config
from trio_bridge.errors import ConfigError
from trio_bridge.platforms.feishu.settings.groups import FeishuGroup


def test_a_group_may_be_a_plain_dictionary() -> None:
    group = {"require_mention": False, "allow_from": [17, "ou_mei"], "reply_mode": "post"}
    made = FeishuGroup(require_mention=False, allow_from=("17", "ou_mei"), reply_mode="post")
    assert config(groups={"oc_team": group}).groups == config(groups={"oc_team": made}).groups == {"oc_team": made}


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"groups": {"oc_team": {"require": 1}}}, "groups.oc_team.require: unknown key; expected one of enabled, "),
        ({"groups": {"oc_team": {"reply_mode": "markdown"}}}, "groups.oc_team.reply_mode: expected one of card, auto"),
        ({"dm_policy": "pairing", "pairing_text": "go away"}, "pairing_text: expected {code}"),
    ],
)
def test_what_is_wrong_is_named(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(**settings)
    [said] = caught.value.problems
    assert said.startswith(problem)


@pytest.mark.parametrize("settings", [{"dm_policy": "closed"}, {"group_policy": "pairing"}])
def test_what_is_no_policy_is_refused(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        config(**settings)


def test_pairing_needs_a_store_that_an_operator_gets_at() -> None:
    assert [*config().shared_store_keys()] == []
    assert [*config(dm_policy="pairing").shared_store_keys()] == ["dm_policy"]


def test_groups_that_no_group_can_be_are_told_of() -> None:
    names = {"group_allow_from": ["oc_team", "Team", "*"], "groups": {"cidTeam": {}}}
    assert [*config(**names).unheard()] == [
        "group_allow_from names Team: no group is called so, for conversation ids of groups begin with oc_",
        "groups names cidTeam: no group is called so, for conversation ids of groups begin with oc_",
    ]


def test_the_directory_is_what_the_configuration_names() -> None:
    directory = config(
        allowed_users=["*", "on_mei"], groups={"oc_team": {"allow_from": ["ou_tom"]}}, free_response_chats=["oc_lobby"]
    ).directory()
    assert directory.people == ("on_mei", "ou_tom")
    assert directory.groups == ("oc_lobby", "oc_team")


@pytest.mark.parametrize(
    ("group", "account", "mode"),
    [
        ("text", {"group_reply_mode": "post"}, "text"),
        (None, {"group_reply_mode": "post"}, "post"),
        (None, {"reply_mode": "auto"}, "auto"),
    ],
)
def test_how_answers_look_in_a_group(group: str | None, account: dict[str, str], mode: str) -> None:
    subject = config(groups={"oc_team": {"reply_mode": group}}, **account)
    assert subject.reply_mode_in("oc_team", group=True) == mode
    assert subject.reply_mode_in("oc_mei", group=False) == subject.reply_mode


def test_whoever_answers_is_told_the_prompt_of_the_group_or_of_the_account() -> None:
    subject = config(system_prompt="Be kind.", groups={"oc_team": {"system_prompt": "Be brief."}, "oc_lobby": {}})
    told = [subject.system_prompt_in(chat) for chat in ("oc_team", "oc_lobby", "oc_mei")]
    assert told == ["Be brief.", "Be kind.", "Be kind."]
