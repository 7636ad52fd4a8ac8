"""How an account stands with DingTalk: its status, and whether its credentials are good."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

import attrs
import pytest
import trio

import trio_bridge as tb
from tests.platforms.dingtalk.stage import EPOCH, simulated
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.dingtalk.codes import OLD_TOKEN, OPEN, SEND_TO_GROUP, TOKEN, USER
from trio_bridge.platforms.dingtalk.gateway.model import Rules

BAN = Answer(status=403, body='<html>{"punish":"deny"}</html>', content_type="text/html")


async def test_the_status_tells_facts_and_no_secrets(autojump_clock: trio.abc.Clock) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        before = account.api.status()
        assert (before.account, before.client_id, before.robot_code) == (
            "dingtalk", "dingsimulateddingtalk", "dingsimulateddingtalk",
        )  # fmt: skip
        assert (before.token_age, before.old_token_age, before.banned_for, before.quota_gone_at) == (
            None,
            None,
            0,
            None,
        )
        assert before.probe is None
        await account.api.send("ann", "hi")
        await trio.sleep(7)
        await account.api.users.union_id("ann")
        await trio.sleep(3)
        after = account.api.status()
        assert (after.token_age, after.old_token_age) == (pytest.approx(10), pytest.approx(3))
        told = f"{after!r} {attrs.asdict(after)}"
        assert "secret-of" not in told
        assert "token-" not in told


async def test_what_shows_the_locals_of_a_frame_does_not_show_all_that_is_behind_them() -> None:
    async with simulated() as stage, stage.account() as account:
        api = account.api
        for shown in (api, api.docs, api.users, api.pairing, account):
            assert len(repr(shown)) < 120


async def test_a_token_that_is_no_longer_good_has_no_age(autojump_clock: trio.abc.Clock) -> None:
    async with simulated(rules=Rules(token_life=400)) as stage, stage.account() as account:
        await account.wait_ready()
        await account.api.send("ann", "hi")
        assert account.api.status().token_age == 0
        await trio.sleep(201)
        assert account.api.status().token_age is None


async def test_used_up_calls_and_a_ban_show_in_the_status(
    autojump_clock: trio.abc.Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        quota = Answer(status=403, body='{"code":"Forbidden.AccessDenied.ApiCountLimitForOrg"}')
        stage.dingtalk.rest.scripts.add(SEND_TO_GROUP, quota, BAN)
        at = EPOCH + trio.current_time()
        with pytest.raises(tb.RequestFailed):
            await account.api.send("cidTeam", "hi")
        await trio.sleep(5)
        with pytest.raises(tb.RateLimited):
            await account.api.send("cidTeam", "hi")
        await trio.sleep(100)
        status = account.api.status()
        assert status.quota_gone_at == pytest.approx(at, rel=0, abs=0.01)
        assert status.banned_for == 200
        assert [record.levelname for record in caplog.records if "used up" in record.message] == ["ERROR"]
        with pytest.raises(tb.NotSent) as caught:
            await account.api.docs.list("space1")
        assert caught.value.retry_after == 200


# Probes.


async def test_good_credentials_are_asked_about_every_ten_minutes(autojump_clock: trio.abc.Clock) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        probe = await account.api.probe()
        assert (probe.ok, probe.error, probe.at) == (True, None, EPOCH + trio.current_time())
        await trio.sleep(599)
        assert await account.api.probe() is probe
        assert account.api.status().probe is probe
        await trio.sleep(2)
        assert (await account.api.probe()).ok
        assert stage.dingtalk.rest.calls[TOKEN] == 2
        assert stage.dingtalk.rest.calls[OPEN] == 1


async def test_bad_credentials_are_asked_about_every_minute(autojump_clock: trio.abc.Clock) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        await account.api.send("ann", "hi")
        stage.dingtalk.config(client_secret="another one")
        probe = await account.api.probe()
        assert isinstance(probe.error, tb.AccountRefused)
        assert not probe.ok
        assert "secret-of" not in str(probe.error)
        await trio.sleep(59)
        assert await account.api.probe() is probe
        await trio.sleep(2)
        stage.dingtalk.config(client_secret="secret-of-dingsimulateddingtalk")
        assert (await account.api.probe()).ok
        assert (await account.api.send("ann", "the token was not touched")).ok
        assert stage.dingtalk.rest.calls[TOKEN] == 1 + 2


async def test_many_who_ask_at_once_share_one_call(autojump_clock: trio.abc.Clock) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(account.api.probe)
        assert stage.dingtalk.rest.calls[TOKEN] == 1


@pytest.mark.parametrize(
    ("answer", "error", "takes"),
    [
        (Answer(ending="hang"), tb.NotSent, 10),
        (Answer(ending="swallow"), tb.NotSent, 0),
        (Answer(status=503), tb.RateLimited, 0),
        (Answer(body="<html>"), tb.RateLimited, 0),
        (BAN, tb.RateLimited, 0),
    ],
)
async def test_a_probe_that_nobody_answers_says_so_in_time(
    autojump_clock: trio.abc.Clock, answer: Answer, error: type[tb.BridgeError], takes: float
) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.add(TOKEN, answer)
        begun = trio.current_time()
        assert type((await account.api.probe()).error) is error
        assert trio.current_time() - begun == takes


async def test_a_banned_address_is_not_probed(autojump_clock: trio.abc.Clock) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.add(OLD_TOKEN, BAN)
        with pytest.raises(tb.RateLimited):
            await account.api.users.union_id("ann")
        assert isinstance((await account.api.probe()).error, tb.NotSent)
        assert stage.dingtalk.rest.calls[TOKEN] == 0


async def test_a_secret_that_can_not_be_read_is_told(autojump_clock: trio.abc.Clock, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    async with simulated() as stage:
        config = stage.dingtalk.config()
        file.write_text(config.client_secret.read())
        async with stage.bridge([attrs.evolve(config, client_secret=tb.Secret(file=file))]) as bridge:
            account = bridge.account("dingtalk")
            await account.wait_ready()
            file.unlink()
            assert isinstance((await account.api.probe()).error, tb.ConfigError)
            with pytest.raises(tb.ConfigError):
                await account.api.send("ann", "hi")


async def test_a_stopped_account_has_no_api(autojump_clock: trio.abc.Clock) -> None:
    async with simulated() as stage, stage.bridge([stage.dingtalk.config()]) as bridge:
        await bridge.account("dingtalk").wait_ready()
        await bridge.stop("dingtalk")
        with pytest.raises(tb.AccountStopped):
            bridge.account("dingtalk").api.status()


async def test_a_banned_address_does_not_connect_again(autojump_clock: trio.abc.Clock) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.add(SEND_TO_GROUP, BAN)
        with pytest.raises(tb.RateLimited):
            await account.api.send("cidTeam", "one too many")
        at = trio.current_time()
        stage.dingtalk.drop_connections()
        await stage.dingtalk.wait_until(lambda: len(stage.dingtalk.opened) == 2)
        assert 300 <= stage.called_at[1] - at < 400
        assert stage.dingtalk.rest.calls[OPEN] == 2


async def test_a_ban_that_the_open_call_meets_is_everybodys(autojump_clock: trio.abc.Clock) -> None:
    async with simulated() as stage:
        stage.dingtalk.rest.scripts.add(OPEN, BAN)
        async with stage.account() as account:
            await stage.dingtalk.wait_until(lambda: bool(stage.dingtalk.open_calls))
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(tb.NotSent):
                await account.api.send("cidTeam", "hi")
            await account.wait_ready()
            assert trio.current_time() >= 300
            assert (await account.api.send("cidTeam", "hi")).ok


# Traps.


async def test_trap_12_each_account_has_a_token_of_its_own(autojump_clock: trio.abc.Clock) -> None:
    async with simulated() as stage:
        async with stage.bridge([stage.dingtalk.config(name) for name in ("sales", "hr")]) as bridge:
            for account in bridge.accounts.values():
                await account.wait_ready()
                for _ in range(2):
                    assert (await account.api.send("ann", "hi")).ok
        # The simulator takes a robot only with the token of its own app.
        assert [sent.client_id for sent in stage.dingtalk.sent] == ["dingsimulatedsales"] * 2 + ["dingsimulatedhr"] * 2
        assert stage.dingtalk.rest.calls[TOKEN] == 2


async def test_trap_63_a_bad_token_is_fetched_anew_once(autojump_clock: trio.abc.Clock) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        await account.api.send("cidTeam", "hi")
        stage.dingtalk.rest.expire_tokens()
        assert (await account.api.send("cidTeam", "again")).ok
        assert (stage.dingtalk.rest.calls[SEND_TO_GROUP], stage.dingtalk.rest.calls[TOKEN]) == (3, 2)


async def test_trap_68_the_robot_of_another_app_is_refused(autojump_clock: trio.abc.Clock) -> None:
    async with simulated() as stage:
        stage.dingtalk.add_app("dingother", "secret")
        for robot_code, code in (("dingother", "auth"), ("nobody", "notExsit")):
            async with stage.account(robot_code=robot_code) as account:
                await account.wait_ready()
                with pytest.raises(tb.RequestFailed) as caught:
                    await account.api.send("ann", "hi")
                assert caught.value.code == f"invalidParameter.robotCode.{code}"


async def test_trap_57_no_secret_is_shown(autojump_clock: trio.abc.Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        refused = Answer(status=400, body='{"code":"no","message":"no"}')
        for path in (SEND_TO_GROUP, USER, TOKEN, OLD_TOKEN):
            stage.dingtalk.rest.scripts.add(path, Answer(ending="swallow"), refused, Answer(body="<html>"))
        for _ in range(4):
            for ask in (
                account.api.send("cidTeam", "hi"),
                account.api.users.union_id("ann"),
                account.api.docs.read("doc", operator="ann"),
            ):
                try:
                    shown.append(repr(await ask))
                except tb.BridgeError as error:
                    shown += traceback.format_exception(error)
            shown += [repr(await account.api.probe()), repr(account.api), repr(account.api.status())]
            await trio.sleep(61)
    shown += [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    assert not [text for text in shown if "secret-of" in text or "token-" in text]
