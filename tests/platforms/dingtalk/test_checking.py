"""Whether DingTalk would take an account, asked without a connection."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.dingtalk.cloud import BASE, CLIENT_ID, EPOCH, SECRET, Cloud, open_desk
from trio_bridge.config import Secret
from trio_bridge.engine.environment import Environment
from trio_bridge.engine.findings import Finding, Verdict
from trio_bridge.engine.hosts import Hosts
from trio_bridge.errors import AccountRefused, HandshakeFailed, RateLimited
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.dingtalk.codes import OPEN, TOKEN

Replies = dict[str, Answer]
GOOD = {
    "credentials": Finding("credentials", "ok", "app key and app secret are good"),
    "stream": Finding("stream", "ok", "Stream mode is open to the app"),
}


async def check(cloud: Cloud, **changes: object) -> dict[str, Finding]:
    """What is found about an account, by check. Nothing was left open, and nothing was listened on."""
    hosts = Hosts(Environment(network=cloud.network, wall=lambda: EPOCH + trio.current_time()))
    async with open_desk(cloud, **changes) as desk:
        findings = await desk.platform.check(hosts)
    await trio.testing.wait_all_tasks_blocked()
    for connection in cloud.network.connections:  # the far end of a call that hangs is open
        with pytest.raises(trio.ClosedResourceError):
            await connection.client.receive_some()
    assert cloud.sockets == []
    assert "/connect" not in {request.path for request in cloud.requests}
    assert SECRET not in str(findings)
    return {finding.check: finding for finding in findings}


async def test_a_good_account(autojump_clock: MockClock, cloud: Cloud) -> None:
    assert await check(cloud) == GOOD
    assert (cloud.rest.calls[TOKEN], cloud.rest.calls[OPEN]) == (1, 1)


async def test_a_bridge_that_runs_keeps_its_connection_and_all_messages(
    autojump_clock: MockClock, cloud: Cloud
) -> None:
    async with open_desk(cloud) as running, running.platform.connect():
        hosts = Hosts(Environment(network=cloud.network))
        async with open_desk(cloud) as desk:
            await desk.platform.check(hosts)
        [only] = cloud.gateway.connections(CLIENT_ID)
        cloud.say()
        assert len(only.take()) == 1


@pytest.mark.parametrize("changes", [{"client_secret": "wrong"}, {"client_id": "dingunknown"}])
async def test_wrong_credentials(autojump_clock: MockClock, cloud: Cloud, changes: dict[str, str]) -> None:
    findings = await check(cloud, **changes)
    assert set(findings) == {"credentials", "stream"}
    for finding in findings.values():
        assert finding.verdict == "failed"
        assert finding.text == "DingTalk refused the credentials: 401 authFailed 鉴权失败"
        assert "client_secret" in finding.advice


@pytest.mark.parametrize(
    ("reply", "verdict", "advice"),
    [
        ("open_auth_failed", "failed", "client_secret"),
        ("open_403_qps", "warning", "in 1 s"),
        ("ip_banned_html", "warning", "in 300 s"),
        ("open_400_blank_client_id", "failed", "check client_id, endpoint"),
        ("open_plain_http_to_https", "failed", "no proxy turns https into http"),
        ("ip_not_whitelisted", "failed", "address"),
        ("open_503", "warning", "later"),
        ("open_200_html", "failed", "something else than DingTalk"),
        ("open_200_no_ticket", "failed", "something else than DingTalk"),
    ],
)
async def test_every_answer_to_the_open_call_is_judged_in_the_words_of_a_bridge(
    autojump_clock: MockClock, cloud: Cloud, replies: Replies, reply: str, verdict: Verdict, advice: str
) -> None:
    cloud.rest.scripts.add(OPEN, replies[reply], times=2)
    findings = await check(cloud)
    finding = findings.pop("stream")
    assert findings == {"credentials": GOOD["credentials"]}
    assert finding.verdict == verdict
    assert advice in finding.advice
    async with open_desk(cloud) as desk:
        with pytest.raises((HandshakeFailed, RateLimited, AccountRefused)) as said:
            async with desk.platform.connect():
                raise AssertionError
    assert str(said.value).removesuffix(f"; {finding.advice}") == finding.text


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("appNotExist", "deleted"),
        ("subscription.notPermitted", "Stream mode"),
        ("unauthorizedClient", "published"),
        ("Forbidden.AccessDenied.ApiCountLimitForOrg", "used up"),
        ("SomethingElse", "third refusal"),
    ],
)
async def test_a_code_has_advice_of_its_own(autojump_clock: MockClock, cloud: Cloud, code: str, advice: str) -> None:
    cloud.rest.scripts.add(OPEN, Answer(status=403, body=f'{{"code":"{code}"}}'))
    finding = (await check(cloud))["stream"]
    assert finding.verdict == "failed"
    assert advice in finding.advice


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("ip_not_whitelisted", "failed"),
        ("open_503", "warning"),
        ("open_200_html", "failed"),
        ("open_403_qps", "warning"),
    ],
)
async def test_the_call_for_a_token_is_judged_too(
    autojump_clock: MockClock, cloud: Cloud, replies: Replies, reply: str, verdict: Verdict
) -> None:
    cloud.rest.scripts.add(TOKEN, replies[reply])
    findings = await check(cloud)
    assert findings["credentials"].verdict == verdict
    assert findings["credentials"].advice
    assert findings["stream"] == GOOD["stream"]


async def test_calls_that_hang_end_after_ten_seconds_side_by_side(autojump_clock: MockClock, cloud: Cloud) -> None:
    cloud.rest.scripts.hang(OPEN)
    cloud.rest.scripts.hang(TOKEN)
    begun = trio.current_time()
    findings = await check(cloud)
    assert trio.current_time() - begun == 10
    for finding in findings.values():
        assert (finding.verdict, "no answer within 10 s" in finding.text) == ("failed", True)
        assert "try again" in finding.advice


async def test_a_host_that_is_not_there_is_asked_nothing(autojump_clock: MockClock, cloud: Cloud) -> None:
    findings = await check(cloud, oapi_endpoint="http://127.0.0.1:9")
    assert findings["webhooks"].text == "not tried: http://127.0.0.1:9 can't be reached"
    assert findings["stream"] == GOOD["stream"]
    requests = len(cloud.requests)
    findings = await check(cloud, endpoint="http://127.0.0.1:9")
    assert set(findings) == {"credentials"}
    assert {request.method for request in cloud.requests[requests:]} == {"HEAD"}


async def test_a_ticket_for_a_host_that_is_not_there_is_of_no_use(autojump_clock: MockClock, cloud: Cloud) -> None:
    cloud.rest.socket_url = "wss://127.0.0.1:9/connect?secret=1"
    findings = await check(cloud)
    assert findings["stream"] == Finding(
        "stream", "failed", "not tried: wss://127.0.0.1:9 can't be reached", "see what is said of that host"
    )


@pytest.mark.parametrize("address", ["https://127.0.0.1:8080", "nowhere", "wss://[", "ws://chat.example"])
async def test_an_address_that_cannot_be_used_is_a_finding(
    autojump_clock: MockClock, cloud: Cloud, address: str
) -> None:
    cloud.rest.socket_url = address
    assert (await check(cloud))["stream"].verdict == "failed"


async def test_a_secret_that_is_gone_is_named(autojump_clock: MockClock, cloud: Cloud) -> None:
    findings = await check(cloud, client_secret=Secret(env="NOBODY_SET_THIS"))
    assert {finding.text for finding in findings.values()} == {"environment variable NOBODY_SET_THIS is not set"}


async def test_the_hosts_are_those_that_a_bridge_would_need(autojump_clock: MockClock, cloud: Cloud) -> None:
    hosts = Hosts(Environment(network=cloud.network, wall=lambda: EPOCH + trio.current_time()))
    async with open_desk(cloud) as desk:
        await desk.platform.check(hosts)
        await desk.platform.check(hosts)
    assert set(hosts.findings) == {BASE, "ws://127.0.0.1:8080"}
    assert [request.method for request in cloud.requests].count("HEAD") == 1


async def test_folders_and_programs_that_are_not_here(cloud: Cloud, tmp_path: Path) -> None:
    named = {"media_roots": [tmp_path], "media_probe": sys.executable}
    assert await check(cloud, **named) == GOOD
    findings = await check(cloud, **{**named, "media_roots": [tmp_path / "none"]})
    assert (findings["files"].verdict, findings["files"].text) == (
        "warning",
        f"media_roots: there is no folder {tmp_path / 'none'}",
    )
    findings = await check(cloud, **{**named, "media_cover": "no-such-program"})
    assert findings["files"].text == "media_cover: there is no program no-such-program"
