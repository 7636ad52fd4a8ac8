"""What the server wants of pings and returns."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from trio_bridge.platforms.feishu.client_config import ClientConfig, Terms
from trio_bridge.platforms.feishu.config import Feishu

START = ClientConfig(reconnect_count=3, reconnect_interval=60.0, reconnect_nonce=20.0, ping_interval=90.0)


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        ({}, {}),
        ({"PingInterval": 30}, {"ping_interval": 30.0}),
        ({"ReconnectCount": -7, "ReconnectNonce": 0}, {"reconnect_count": -1, "reconnect_nonce": 0.0}),
        ({"ReconnectCount": 0}, {"reconnect_count": 0}),
        ({"ReconnectInterval": 2.5}, {"reconnect_interval": 2.5}),
        ({"PingInterval": 0}, {"ping_interval": 5.0}),
        ({"PingInterval": -5}, {"ping_interval": 5.0}),
        ({"PingInterval": 1e9}, {"ping_interval": 600.0}),
        ({"ReconnectInterval": 0, "ReconnectNonce": 1e9}, {"reconnect_interval": 1.0, "reconnect_nonce": 300.0}),
        ({"PingInterval": "30", "ReconnectCount": None, "ReconnectNonce": True, "ReconnectInterval": [1]}, {}),
        ({"PingInterval": float("nan"), "ReconnectInterval": float("inf"), "ReconnectNonce": 10**400}, {}),
        ({"Unknown": 1}, {}),
        (None, {}),
        ("text", {}),
        ([1], {}),
        (7, {}),
    ],
)
def test_trap_5_a_partial_config_changes_only_what_it_carries(said: Any, changes: dict[str, Any]) -> None:
    assert START.merged(said, shortest_ping=5.0) == attrs.evolve(START, **changes)


def test_the_defaults_are_feishus_and_the_wishes_follow() -> None:
    terms = Terms(Feishu(name="a", app_id="cli_a1b2c3d4e5f60718", app_secret="s", slow_retry=200.0))
    assert terms.wishes == attrs.evolve(terms.wishes, spread=30.0, cap=120.0, tries=None)
    terms.heed({"ReconnectCount": 4, "PingInterval": 1})
    assert (terms.wishes.tries, terms.wishes.rest, terms.config.ping_interval) == (4, 200.0, 5.0)
