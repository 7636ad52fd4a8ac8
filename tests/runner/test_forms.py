"""Lists of ids and names in their three forms, and the names that credentials have elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from trio_bridge.config import Proxy, Secret
from trio_bridge.errors import ConfigError
from trio_bridge.lists import verbatim
from trio_bridge.platforms.dingtalk.config import DingTalk
from trio_bridge.platforms.dingtalk.settings.groups import DingTalkGroup
from trio_bridge.platforms.feishu.config import Feishu
from trio_bridge.platforms.feishu.settings.groups import FeishuGroup
from trio_bridge.runner.loading import read_config
from trio_bridge.runner.structure import FREELY_WRITTEN

KEYS = {"client_id": "ding1", "client_secret": "hush"}


def load(table: dict[str, Any], defaults: dict[str, Any] | None = None) -> DingTalk:
    tables = {
        "agent": {"kind": "echo"},
        "accounts": {"sales": {"platform": "dingtalk", **table}},
        "defaults": {"dingtalk": defaults or {}},
    }
    [account] = read_config(tables, Path("bridge.toml")).accounts
    assert isinstance(account, DingTalk)
    return account


def read(**keys: Any) -> DingTalk:
    return load({**KEYS, **keys})


def wrong(table: dict[str, Any], defaults: dict[str, Any] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(table, defaults)
    return [line.removeprefix("bridge.toml: ") for line in caught.value.problems]


def problems(**keys: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(**keys)
    return [line.removeprefix("bridge.toml: accounts.sales.") for line in caught.value.problems]


@pytest.mark.parametrize(
    "key", ["allowed_users", "free_response_chats", "bot_names", "webhook_hosts", "download_hosts"]
)
@pytest.mark.parametrize("written", [["a", 100001], "a, 100001", '["a", 100001]'])
def test_a_list_is_read_in_each_form(key: str, written: Any) -> None:
    assert getattr(read(**{key: written}), key) == ("a", "100001")


@pytest.mark.parametrize("written", [["a", 100001], "a, 100001", '["a", 100001]'])
def test_a_list_of_a_group_is_read_in_each_form_too(written: Any) -> None:
    assert read(groups={"cidTeam": {"allow_from": written}}).groups["cidTeam"].allow_from == ("a", "100001")


def test_a_comma_in_a_pattern_is_part_of_it() -> None:
    assert read(mention_patterns=["a{1,2}"]).mention_patterns == ("a{1,2}",)
    assert problems(mention_patterns="a, b") == ['mention_patterns: expected a list of strings, not "a, b"']


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        (100001, ["allowed_users: expected a list of strings, not 100001"]),
        ({"a": 1}, ["allowed_users: expected a list of strings, not a table"]),
        (["a", True, " b", "c "], [
            "allowed_users[1]: expected a string, not true",
            'allowed_users[2]: expected no space at the beginning or end of " b"',
            'allowed_users[3]: expected no space at the beginning or end of "c "',
        ]),
        ('["a", 1.5]', ["allowed_users[1]: expected a string, not 1.5"]),
        ('["a", ', ["allowed_users: expected a list as JSON: it begins with [ and can't be read"]),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_list_is_said_with_its_place(written: Any, lines: list[str]) -> None:
    assert problems(allowed_users=written) == lines


@pytest.mark.parametrize("key", ["client_id", "clientId", "app_key", "appKey"])
@pytest.mark.parametrize("secret", ["client_secret", "clientSecret", "app_secret", "appSecret"])
def test_credentials_may_have_the_names_of_other_programs(key: str, secret: str) -> None:
    account = load({key: "ding2", secret: "hush"})
    assert (account.client_id, account.client_secret) == ("ding2", Secret(text="hush"))


def test_an_account_has_its_own_secret_however_the_defaults_spell_theirs() -> None:
    account = load({"clientId": "ding2", "app_secret": "mine"}, {"client_id": "ding3", "clientSecret": "theirs"})
    assert (account.client_id, account.client_secret) == ("ding2", Secret(text="mine"))


def test_what_is_said_twice_is_refused() -> None:
    assert wrong({**KEYS, "appKey": "ding1"}, {"app_secret": "a", "appSecret": "b"}) == [
        "accounts.sales.appKey: means the same as client_id: only one of them may stand here",
        "defaults.dingtalk.appSecret: means the same as app_secret: only one of them may stand here",
    ]


def test_a_problem_has_the_key_that_was_written() -> None:
    assert wrong({"appKey": 5, "clientSecret": "hush"}, {"appSecret": 5, "workers": 0}) == [
        "defaults.dingtalk.workers: expected a whole number ≥ 1, not 0",
        "accounts.sales.appKey: expected a string, not 5",
    ]
    assert wrong({"appKey": "a"}, {"appSecret": {"env": "NOBODY_SET_THIS"}}) == [
        "defaults.dingtalk.appSecret: environment variable NOBODY_SET_THIS is not set"
    ]


def test_every_other_key_has_one_spelling_and_it_is_suggested() -> None:
    assert problems(requireMention=False, dedupeTTL=5, allowedUsers=[]) == [
        "requireMention: unknown key; did you mean require_mention?",
        "dedupeTTL: unknown key; did you mean dedupe_ttl?",
        "allowedUsers: unknown key; did you mean allowed_users?",
    ]


@pytest.mark.parametrize("written", ["none", "http://me:s3cret@proxy.example:3128", ""])
def test_a_proxy_may_be_none(written: str) -> None:
    assert read(proxy=written).proxy == Proxy.of(written)


def test_a_proxy_may_be_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXY_URL", "http://me:s3cret@proxy.example:3128")
    proxy = read(proxy={"env": "PROXY_URL"}).proxy
    assert proxy is not None
    assert proxy.url() == "http://me:s3cret@proxy.example:3128"


def test_what_is_wrong_with_a_proxy_is_said_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    line = 'proxy: expected the URL of an HTTP proxy, http://HOST:PORT, or "none"'
    assert problems(proxy="socks5://me:s3cret@proxy.example:1080") == [line]
    monkeypatch.setenv("PROXY_URL", "socks5://me:s3cret@proxy.example:1080")
    assert problems(proxy={"env": "PROXY_URL"}) == [line]
    assert problems(proxy=False) == [
        'proxy: expected a URL, "none", { env = NAME } or { file = PATH }, not a truth value'
    ]


@pytest.mark.parametrize("cls", [DingTalk, DingTalkGroup, Feishu, FeishuGroup])
def test_every_list_of_texts_is_either_one_of_names_or_one_in_which_a_comma_is_a_comma(cls: type[Any]) -> None:
    lists = [field for field in attrs.fields(attrs.resolve_types(cls)) if "tuple[str, ..." in str(field.type)]
    assert {field.name for field in lists if field.converter not in {*FREELY_WRITTEN, verbatim}} == set()
    assert lists
