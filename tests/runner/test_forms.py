"""Lists of ids and names in a file, in the three forms that people know from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trio_bridge.errors import ConfigError
from trio_bridge.platforms.dingtalk.config import DingTalk
from trio_bridge.runner.loading import read_config


def read(**keys: Any) -> DingTalk:
    table = {"platform": "dingtalk", "client_id": "ding1", "client_secret": "hush", **keys}
    config = read_config({"agent": {"kind": "echo"}, "accounts": {"sales": table}}, Path("bridge.toml"))
    [account] = config.accounts
    assert isinstance(account, DingTalk)
    return account


def problems(**keys: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(**keys)
    return [line.removeprefix("bridge.toml: accounts.sales.") for line in caught.value.problems]


@pytest.mark.parametrize("key", ["allowed_users", "free_response_chats", "bot_names", "webhook_hosts"])
@pytest.mark.parametrize("written", [["a", 100001], "a, 100001", '["a", 100001]'])
def test_a_list_is_read_in_each_form(key: str, written: Any) -> None:
    assert getattr(read(**{key: written}), key) == ("a", "100001")


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
