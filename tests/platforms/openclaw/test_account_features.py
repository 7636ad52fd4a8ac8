"""What the table of features promises of a connection to a gateway: who is told what, who connects, and who stops."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trio_bridge as tb
from tests.platforms.openclaw.stage import Stage, simulated, wall
from trio_bridge.engine.environment import Environment
from trio_bridge.engine.executors import inline
from trio_bridge.platforms.openclaw.access import offer
from trio_bridge.platforms.openclaw.gateway import frames
from trio_bridge.platforms.openclaw.gateway.methods import Refusal
from trio_bridge.runner.loading import load_config
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.testing.openclaw import Late, OpenClawSimulator, Refuses
from trio_bridge.transport.memory import MemoryNetwork

LIMITED = Refusal("INVALID_REQUEST", "wait", details={"code": "AUTH_RATE_LIMITED"}, retry_after_ms=300_000)
WRONG = Refusal(
    "INVALID_REQUEST",
    "unauthorized",
    details={"code": "AUTH_TOKEN_MISMATCH", "recommendedNextStep": "update_auth_credentials", "new": {"to": "us"}},
)


def tokens(stage: OpenClawSimulator) -> set[str]:
    """Every shared token that was shown there."""
    return {asked.params["auth"]["token"] for asked in stage.asked_for("connect")}


@pytest.mark.parametrize("url", ["ws://gateway:1/?token=hush", "ws://me:hush@gateway:1", "ws://gateway:1/#hush"])
def test_row_1_a_secret_is_no_part_of_an_address(url: str) -> None:
    with pytest.raises(tb.ConfigError) as caught:
        tb.OpenClaw(name="gateway", url=url)
    assert "secrets go into token or password" in str(caught.value)
    assert "hush" not in str(caught.value)
    assert "hush" not in repr(tb.OpenClaw(name="gateway", token="hush", password="hush"))


def test_row_1_an_account_of_a_file(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENCLAW_TOKEN", "hush")
    file = tmp_path / "bridge.toml"
    file.write_text(
        '[agent]\nkind = "echo"\n[accounts.gateway]\nplatform = "openclaw"\nurl = "wss://gateway.example"\n'
        'token = { env = "OPENCLAW_TOKEN" }\nscopes = ["operator.read", "operator.admin"]\n'
    )
    (account,) = load_config(file).accounts
    assert isinstance(account, tb.OpenClaw)
    assert account.token is not None
    assert (account.url, account.token.read(), account.scopes[1]) == ("wss://gateway.example", "hush", "operator.admin")


async def test_rows_2_and_47_each_gateway_is_shown_its_own_secret(autojump_clock: MockClock) -> None:
    """Two in one process, which know nothing of each other; and an account that moves from one to the other."""
    network = MemoryNetwork()
    environment = Environment(network=network, wall=wall, rand=lambda: 0.5, disk=inline)
    async with (
        OpenClawSimulator(network=network, token="one", wall=wall) as one,
        OpenClawSimulator(network=network, token="two", wall=wall) as two,
        tb.open_bridge([one.config("a"), two.config("b")], None, environment=environment) as bridge,
    ):
        a, b = bridge.account("a"), bridge.account("b")
        await a.wait_ready()
        await b.wait_ready()
        await a.api.sessions.create("bridge:here")
        assert await b.api.sessions.describe("bridge:here") is None
        one.drop_connections()
        await bridge.remove("a")
        moved = await bridge.add(two.config("a"))
        await moved.wait_ready()
        assert (moved.api.info().url, b.generation) == (two.url, 1)
        await trio.sleep(100)
        assert (tokens(one), tokens(two)) == ({"one"}, {"two"})
        assert not one.connections


def dropped(stage: Stage) -> None:
    stage.gateway.drop_connections()


def changed(stage: Stage) -> None:
    stage.gateway.drop_connections(4001, "gateway auth changed")


def locked_out(stage: Stage) -> None:
    stage.gateway.script("connect", Refuses(LIMITED))
    stage.gateway.drop_connections()


def refused(stage: Stage) -> None:
    stage.gateway.script("connect", Refuses(WRONG))
    stage.gateway.drop_connections(4001, "device removed")


def slow(stage: Stage) -> None:
    stage.gateway.script("connect", Late(10))
    stage.gateway.drop_connections()


@pytest.mark.parametrize("trouble", [dropped, changed, locked_out, refused, slow])
async def test_row_3_nothing_connects_behind_a_stop_and_one_socket_behind_a_start(
    autojump_clock: MockClock, trouble: Callable[[Stage], None]
) -> None:
    """Whatever was being waited for: a delay, the end of a lock-out, another secret, a verdict."""
    async with simulated() as stage, tb.open_bridge([stage.gateway.config()], None, environment=stage.environment) as b:
        await b.account("openclaw").wait_ready()
        trouble(stage)
        await trio.sleep(2)
        await b.stop("openclaw")
        tried = len(stage.gateway.opened)
        await trio.sleep(1000)
        assert (len(stage.gateway.opened), len(stage.gateway.connections)) == (tried, 0)
        stage.gateway.drop_connections()
        for _ in range(3):
            await b.start("openclaw")
        await b.account("openclaw").wait_ready()
        await trio.sleep(100)
        assert (len(stage.gateway.opened), len(stage.gateway.connections)) == (tried + 1, 1)


async def test_row_4_leaving_closes_properly_and_ends_what_was_asked(autojump_clock: MockClock) -> None:
    async with simulated() as stage, trio.open_nursery() as nursery:
        failures: list[tb.BridgeError] = []

        async def ask(api: Any) -> None:
            with pytest.raises(tb.BridgeError) as caught:
                await api.models()
            failures.append(caught.value)

        async with stage.account() as account:
            await account.wait_ready()
            connection = await stage.gateway.next_connection()
            stage.gateway.script("models.list", Late(1000))
            nursery.start_soon(ask, account.api)
            await trio.sleep(1)
            left_at = trio.current_time()
        assert trio.current_time() - left_at <= 1
        await trio.sleep(1)
        assert connection.ended_with is not None
        assert connection.ended_with.code == 1000
        assert [type(failure) for failure in failures] == [tb.AccountStopped]


async def test_row_5_who_asks_for_an_attempt_now_gets_one(autojump_clock: MockClock) -> None:
    async with simulated() as stage, tb.open_bridge([stage.gateway.config()], None, environment=stage.environment) as b:
        account = b.account("openclaw")
        await account.wait_ready()
        with stage.gateway.refusing_upgrades(503):
            stage.gateway.drop_connections()
            await trio.sleep(100)
            attempts = account.api.info().attempts
            await b.start("openclaw")
            await trio.sleep(0.1)
            assert account.api.info().attempts == attempts + 1
        await b.start("openclaw")
        await trio.sleep(0.1)
        assert account.state == "ready"


async def test_row_5_who_is_refused_and_asks_for_an_attempt_gets_one_and_no_more(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        wrong = stage.gateway.config(token="wrong")
        async with tb.open_bridge([wrong], None, environment=stage.environment) as bridge:
            await trio.sleep(100)
            for tries in (2, 3):
                await bridge.start("openclaw")
                await trio.sleep(100)
                assert bridge.account("openclaw").state == "quarantined"
                assert len(stage.logins) == tries


async def test_rows_6_and_7_states_are_told_and_ready_means_let_in(autojump_clock: MockClock) -> None:
    told: list[tuple[float, str]] = []
    async with simulated() as stage, trio.open_nursery() as nursery:
        stage.gateway.script("connect", Late(5))
        async with stage.account() as account:

            async def follow() -> None:
                async with account.states() as states:
                    async for state in states:
                        told.append((trio.current_time(), str(state)))

            nursery.start_soon(follow)
            await account.wait_ready()
            assert trio.current_time() == 5
            stage.gateway.drop_connections()
            await trio.sleep(10)
            stage.gateway.script("connect", Refuses(WRONG))
            stage.gateway.drop_connections()
            await trio.sleep(10)
            with pytest.raises(tb.AccountRefused, match=r"gateway\.auth\.token"):
                await account.wait_ready()
            nursery.cancel_scope.cancel()
    lost = ["waiting", "connecting"]
    assert [state for _, state in told] == ["connecting", "ready", *lost, "ready", *lost, "quarantined"]
    assert (told[0][0], told[1][0]) == (0, 5)


async def test_row_12_the_session_that_was_configured_is_meant_on_every_connection(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(session_key="mine") as account:
        for _ in range(2):
            await account.wait_ready()
            async with account.api.chat(None, "hello") as run:
                await run.finish()
            stage.gateway.drop_connections()
            await trio.sleep(5)
        assert [sent.session_key for sent in stage.gateway.messages] == ["agent:main:mine"] * 2


async def test_row_15_what_comes_before_the_verdict_is_kept_and_is_no_verdict(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account() as account:
        stage.gateway.script("connect", Late(5))
        await account.wait_ready()
        stage.gateway.script("connect", Late(5))
        stage.gateway.drop_connections()
        async with account.api.events("news") as events:
            await trio.sleep(2)
            (connection,) = stage.gateway.connections
            connection.push_frame('{"type":"res","id":"connect-1","ok":false,"error":{"code":"X","message":"no"}}')
            connection.tell("news", {"number": 1})
            await trio.sleep(1)
            assert account.state == "connecting"
            assert (await anext(events)).payload == {"number": 1}
            assert (account.state, account.generation) == ("ready", 2)


async def test_row_18_nothing_is_said_to_a_gateway_that_it_does_not_know(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Any] = []
    read = frames.read

    def spy(frame: str | bytes, protocol: Any) -> Any:
        heard.append(frame)
        return read(frame, protocol)

    monkeypatch.setattr(frames, "read", spy)
    async with simulated() as stage, stage.account() as account:
        await trio.sleep(900)
        assert account.generation == 1
        assert account.statistics().last_pong_at is not None
    assert len(heard) == 1, "its own login, and then only pings of the WebSocket"


async def test_row_39_what_a_gateway_recommends_is_at_hand_as_it_said_it(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        stage.gateway.script("connect", Refuses(WRONG))
        async with stage.account() as account:
            with pytest.raises(tb.AccountRefused, match="the secret is not the gateway's") as caught:
                await account.wait_ready()
        assert caught.value.details == WRONG.details


@pytest.mark.parametrize("protocol", [3, 4])
async def test_a_device_that_says_other_things_of_itself_is_approved_again(
    autojump_clock: MockClock, protocol: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    async with simulated(protocol=protocol) as stage:
        with stage.gateway.remote():
            for system, reason in (("linux", "not-paired"), ("plan9", "metadata-upgrade")):
                monkeypatch.setattr(offer, "sys", types.SimpleNamespace(platform=system))
                async with stage.account(store=store) as account:
                    request = await stage.gateway.next_request()
                    await trio.sleep(1)
                    assert account.alarms == {"pairing_required"}
                    assert account.api.info().pairing.reason == reason
                    await stage.gateway.approve(request.id)
                    await trio.sleep(20)
                    assert account.state == "ready"
                    assert not account.alarms
        assert len({login["device"]["id"] for login in stage.logins}) == 1
