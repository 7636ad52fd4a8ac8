"""The keys about who is heard on Feishu."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.platforms.feishu.saying import config
from trio_bridge.errors import ConfigError
from trio_bridge.platforms.feishu.config import Feishu
from trio_bridge.platforms.feishu.settings.groups import FeishuGroup
from trio_bridge.runner.loading import load_config


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


# In files.

ACCOUNT = '[accounts.hr]\nplatform = "feishu"\napp_id = "cli_a1b2c3d4e5f60718"\napp_secret = "x"\n'
RULES = """
allowed_users = "ou_mei, on_tom"
dm_policy = "pairing"
allow_from = ["ou_mei"]
group_policy = "allowlist"
group_allow_from = ["oc_team"]
require_mention = false
free_response_chats = ["oc_lobby"]
mention_patterns = ["^pony"]
allow_bot_senders = true
group_session_scope = "group_sender"
reset_commands = ["/forget"]
"""
GROUP = """
enabled = false
require_mention = true
allow_from = ["ou_mei"]
session_scope = "group"
system_prompt = "Be brief."
reply_mode = "text"
"""


def loaded(folder: Path, *tables: str) -> Feishu:
    file = folder / "bridge.toml"
    file.write_text("\n".join(('[agent]\nkind = "echo"', *tables)), encoding="utf-8")
    [account] = load_config(file).accounts
    assert isinstance(account, Feishu)
    return account


def test_rules_are_read_for_an_account_and_for_all_of_the_platform(tmp_path: Path) -> None:
    own = loaded(tmp_path, ACCOUNT, RULES, '[accounts.hr.groups."oc_team"]', GROUP)
    inherited = loaded(tmp_path, "[defaults.feishu]", RULES, '[defaults.feishu.groups."oc_team"]', GROUP, ACCOUNT)
    assert own == inherited
    assert own.allowed_users == ("ou_mei", "on_tom")
    assert own.allow_bot_senders
    team = own.groups["oc_team"]
    assert isinstance(team, FeishuGroup)
    told, untold = attrs.asdict(team), attrs.asdict(FeishuGroup())
    assert [key for key in told if told[key] == untold[key]] == [], "every key of a group was read"


def test_a_mistake_in_a_group_is_named_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, ACCOUNT, '[accounts.hr.groups."oc_team"]\nrequire_mentions = true\nreply_mode = "loud"')
    assert [problem.removeprefix(f"{tmp_path}/bridge.toml: ") for problem in caught.value.problems] == [
        "accounts.hr.groups.oc_team.require_mentions: unknown key; did you mean require_mention?",
        'accounts.hr.groups.oc_team.reply_mode: expected one of "card", "auto", "post", "text", not "loud"',
    ]
