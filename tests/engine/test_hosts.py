"""Hosts are tried once each, and what is found has a verdict and advice."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path

import pytest
import trio
import trustme
from trio.testing import MockClock

from tests.transport.servers import serving
from trio_bridge.engine.environment import Environment
from trio_bridge.engine.findings import Finding, Verdict
from trio_bridge.engine.hosts import Hosts, clock
from trio_bridge.transport.memory import MemoryNetwork
from trio_bridge.transport.network import Network
from trio_bridge.transport.server import HttpRequest, HttpResponse
from trio_bridge.transport.tcp import SystemNetwork

EPOCH = 1_790_000_000.0
DAY = 86_400.0


def wall() -> float:
    return EPOCH + trio.current_time()


async def tell_the_time(request: HttpRequest) -> HttpResponse:
    return HttpResponse(404, [("Date", formatdate(wall(), usegmt=True))])


def hosts_on(network: Network) -> Hosts:
    return Hosts(Environment(network=network, wall=wall))


@pytest.fixture
async def network() -> AsyncIterator[MemoryNetwork]:
    """A network with a host ``chat.example`` whose port is 49152."""
    network = MemoryNetwork()
    async with serving(network, tell_the_time, host="chat.example"):
        yield network


URL = "http://chat.example:49152"


def in_short(findings: list[Finding]) -> list[tuple[str, Verdict]]:
    return [(finding.check, finding.verdict) for finding in findings]


async def test_a_host_that_many_ask_for_is_tried_once(autojump_clock: MockClock, network: MemoryNetwork) -> None:
    hosts = hosts_on(network)
    troubles: list[Finding | None] = []

    async def ask(path: str) -> None:
        troubles.append(await hosts.trouble("credentials", URL + path, allow_insecure=True))

    with network.blackhole("chat.example"):
        begun = trio.current_time()
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(ask, f"/{number}?ticket=secret")
        assert trio.current_time() - begun == 10
    assert set(troubles) == {
        Finding("credentials", "failed", f"not tried: {URL} can't be reached", "see what is said of that host")
    }
    [(name, findings)] = hosts.findings.items()
    assert name == URL
    assert in_short(findings) == [("tcp", "failed")]
    assert findings[0].text == "connecting to chat.example:49152: no answer within 10 s"


async def test_a_slow_host_is_asked_the_time_once(autojump_clock: MockClock) -> None:
    network, heard = MemoryNetwork(), []

    async def be_slow(request: HttpRequest) -> HttpResponse:
        heard.append(request.method)
        await trio.sleep(1)
        return await tell_the_time(request)

    async with serving(network, be_slow) as port, trio.open_nursery() as nursery:
        hosts = hosts_on(network)
        for _ in range(20):
            nursery.start_soon(hosts.trouble, "stream", f"http://127.0.0.1:{port}")
    assert heard == ["HEAD"]


async def test_whoever_waits_takes_over_from_one_who_is_cut_off(
    autojump_clock: MockClock, network: MemoryNetwork
) -> None:
    hosts = hosts_on(network)
    async with trio.open_nursery() as nursery:
        with network.blackhole():

            async def impatient() -> None:
                with trio.move_on_after(1):
                    await hosts.trouble("credentials", URL, allow_insecure=True)

            nursery.start_soon(impatient)
            await trio.testing.wait_all_tasks_blocked()
        assert await hosts.trouble("stream", URL, allow_insecure=True) is None
    assert in_short(hosts.findings[URL]) == [("tcp", "ok"), ("tls", "warning"), ("clock", "ok")]


@pytest.mark.parametrize(
    ("fault", "seconds", "check"),
    [("without_name", 0, "dns"), ("without_resolver", 5, "dns"), ("blackhole", 10, "tcp"), ("refusing", 0, "tcp")],
)
async def test_every_way_to_fail_ends_in_time_with_its_own_words(
    autojump_clock: MockClock, network: MemoryNetwork, fault: str, seconds: float, check: str
) -> None:
    hosts = hosts_on(network)
    begun = trio.current_time()
    with getattr(network, fault)():
        assert await hosts.trouble("stream", URL, allow_insecure=True) is not None
    assert trio.current_time() - begun == seconds
    last = hosts.findings[URL][-1]
    assert (last.check, last.verdict) == (check, "failed")
    assert last.advice


async def test_a_url_that_cannot_be_used_is_a_finding_of_whoever_has_it(network: MemoryNetwork) -> None:
    hosts = hosts_on(network)
    trouble = await hosts.trouble("credentials", URL)
    assert trouble is not None
    assert (trouble.check, trouble.verdict) == ("credentials", "failed")
    assert "allow_insecure" in trouble.text
    assert hosts.findings == {}


async def test_a_pinned_file_that_is_missing_is_named(network: MemoryNetwork, tmp_path: Path) -> None:
    hosts = hosts_on(network)
    await hosts.trouble("stream", "https://chat.example:49152", ca_file=tmp_path / "gone.pem")
    [(name, findings)] = hosts.findings.items()
    assert name == f"https://chat.example:49152 ({tmp_path / 'gone.pem'})"
    assert in_short(findings) == [("tls", "failed")]
    assert "gone.pem: No such file" in findings[-1].text


async def test_who_trusts_others_has_a_trial_of_its_own(authority: trustme.CA, ca_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "ca.pem"
    other.parent.mkdir()
    trustme.CA().cert_pem.write_to_path(other)
    hosts = Hosts(Environment())
    async with serving(SystemNetwork(), tell_the_time, tls=authority.issue_cert("localhost")) as port:
        url = f"wss://localhost:{port}"
        assert await hosts.trouble("stream", url, ca_file=ca_file) is None
        assert await hosts.trouble("stream", url, ca_file=other) is not None
    assert list(hosts.findings) == [f"{url} ({ca_file})", f"{url} ({other})"]


@pytest.mark.parametrize(("days", "verdict"), [(100, "ok"), (14.1, "ok"), (13.9, "warning"), (0.5, "warning")])
async def test_a_certificate_near_its_end_is_a_warning(
    authority: trustme.CA, ca_file: Path, days: float, verdict: Verdict
) -> None:
    end = datetime.fromtimestamp(int(time.time() + 200 * DAY), UTC)
    hosts = Hosts(Environment(wall=lambda: end.timestamp() - days * DAY))
    certificate = authority.issue_cert("localhost", not_after=end)
    async with serving(SystemNetwork(), tell_the_time, tls=certificate) as port:
        assert await hosts.trouble("stream", f"wss://localhost:{port}", ca_file=ca_file) is None
    [findings] = hosts.findings.values()
    assert in_short(findings) == [("dns", "ok"), ("tcp", "ok"), ("tls", verdict)]
    assert ("less than a day" if days < 1 else f"{int(days)} days") in findings[-1].text


async def test_an_expired_certificate_says_so_and_not_to_pin_it(authority: trustme.CA, ca_file: Path) -> None:
    old = authority.issue_cert(
        "localhost", not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=datetime(2021, 1, 1, tzinfo=UTC)
    )
    hosts = Hosts(Environment())
    async with serving(SystemNetwork(), tell_the_time, tls=old) as port:
        assert await hosts.trouble("stream", f"wss://localhost:{port}", ca_file=ca_file) is not None
    [findings] = hosts.findings.values()
    assert findings[-1].text == "the certificate of localhost was not accepted: certificate has expired"
    assert "new certificate" in findings[-1].advice


async def test_a_proxy_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://user:password@127.0.0.1:9")
    hosts = Hosts(Environment())
    await hosts.trouble("stream", "https://chat.example")
    [findings] = hosts.findings.values()
    assert in_short(findings) == [("proxy", "ok"), ("tcp", "failed")]
    assert "127.0.0.1:9" in findings[0].text
    assert "password" not in str(findings)


async def test_a_proxy_of_another_kind_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:9")
    hosts = Hosts(Environment())
    await hosts.trouble("stream", "https://chat.example")
    [findings] = hosts.findings.values()
    assert in_short(findings) == [("proxy", "failed")]
    assert "HTTPS_PROXY" in findings[0].advice


@pytest.mark.parametrize(
    ("date", "verdict", "words"),
    [
        (1000, "ok", "within 1 s"),
        (1020, "ok", "within 10 s"),
        (970, "ok", "within 29 s"),
        (1045, "warning", "35 s behind"),
        (960, "warning", "39 s ahead of"),
        (4610, "warning", "3600 s behind"),
    ],
)
def test_clocks_are_compared_leaving_out_how_long_it_took(date: float, verdict: Verdict, words: str) -> None:
    finding = clock(date, before=1000, after=1010)
    assert finding.verdict == verdict
    assert words in finding.text
    assert ("NTP" in finding.advice) == (verdict == "warning")
    assert ("expired" in finding.advice) == (date == 4610)
