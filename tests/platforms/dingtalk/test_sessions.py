"""Which session webhooks are used, and how often."""

from __future__ import annotations

from typing import Any

import pytest

from trio_bridge.platforms.dingtalk.config import DingTalk
from trio_bridge.platforms.dingtalk.sessions import Sessions
from trio_bridge.platforms.dingtalk.targets import Target

GOOD = "https://oapi.dingtalk.com/robot/sendBySession?session=1"


def sessions(**config: Any) -> Sessions:
    return Sessions(DingTalk(name="sales", client_id="dingexample", client_secret="x", **config))


def target(webhook: str = GOOD, expires: int = 1_000_000) -> Target:
    return Target(kind="user", id="s", webhook=webhook, expires=expires)


def test_a_webhook_is_used_until_a_minute_before_its_end() -> None:
    assert sessions().is_open(target(), 939.9)
    assert not sessions().is_open(target(), 940.0)
    assert sessions().is_open(target(expires=0), 1e12)  # it did not say: DingTalk will
    assert not sessions().is_open(target(webhook=""), 0.0)


SIMULATED = {"endpoint": "http://127.0.0.1:8080", "oapi_endpoint": "http://127.0.0.1:8080"}


@pytest.mark.parametrize(
    ("webhook", "config", "open_"),
    [
        ("https://OAPI.dingtalk.com/x", {}, True),
        ("https://oapi.dingtalk.com:444/x", {}, True),
        ("http://oapi.dingtalk.com/x", {}, False),
        ("http://oapi.dingtalk.com/x", {"allow_insecure": True}, True),
        ("https://evil.example/x", {}, False),
        ("https://api.dingtalk.com.evil.example/x", {}, False),
        ("https://oapi.dingtalk.com@evil.example/x", {}, False),
        ("https://evil.example\\@oapi.dingtalk.com/x", {}, False),
        ("https://oapi.dingtalk.com\n.evil.example/x", {}, False),
        ("https://oapi.dingtalk.com:x/", {}, False),
        ("https://[oapi.dingtalk.com/", {}, False),
        ("//oapi.dingtalk.com/x", {}, False),
        ("file://oapi.dingtalk.com/x", {}, False),
        ("https://hooks.example/x", {"webhook_hosts": ["Hooks.example"]}, True),
        ("http://127.0.0.1:1/x", {}, False),
        ("https://127.0.0.1:1/x", {"webhook_hosts": ["127.0.0.1"]}, False),
        ("https://localhost/x", {"webhook_hosts": ["localhost"]}, False),
        ("http://169.254.169.254/x", {"allow_insecure": True}, False),
        ("http://10.0.0.1/x", {}, False),
        ("http://127.0.0.1:8080/x", SIMULATED, True),
        ("http://[::1]:9/x", SIMULATED, True),
        ("ftp://127.0.0.1/x", SIMULATED, False),
        ("http://10.0.0.1/x", SIMULATED, False),
        ("https://oapi.dingtalk.com/x", SIMULATED, False),
    ],
)
def test_trap_70_only_webhooks_at_trusted_hosts_are_called(webhook: str, config: dict[str, Any], open_: bool) -> None:
    assert sessions(**config).is_open(target(webhook), 0.0) is open_


def test_a_webhook_takes_twenty_messages_a_minute() -> None:
    subject = sessions()
    for second in range(20):
        assert subject.wait(GOOD, float(second)) == 0
        subject.use(GOOD, float(second))
    assert subject.wait(GOOD, 20.0) == 40.0
    assert subject.wait("another", 20.0) == 0
    assert subject.wait(GOOD, 60.0) == 0
    subject.use(GOOD, 60.0)
    assert subject.wait(GOOD, 60.0) == 1.0


def test_an_exhausted_webhook_rests_for_a_minute() -> None:
    subject = sessions()
    subject.exhaust(GOOD, 5.0)
    assert subject.wait(GOOD, 5.0) == 60.0


def test_old_webhooks_are_forgotten() -> None:
    subject = sessions()
    for number in range(100):
        subject.use(f"{number}", number * 10.0)
    assert len(subject._uses) <= 7
