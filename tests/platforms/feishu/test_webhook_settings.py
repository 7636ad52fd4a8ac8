"""How Feishu calls, as a configuration says it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.platforms.feishu.calls import KEY, TOKEN, config
from trio_bridge.config import Secret
from trio_bridge.errors import ConfigError


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"verification_token": None}, ["verification_token"]),
        ({"encrypt_key": None}, ["encrypt_key"]),
        ({"mode": "both", "encrypt_key": None, "verification_token": None}, ["verification_token", "encrypt_key"]),
        ({"encrypt_key": None, "verification_token": None, "allow_unencrypted": True}, ["verification_token"]),
        ({"encrypt_key": " "}, ["encrypt_key"]),
        ({"verification_token": ""}, ["verification_token"]),
        ({"path": "feishu"}, ["path"]),
        ({"path": "/feishu?bot=hr"}, ["path"]),
        ({"path": "/feishu hr"}, ["path"]),
        ({"path": "/feishu\n"}, ["path"]),
        *(
            ({"listen": address}, ["listen"])
            for address in (
                "8712",
                "localhost",
                ":8712",
                "a:b",
                "a:99999",
                "a:1:2",
                "::1:5",
                "u@a:1",
                "a:1/x",
                "http://a:1",
            )
        ),
    ],
    ids=str,
)
def test_a_key_that_can_not_work_is_named(given: dict[str, Any], named: list[str]) -> None:
    with pytest.raises(ConfigError) as refusal:
        config(**given)
    assert [problem.partition(":")[0] for problem in refusal.value.problems] == named


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("127.0.0.1:8712", ("127.0.0.1", 8712)),
        ("[::1]:8712", ("::1", 8712)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("bot.internal:0", ("bot.internal", 0)),
    ],
)
def test_an_address_is_a_host_and_a_port(listen: str, address: tuple[str, int]) -> None:
    assert config(listen=listen).address == address


@pytest.mark.parametrize(("path", "kept"), [("/feishu/", "/feishu"), ("/", "/"), ("//", "/"), ("/a/b", "/a/b")])
def test_a_path_has_no_slash_at_its_end(path: str, kept: str) -> None:
    assert config(path=path).path == kept


def test_who_connects_needs_no_keys() -> None:
    plain = config(mode="websocket", encrypt_key=None, verification_token=None)
    assert not plain.is_called
    assert config(mode="both").is_called


def test_its_keys_are_secrets() -> None:
    settings = config()
    assert KEY not in repr(settings)
    assert TOKEN not in repr(settings)
    assert {Secret(KEY), Secret(TOKEN)} < set(settings.secrets())
