"""How an account comes to its connection, and what it makes of every refusal."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.feishu.account_stage import delays, hearing, simulated
from trio_bridge.engine.account import Account
from trio_bridge.engine.states import AccountState
from trio_bridge.errors import AccountRefused, ConfigError
from trio_bridge.gateways.calls import Answer
from trio_bridge.opening import open_account, open_bridge
from trio_bridge.platforms.feishu.config import Feishu
from trio_bridge.platforms.feishu.gateway.doorkeeper import PATH
from trio_bridge.platforms.feishu.gateway.model import Rules
from trio_bridge.testing.feishu import FeishuSimulator, UpgradeRefusal


def account_on(feishu: FeishuSimulator, handler: Any = None, **tuning: Any) -> Any:
    return open_account(feishu.config(**tuning), handler, environment=feishu.environment)


def as_answer(body: Any, status: int = 200, **headers: str) -> Answer:
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer(status=status, body=text, headers={name.replace("_", "-"): value for name, value in headers.items()})


async def until(account: Account, wanted: str) -> None:
    async with account.states() as states:
        async for state in states:
            if state == wanted:
                break


def error_of(account: Account) -> tuple[str, str]:
    error = account.statistics().last_error
    assert error is not None
    return error.kind, error.message


@pytest.mark.parametrize(
    ("answer", "state", "kind", "least", "most"),
    [
        ({"code": 1, "msg": "system busy", "data": {"URL": ""}}, "waiting", "HandshakeFailed", 0.25, 2),
        ({"code": 1000040343, "msg": "internal error"}, "waiting", "HandshakeFailed", 0.25, 2),
        ({"code": 1000040345, "msg": "app_id or app_secret is invalid"}, "quarantined", "AccountRefused", 300, 300),
        ({"code": 1000040346, "msg": "app_id is invalid", "data": {}}, "quarantined", "AccountRefused", 3600, 3600),
        ({"code": 1000040344, "msg": "missing"}, "quarantined", "AccountRefused", 3600, 3600),
        ({"code": 1000040350, "msg": "too many"}, "standby", "AccountRefused", 300, 360),
        ({"code": 403, "msg": "forbidden"}, "quarantined", "AccountRefused", 3600, 3600),
        ({"code": 514, "msg": "auth"}, "quarantined", "AccountRefused", 3600, 3600),
        ({"code": 10003, "msg": "invalid param"}, "quarantined", "AccountRefused", 300, 300),
        ({"code": 77, "msg": "unheard of"}, "quarantined", "AccountRefused", 300, 300),
        ({"code": 0, "data": {"URL": ""}}, "waiting", "HandshakeFailed", 0.25, 2),
        ({"code": 0, "data": {"URL": "wss://x/y?device_id=1"}}, "waiting", "HandshakeFailed", 0.25, 2),
        ({"code": 0, "data": {"URL": "wss://?device_id=1&service_id=1"}}, "waiting", "HandshakeFailed", 0.25, 2),
        ({"code": 0, "data": {"URL": "wss://x:99999/?service_id=1"}}, "waiting", "HandshakeFailed", 0.25, 2),
        ({"code": 0, "data": {"URL": "wss://u@x/?service_id=1"}}, "waiting", "HandshakeFailed", 0.25, 2),
        ({"code": 0, "data": {"URL": "wss://x/?service_id=1#f"}}, "waiting", "HandshakeFailed", 0.25, 2),
        ({"code": 0, "data": {"URL": "wss://x/\ud800\r\n?service_id=1"}}, "waiting", "HandshakeFailed", 0.25, 2),
        ({"code": 0, "data": {"URL": f"wss://x/?{'a&' * 5000}service_id=1"}}, "waiting", "HandshakeFailed", 0.25, 2),
        ({"code": 0}, "waiting", "HandshakeFailed", 0.25, 2),
        ("404 page not found", "waiting", "HandshakeFailed", 0.25, 2),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict | str) else "",
)
async def test_trap_15_each_code_of_discovery_has_its_class(
    answer: Any, state: str, kind: str, least: float, most: float, autojump_clock: MockClock
) -> None:
    async with simulated() as feishu:
        feishu.script(PATH, as_answer(answer))
        async with account_on(feishu) as account:
            await until(account, state)
            assert error_of(account)[0] == kind
            waited_from = trio.current_time()
            await until(account, "ready")
            assert least <= trio.current_time() - waited_from <= most + 1


@pytest.mark.parametrize(
    ("status", "state"),
    [(400, "quarantined"), (401, "quarantined"), (403, "quarantined"), (404, "quarantined"), (302, "waiting"),
     (408, "waiting"), (429, "waiting"), (500, "waiting"), (503, "waiting")],
)  # fmt: skip
async def test_trap_15_each_status_of_discovery_has_its_class(
    status: int, state: str, autojump_clock: MockClock
) -> None:
    async with simulated() as feishu:
        feishu.script(PATH, as_answer("a page", status, retry_after="7", location="http://elsewhere/"))
        async with account_on(feishu) as account:
            await until(account, state)
            waited_from = trio.current_time()
            await until(account, "ready")
            waited = trio.current_time() - waited_from
            assert waited >= 300 if state == "quarantined" else waited < 10
            assert status != 429 or waited >= 7


async def test_a_wrong_secret_is_refused_with_what_to_look_at(autojump_clock: MockClock) -> None:
    async with simulated() as feishu:
        config = feishu.config()
        feishu.add_app(config.app_id, "another secret")
        async with open_account(config, environment=feishu.environment) as account:
            with pytest.raises(AccountRefused, match=r"1000040345 .*published") as refusal:
                await account.wait_ready()
            assert refusal.value.kind == "auth"


async def test_the_secret_is_read_anew_and_a_right_one_is_tried_at_once(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulated() as feishu:
        app = feishu.add_app("cli_a1b2c3d4e5f60718", "right")
        monkeypatch.setenv("HR_SECRET", "wrong")
        from trio_bridge.config import Secret

        config = Feishu(name="hr", app_id=app.app_id, app_secret=Secret(env="HR_SECRET"), domain=feishu.url)
        async with open_account(config, environment=feishu.environment) as account:
            with pytest.raises(AccountRefused):
                await account.wait_ready()
            monkeypatch.setenv("HR_SECRET", "right")
            with trio.fail_after(30):
                await until(account, "ready")


@pytest.mark.parametrize(
    ("headers", "state"),
    [
        ({"Handshake-Status": "403", "Handshake-Msg": "banned"}, "quarantined"),
        ({"handshake-status": "514", "HANDSHAKE-AUTHERRCODE": "1000040350"}, "standby"),
        ({"Handshake-Status": "514", "Handshake-Autherrcode": "1000040346"}, "waiting"),
        ({"Handshake-Status": "514"}, "waiting"),
        ({}, "waiting"),
    ],
    ids=["banned", "limited", "ticket", "auth", "plain"],
)
async def test_trap_15_each_refusal_of_the_upgrade_has_its_class(
    headers: dict[str, str], state: str, autojump_clock: MockClock
) -> None:
    async with simulated() as feishu:
        feishu.refuse_upgrades(UpgradeRefusal(400, headers, b""))
        async with account_on(feishu) as account:
            await until(account, state)
            await until(account, "ready")
            assert len(feishu.discoveries) == 2, "a new ticket for each attempt"


@pytest.mark.parametrize(
    "refused", [UpgradeRefusal(400, {"Handshake-Status": "514"}, b""), UpgradeRefusal(403, {}, b"")]
)
async def test_tickets_that_never_open_anything_are_asked_for_less_often(
    refused: UpgradeRefusal, autojump_clock: MockClock
) -> None:
    async with simulated() as feishu:
        feishu.refuse_upgrades(*[refused] * 5)
        async with account_on(feishu) as account:
            with pytest.raises(AccountRefused, match="5 times in a row"):
                await account.wait_ready()
            before = trio.current_time()
            await until(account, "ready")
            assert trio.current_time() - before >= 299


async def test_trap_4_a_limit_while_reconnecting_ends_nothing(autojump_clock: MockClock) -> None:
    limited = UpgradeRefusal(400, {"Handshake-Status": "514", "Handshake-Autherrcode": "1000040350"}, b"")
    heard: list[str] = []
    async with simulated() as feishu, feishu.open_account(hearing(heard)) as account:
        feishu.refuse_upgrades(limited, limited)
        feishu.drop_connections("rst")
        await until(account, "standby")
        pushed = await feishu.say("after all")
        await feishu.wait_acked(pushed)
        assert account.state is AccountState.READY
        assert len(feishu.opened) == 2


async def test_trap_4_a_permanent_error_while_reconnecting_is_told_and_asked_about_again(
    autojump_clock: MockClock,
) -> None:
    async with simulated() as feishu, feishu.open_account() as account:
        with feishu.refusing(1000040346, "app_id is invalid"):
            feishu.drop_connections("close", code=1001)
            await until(account, "quarantined")
            with pytest.raises(AccountRefused, match="app_id is invalid"):
                await account.wait_ready()
        await until(account, "ready")


async def test_trap_8_a_discovery_that_hangs_ends_and_nobody_else_notices(autojump_clock: MockClock) -> None:
    heard: list[str] = []
    async with simulated() as feishu:
        first, second = feishu.config("first"), feishu.config("second")
        async with open_bridge([first, second], hearing(heard), environment=feishu.environment) as bridge:
            for account in bridge.accounts.values():
                await account.wait_ready()
            with feishu.hanging_discovery():
                feishu.drop_connections("rst", app_id=first.app_id)
                for number in range(30):
                    pushed = await feishu.say(str(number), app_id=second.app_id)
                    await feishu.wait_acked(pushed)
                    assert max(delays(feishu)) < 0.1
                    await trio.sleep(1)
                error = bridge.account("first").statistics().last_error
                assert error is not None
                assert error.message == "the question where to connect: no answer within 15 s"
            await bridge.account("first").wait_ready()


async def test_trap_16_the_service_is_found_wherever_it_stands_in_the_query(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, feishu.open_account():
        await trio.sleep(20)
        assert not feishu.ledger.faults
        assert feishu.counts.pings > 3
        address = {
            "code": 0,
            "data": {"URL": feishu.url.replace("http", "ws") + "/ws/v2?service_id=-7&fpid=1&device_id=2"},
        }
        feishu.script(PATH, as_answer(address))
        feishu.drop_connections("rst")
        await trio.sleep(60)


@pytest.mark.parametrize("domain", ["/", "/open-apis", "/open-apis/", ""])
async def test_trap_33_a_domain_may_have_been_copied_with_a_path(domain: str, autojump_clock: MockClock) -> None:
    async with simulated() as feishu:
        config = feishu.config(domain=feishu.url + domain)
        assert config.domain == feishu.url
        async with open_account(config, environment=feishu.environment) as account:
            await account.wait_ready()


@pytest.mark.parametrize("app_id", ["", "a1b2c3d4e5f60718", "cli_ with space", "ou_84aad35d084aa403a838cf73ee18467"])
def test_trap_14_an_app_id_that_is_none_is_told_before_anything_starts(app_id: str) -> None:
    with pytest.raises(ConfigError, match="app_id: expected the id of the app"):
        Feishu(name="a", app_id=app_id, app_secret="s")


async def test_trap_5_a_server_that_says_half_of_it_is_asked_no_oftener(autojump_clock: MockClock) -> None:
    for said in ({}, {"PingInterval": 2}, {"PingInterval": None, "ReconnectInterval": "x"}, b"not json", b"[]"):
        async with simulated(rules=Rules(pong=said)) as feishu, feishu.open_account():  # type: ignore[arg-type]
            await trio.sleep(60)
            assert 6 <= feishu.counts.pings <= 13, "every 5 s: the address said 2, and that is too often"
            feishu.drop_connections("rst")
            with feishu.refusing(1, "system busy"):
                await trio.sleep(60)
            assert feishu.counts.discoveries.total() < 100


async def test_no_answer_to_the_first_ping_is_no_connection(autojump_clock: MockClock) -> None:
    async with simulated(rules=Rules(pong="off")) as feishu, account_on(feishu) as account:
        while account.statistics().last_error is None:
            await trio.sleep(0.1)
        kind, message = error_of(account)
        assert (kind, "nothing was heard" in message) == ("HandshakeFailed", True)
        assert account.state is not AccountState.READY
        feishu.rules = Rules()
        await account.wait_ready()


async def test_a_server_that_closes_what_it_accepted_is_asked_ever_less_often(autojump_clock: MockClock) -> None:
    """Though it wishes to be asked again within a second."""
    async with simulated() as feishu, account_on(feishu) as account:
        await account.wait_ready()
        with feishu.accept_then_close("close", code=1001):
            feishu.drop_connections("rst")
            await trio.sleep(3600)
            assert account.alarms & {"flapping", "stalled"}
            assert len(feishu.opened) < 80
        async with trio.open_nursery() as nursery:
            nursery.start_soon(until, account, "ready")


async def test_trap_19_a_ticket_that_is_refused_is_not_repeated(autojump_clock: MockClock) -> None:
    async with simulated() as feishu:
        url = f"{feishu.url.replace('http', 'ws')}/ws/v2?device_id=77&service_id=5&ticket=canary-ticket"
        feishu.script(PATH, as_answer({"code": 0, "data": {"URL": url}}))
        said = {"Handshake-Status": "514", "Handshake-Msg": "device 77: canary-ticket is used"}
        feishu.refuse_upgrades(UpgradeRefusal(400, said, b""))
        async with account_on(feishu) as account:
            await until(account, "waiting")
            assert error_of(account)[1] == "the connection was refused: 514 device 77: *** is used"


async def test_trap_19_no_log_line_holds_a_ticket_or_a_secret(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with simulated() as feishu:
        config = feishu.config(debug=True, app_secret="canary-of-the-app")
        async with open_account(config, hearing([]), environment=feishu.environment) as account:
            await account.wait_ready()
            await feishu.wait_acked(await feishu.say("hello"))
            feishu.drop_connections("rst")
            with feishu.refusing_upgrades(403, {"Handshake-Status": "514", "Handshake-Msg": "no"}):
                await trio.sleep(20)
            await trio.sleep(100)
        tickets = {discovery.device_id for discovery in feishu.discoveries}
        assert tickets
    lines = [json.dumps({key: str(value) for key, value in record.__dict__.items()}) for record in caplog.records]
    assert len(lines) > 20
    for line in lines:
        assert "canary-of-the-app" not in line
        assert "ticket=" not in line.replace("ticket=***", "")
        assert "access_key=" not in line.replace("access_key=***", "")
