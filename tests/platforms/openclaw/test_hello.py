"""What a gateway says when it lets us in, as two said it, and as nobody should."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.platforms.openclaw.hello import MAX_PAYLOAD, Hello

RECORDED = Path(__file__).parents[2] / "data" / "openclaw" / "hellos.jsonl"
OLDER, NEWER = [json.loads(line)["payload"] for line in RECORDED.read_text(encoding="utf-8").splitlines()]
EVERYTHING = {f"operator.{right}" for right in ("admin", "approvals", "pairing", "read", "write")}


def test_protocol_3() -> None:
    hello = Hello.of(OLDER)
    assert (hello.protocol, hello.server_version) == (3, "2026.5.3-1")
    assert hello.connection_id == "a4d5cfb0-9266-4b67-b745-04393b57a209"
    assert {"chat.send", "sessions.compaction.list"} <= hello.methods
    assert {"chat", "tick", "shutdown"} <= hello.events
    assert hello.capabilities == frozenset()
    assert (hello.role, hello.scopes, hello.auth_method) == ("operator", EVERYTHING, "")
    assert (hello.device_token[:4], hello.issued_at) == ("dpeu", 1795163826.646)
    assert (hello.max_payload, hello.tick_interval) == (26_214_400, 30)
    assert (hello.max_attachment, hello.max_image) == (None, None)
    assert (hello.session_key, hello.default_agent) == ("agent:main:main", "main")


def test_protocol_4() -> None:
    hello = Hello.of(NEWER)
    assert (hello.protocol, hello.server_version) == (4, "2026.9.6")
    assert len(hello.methods) == len(NEWER["features"]["methods"])
    assert "sessions.compaction.list" not in hello.methods
    assert hello.capabilities == set(NEWER["features"]["capabilities"])
    assert (hello.scopes, hello.auth_method) == (EVERYTHING, "token")
    assert (hello.max_attachment, hello.max_image) == (19_464_192, 6_291_456)


@pytest.mark.parametrize("recorded", [OLDER, NEWER])
def test_neither_its_health_nor_a_token_shows(recorded: dict[str, Any]) -> None:
    shown = repr(Hello.of(recorded))
    assert recorded["auth"]["deviceToken"] not in shown
    for word in ("192.0.2.2", "gateway-host", "127.0.0.1", "configPath"):
        assert word not in shown


def test_an_older_gateway_says_less() -> None:
    hello = Hello.of({"type": "hello-ok", "protocol": 3, "server": {"version": "1"}})
    assert hello == Hello(protocol=3, server_version="1")
    assert (hello.scopes, hello.lacking(["operator.read"])) == (None, [])
    assert hello.session_key == "agent:main:main"


def test_the_main_session_is_that_of_the_default_agent() -> None:
    def of(**sessions: str) -> Hello:
        return Hello.of({"snapshot": {"sessionDefaults": sessions}})

    assert of(defaultAgentId="bee").session_key == "agent:bee:main"
    assert of(defaultAgentId="bee", mainSessionKey="agent:bee:desk").session_key == "agent:bee:desk"


def test_scopes_that_are_lacking() -> None:
    """In whatever order they were said."""
    hello = Hello.of({"auth": {"scopes": ["b", "a"]}})
    assert hello.lacking(["a", "b"]) == []
    assert hello.lacking(["d", "a", "c"]) == ["c", "d"]
    assert Hello.of({"auth": {"scopes": []}}).lacking(["a"]) == ["a"]


@pytest.mark.parametrize("tick", [0, -1, 999, 1e9, float("nan"), float("inf"), 10**400, True, "30000", None])
def test_an_interval_that_nobody_can_keep_is_not_believed(tick: Any) -> None:
    assert Hello.of({"policy": {"tickIntervalMs": tick}}).tick_interval == 30


@pytest.mark.parametrize("limit", [0, -1, 2.5, float("nan"), True, "1", None])
def test_a_limit_that_is_none(limit: Any) -> None:
    hello = Hello.of({"policy": {"maxPayload": limit, "attachments": {"maxBytes": limit}}})
    assert (hello.max_payload, hello.max_attachment) == (MAX_PAYLOAD, None)


names = st.sampled_from([
    "protocol", "server", "version", "features", "methods", "snapshot", "sessionDefaults", "defaultAgentId", "auth",
    "scopes", "deviceToken", "issuedAtMs", "policy", "tickIntervalMs", "maxPayload", "attachments", "maxBytes",
])  # fmt: skip
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=6),
)


@given(anything)
def test_nothing_raises(payload: Any) -> None:
    hello = Hello.of(payload)
    hello.lacking(["a"])
    assert 1 <= hello.tick_interval <= 3600
