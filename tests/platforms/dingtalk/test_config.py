"""What an account may be told."""

from __future__ import annotations

from typing import Any

import pytest

from trio_bridge.config import Secret
from trio_bridge.errors import ConfigError
from trio_bridge.platforms.dingtalk.config import DingTalk


def account(**changes: Any) -> DingTalk:
    return DingTalk(**{"name": "sales", "client_id": "dingexampleappkey0001", "client_secret": "s3cret", **changes})


def test_an_id_and_a_secret_are_enough() -> None:
    config = account()
    assert config.client_secret == Secret(text="s3cret")
    assert config.robot_code == config.client_id
    assert config.endpoint == "https://api.dingtalk.com"
    assert config.secrets() == (config.client_secret,)
    assert "s3cret" not in repr(config)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"client_id": ""}, "client_id"),
        ({"client_id": "   "}, "client_id"),
        ({"client_id": " ding1"}, "client_id"),
        ({"client_id": "ding 1"}, "client_id"),
        ({"client_id": "dingtalk_sales"}, "client_id"),
        ({"client_secret": ""}, "client_secret"),
        ({"client_secret": " \n"}, "client_secret"),
        ({"robot_code": ""}, "robot_code"),
        ({"endpoint": "api.dingtalk.com"}, "endpoint"),
        ({"oapi_endpoint": "wss://oapi.dingtalk.com"}, "oapi_endpoint"),
        ({"card_template_id": ""}, "card_template_id"),
        ({"card_key": " "}, "card_key"),
        ({"busy_ack": True, "busy_texts": []}, "busy_texts"),
        ({"busy_ack": True, "busy_texts": ["wait", " "]}, "busy_texts"),
    ],
)
def test_what_is_certainly_wrong_is_refused_by_name(changes: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError, match=f"^{key}: expected"):
        account(**changes)


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        account(client_id="", endpoint="nowhere")
    assert len(caught.value.problems) == 2


def test_the_checks_of_every_account_hold_too() -> None:
    with pytest.raises(ConfigError, match="queue_size"):
        account(queue_size=2, workers=8)


def test_a_slash_at_the_end_of_a_base_url_does_not_matter() -> None:
    assert account(endpoint="http://127.0.0.1:8080/").endpoint == "http://127.0.0.1:8080"


def test_lists_take_ids_that_are_numbers_and_a_single_name() -> None:
    assert account(allowed_users=[123, "Staff1"]).allowed_users == ("123", "Staff1")
    assert account(bot_names="小马").bot_names == ("小马",)


@pytest.mark.parametrize("key", ["webhook_hosts", "download_hosts"])
def test_a_host_is_not_named_by_a_url(key: str) -> None:
    assert getattr(account(**{key: ["Files.Example.com"]}), key) == ("files.example.com",)
    with pytest.raises(ConfigError, match="expected the name of a host"):
        account(**{key: ["https://files.example.com"]})


@pytest.mark.parametrize(
    ("endpoint", "key"),
    [
        ("https://api.dingtalk.com", "dingtalk:dingexampleappkey0001"),
        ("https://api.example.invalid/127.0.0.1", "dingtalk:dingexampleappkey0001"),
        ("http://127.0.0.1:8080", None),
        ("http://[::1]:8080", None),
        ("http://localhost:8080", None),
    ],
)
def test_one_process_holds_an_app_unless_it_is_simulated(endpoint: str, key: str | None) -> None:
    assert account(endpoint=endpoint).exclusive_key() == key
