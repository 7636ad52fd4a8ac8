"""The keys about who is heard, in Python and in files, and what they come to in an account that runs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import attrs
import pytest
import trio

from tests.platforms.dingtalk.cloud import BASE, CLIENT_ID, Cloud, config, in_group, open_desk
from tests.platforms.dingtalk.stage import Listener, simulated
from trio_bridge import DingTalk, DingTalkGroup
from trio_bridge.config import Secret
from trio_bridge.engine.environment import Environment
from trio_bridge.engine.hosts import Hosts
from trio_bridge.errors import ConfigError
from trio_bridge.messages import Message
from trio_bridge.runner.loading import load_config
from trio_bridge.stores.sqlite import inline, open_sqlite

AGENT = '[agent]\nkind = "echo"\n'


# In Python.


def test_a_group_may_be_a_plain_dictionary() -> None:
    group = {"require_mention": False, "allow_from": [17, "mei"], "reply_mode": "text", "session_scope": "group_sender"}
    assert config(groups={"cidG": group}).groups == {
        "cidG": DingTalkGroup(
            require_mention=False, allow_from=("17", "mei"), reply_mode="text", session_scope="group_sender"
        )
    }


@pytest.mark.parametrize(
    ("groups", "problems"),
    [
        ({"cidG": {"requre": 1}}, ["groups.cidG.requre: unknown key; expected one of enabled, "]),
        ({"cidG": {"reply_mode": "loud"}}, ["groups.cidG.reply_mode: expected one of card, auto, markdown, text"]),
        ({"cidG": {"session_scope": "x"}}, ["groups.cidG.session_scope: expected one of group, group_sender"]),
        ({"cidG": {"allow_from": [1.5]}}, ["groups.cidG.allow_from: expected a string or a whole number"]),
        ({"cidG": {"a": 1, "b": 1}, "cidH": {"c": 1}}, ["groups.cidG.a", "groups.cidG.b", "groups.cidH.c"]),
    ],
)
def test_what_describes_no_group_is_named(groups: Mapping[str, Any], problems: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        config(groups=groups)
    for said, expected in zip(caught.value.problems, problems, strict=True):
        assert said.startswith(expected)


@pytest.mark.parametrize(
    "changes", [{"dm_policy": "closed"}, {"group_policy": "pairing"}, {"group_reply_mode": "loud"}]
)
def test_what_is_no_policy_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        config(**changes)


def test_a_pairing_text_has_a_place_for_the_code() -> None:
    with pytest.raises(ConfigError, match=r"^pairing_text: expected \{code\}"):
        config(dm_policy="pairing", pairing_text="go away")
    config(dm_policy="open", pairing_text="go away")


def test_an_account_can_be_told_from_others_by_its_hash() -> None:
    one = config(groups={"cidG": {}})
    assert one == config(groups={"cidG": {}})
    assert len({one, config(groups={"cidG": {}}), config(name="other")}) == 2


def test_the_directory_is_what_the_configuration_names() -> None:
    directory = config(
        allowed_users=["*", "mei"],
        allow_from=["bo", "mei", ""],
        group_allow_from=["cidA", "*"],
        free_response_chats=["cidB"],
        groups={"cidA": {"allow_from": ["Li"]}, "cidC": {}},
    ).directory()
    assert directory.people == ("mei", "bo", "Li")
    assert directory.groups == ("cidA", "cidB", "cidC")


@pytest.mark.parametrize(
    ("group", "account", "mode"),
    [
        ("text", {"group_reply_mode": "markdown"}, "text"),
        (None, {"group_reply_mode": "markdown"}, "markdown"),
        (None, {"reply_mode": "auto"}, "auto"),
    ],
)
def test_how_answers_look_in_a_group(group: str | None, account: dict[str, str], mode: str) -> None:
    subject = config(groups={"cidG": {"reply_mode": group}}, **account)
    assert subject.reply_mode_in("group", "cidG") == mode
    assert subject.reply_mode_in("direct", "cidG") == subject.reply_mode
    assert subject.reply_mode_in("user", "staff0001") == subject.reply_mode


# In files.


def as_toml(value: object) -> str:
    match value:
        case Mapping():
            return "{" + ", ".join(f"{json.dumps(key)} = {as_toml(each)}" for key, each in value.items()) + "}"
        case Secret(text=text):
            return json.dumps(text)
    return json.dumps([*value] if isinstance(value, tuple) else value, ensure_ascii=False)


SAMPLES: dict[str, Any] = {
    "client_id": CLIENT_ID,
    "client_secret": "secret",
    "groups": {"cidG": {"enabled": False, "require_mention": True, "allow_from": ["mei"], "reply_mode": "text"}},
    "endpoint": BASE,
    "proxy": "none",
}


def sample(field: attrs.Attribute[Any]) -> Any:
    """A value for a key: its default, or any where nothing is the default."""
    if field.name in SAMPLES:
        return SAMPLES[field.name]
    if get_origin(field.type) is Mapping:
        return {}
    if field.default is not None and field.default is not attrs.NOTHING and not callable(field.default):
        default = field.default
        return CLIENT_ID if "Factory" in type(default).__name__ else default
    kind = next((arg for arg in get_args(field.type) if arg is not type(None)), None)
    kind = kind if get_origin(field.type) is UnionType or type(None) in get_args(field.type) else field.type
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    if get_origin(kind) is tuple:
        return ["some"]
    if get_origin(kind) is Callable:
        return "heeding_of_keys:heed"
    return {bool: True, int: 9, float: 9.5, str: "some"}.get(kind, "some")


def documented() -> dict[str, str]:
    """Every key of an account, with a value as a file has it."""
    fields = attrs.fields(attrs.resolve_types(DingTalk))
    return {field.name: as_toml(sample(field)) for field in fields if field.init and field.name != "name"}


def loaded(folder: Path, *tables: str) -> DingTalk:
    file = folder / "bridge.toml"
    file.write_text("\n".join((AGENT, *tables)), encoding="utf-8")
    [account] = load_config(file).accounts
    assert isinstance(account, DingTalk)
    return account


def test_trap_22_every_key_loads_at_both_levels(tmp_path: Path) -> None:
    (tmp_path / "heeding_of_keys.py").write_text("async def heed(it):\n    return None\n")
    keys = "\n".join(f"{key} = {value}" for key, value in documented().items())
    own = loaded(tmp_path, '[accounts.sales]\nplatform = "dingtalk"', keys)
    inherited = loaded(tmp_path, "[defaults.dingtalk]", keys, '[accounts.sales]\nplatform = "dingtalk"')
    assert own == inherited
    assert own.groups["cidG"] == DingTalkGroup(
        enabled=False, require_mention=True, allow_from=("mei",), reply_mode="text"
    )


def test_trap_22_every_key_of_a_group_loads_at_both_levels(tmp_path: Path) -> None:
    group = {
        "enabled": False,
        "require_mention": False,
        "allow_from": ["mei"],
        "session_scope": "group_sender",
        "system_prompt": "Be kind.",
        "reply_mode": "markdown",
    }
    assert set(group) == set(attrs.fields_dict(DingTalkGroup))
    described = "\n".join(f"{key} = {as_toml(value)}" for key, value in group.items())
    account = f'platform = "dingtalk"\nclient_id = "{CLIENT_ID}"\nclient_secret = "x"'
    own = loaded(tmp_path, "[accounts.sales]", account, '[accounts.sales.groups."cidG=="]', described)
    inherited = loaded(tmp_path, '[defaults.dingtalk.groups."cidG=="]', described, "[accounts.sales]", account)
    assert own.groups == inherited.groups == {"cidG==": DingTalkGroup(**group)}


def test_a_mistake_in_a_group_is_named_with_its_place(tmp_path: Path) -> None:
    account = f'[accounts.sales]\nplatform = "dingtalk"\nclient_id = "{CLIENT_ID}"\nclient_secret = "x"'
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, account, '[accounts.sales.groups."cidG=="]\nrequire_mentions = true\nreply_mode = "loud"')
    assert [problem.removeprefix(f"{tmp_path}/bridge.toml: ") for problem in caught.value.problems] == [
        'accounts.sales.groups."cidG==".require_mentions: unknown key; did you mean require_mention?',
        'accounts.sales.groups."cidG==".reply_mode: expected one of "card", "auto", "markdown", "text", not "loud"',
    ]


# In an account that runs.


@pytest.mark.parametrize(
    ("said", "prompt"),
    [({}, "Be kind."), (in_group(), "Be brief."), (in_group(conversationId="cidOther"), "Be kind.")],
    ids=["alone", "in the group", "in another"],
)
async def test_whoever_answers_is_told_the_prompt(
    autojump_clock: trio.abc.Clock, cloud: Cloud, said: dict[str, Any], prompt: str
) -> None:
    async with open_desk(cloud, system_prompt="Be kind.", groups={"cidGROUP": {"system_prompt": "Be brief."}}) as desk:
        assert desk.message(cloud.say(**said)).system_prompt == prompt


async def test_a_group_has_answers_in_its_own_look(autojump_clock: trio.abc.Clock, cloud: Cloud) -> None:
    async with open_desk(cloud, groups={"cidGROUP": {"reply_mode": "text"}}) as desk:
        await desk.answer(cloud.say(**in_group()), "**bold**")
        await desk.answer(cloud.say(**in_group(conversationId="cidOther")), "**bold**")
        await desk.answer(cloud.say(), "**bold**")
    assert [sent["msgtype"] for sent in cloud.bodies("/robot/sendBySession")] == ["text", "markdown", "markdown"]


async def test_answers_grow_in_cards_where_the_group_says_so(autojump_clock: trio.abc.Clock) -> None:
    async def answer(message: Message) -> AsyncIterator[str]:
        yield message.text

    tuning = {"reply_mode": "text", "groups": {"cidG": {"reply_mode": "card"}}}
    async with simulated() as stage, stage.account(answer, **tuning) as account:
        await account.wait_ready()
        await stage.dingtalk.ask("alone")
        await stage.dingtalk.ask("elsewhere", conversation="cidOther")
        await stage.dingtalk.ask("there", conversation="cidG")
        assert [card.text for card in stage.dingtalk.rest.cards.known.values()] == ["there"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"dm_policy": "allowlist", "allow_from": ["mei"], "group_policy": "disabled"}, []),
        ({"dm_policy": "pairing"}, []),
        ({"allowed_users": []}, ["allowed_users is empty"]),
        ({"dm_policy": "allowlist"}, ["dm_policy is allowlist and allow_from is empty"]),
        ({"group_policy": "allowlist"}, ["group_policy is allowlist and group_allow_from is empty"]),
        ({"dm_policy": "disabled", "group_policy": "disabled"}, ["dm_policy and group_policy are disabled"]),
        ({"groups": {"cidG": {"allow_from": []}}}, ["groups.cidG.allow_from is empty"]),
        ({"groups": {"cidG": {"allow_from": [], "enabled": False}}}, []),
        ({"group_allow_from": ["cidA", "*", "Team"]}, ["group_allow_from names Team"]),
        (
            {"groups": {"Lobby": {}}, "free_response_chats": ["x"]},
            ["free_response_chats names x", "groups names Lobby"],
        ),
    ],
)
async def test_a_check_warns_of_lists_that_hear_nobody(
    autojump_clock: trio.abc.Clock, cloud: Cloud, changes: dict[str, Any], said: list[str]
) -> None:
    async with open_desk(cloud, **changes) as desk:
        findings = await desk.platform.check(Hosts(Environment(network=cloud.network)))
    heard = [finding for finding in findings if finding.check == "heard"]
    assert {finding.verdict for finding in heard} <= {"warning"}
    assert [finding.text.partition(":")[0] for finding in heard] == said


async def test_a_stranger_is_told_once_a_day_through_restarts(autojump_clock: trio.abc.Clock, tmp_path: Path) -> None:
    listener = Listener()
    tuning = {"dm_policy": "allowlist", "allow_from": ["mei"], "denied_text": "not you"}
    async with simulated() as stage, open_sqlite(tmp_path / "bridge.db", executor=inline) as store:
        for _ in range(2):
            async with stage.account(listener, store=store, **tuning) as account:
                await account.wait_ready()
                for _ in range(3):
                    pushed = await stage.dingtalk.say("let me in")
                    await stage.dingtalk.wait_acked(pushed)
                await stage.dingtalk.wait_replied(await stage.dingtalk.say("hello", sender="mei"))
        assert [sent.text for sent in stage.dingtalk.sent] == ["not you", "you said hello", "you said hello"]
    assert listener.heard == ["hello", "hello"]


async def test_an_application_can_let_people_in(autojump_clock: trio.abc.Clock) -> None:
    listener = Listener()
    async with simulated() as stage, stage.account(listener, dm_policy="pairing", pairing_text="{code}") as account:
        await account.wait_ready()
        code = await stage.dingtalk.ask("hello?")
        [request] = await account.api.pairing.requests()
        assert (request.code, request.sender) == (code, "staff0001")
        assert await account.api.pairing.approve(code)
        assert await stage.dingtalk.ask("hello") == "you said hello"
        assert account.api.directory().people == ()
    assert listener.heard == ["hello"]
