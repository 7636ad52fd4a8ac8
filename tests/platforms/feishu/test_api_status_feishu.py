"""How an account stands with Feishu, and what somebody should look after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from tests.bots.media import PNG
from tests.platforms.feishu.account_stage import EPOCH, simulated
from trio_bridge.errors import RateLimited, RequestFailed
from trio_bridge.feishu import CardAction, CardUpdate, FeishuApi
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.feishu.api.health import NO_BOT, NO_CALLS, NO_PRESSES, UNPRESSED
from trio_bridge.platforms.feishu.gateway.messages import SEND
from trio_bridge.platforms.feishu.gateway.rest import BOT, refused

GROUP = "oc_group"
CARD = {"elements": [{"tag": "button", "text": {"tag": "plain_text", "content": "OK"}}]}


async def agree(action: CardAction) -> CardUpdate:
    return CardUpdate(toast="fine")


async def test_the_status_tells_facts_and_no_secrets(autojump_clock: object) -> None:
    async with simulated() as feishu, feishu.open_account() as account:
        api: FeishuApi = account.api
        await trio.sleep(10)
        status = api.status()
        assert (status.account, status.app_id, status.domain) == ("feishu", account.config.app_id, feishu.url)
        assert status.bot_open_id == (await api.bot()).open_id != ""
        assert status.token_age == pytest.approx(10)
        assert (status.throttles, status.throttled_at, status.quota_gone_at, status.hints) == (0, None, None, ())
        assert api.webhook is None
        told = f"{status!r} {attrs.asdict(status)}"
        assert "secret" not in told
        assert "t-" not in told


async def test_what_shows_the_locals_of_a_frame_does_not_show_all_that_is_behind_them(autojump_clock: object) -> None:
    async with simulated() as feishu, feishu.open_account() as account:
        for shown in (account.api, account.api.cards, account.api.pairing):
            assert len(repr(shown)) < 200
            assert "secret" not in repr(shown)


async def test_who_the_bot_is_and_whether_it_works(autojump_clock: object) -> None:
    async with simulated() as feishu, feishu.open_account() as account:
        bot = await account.api.bot()
        assert (bot.name, bot.status, bot.is_enabled) == (feishu.directory.apps[account.config.app_id].name, 2, True)
        feishu.rest.scripts.add(BOT, Answer(body='{"code": 0, "bot": {"activate_status": "odd", "open_id": "ou_1"}}'))
        bot = await account.api.bot()
        assert (bot.status, bot.is_enabled) == (0, False)


async def test_cards_that_nobody_presses_may_have_no_subscription(autojump_clock: object) -> None:
    async with simulated() as feishu, feishu.open_account(on_card_action=agree) as account:
        api: FeishuApi = account.api
        await api.send(GROUP, CARD)
        assert (api.status().cards_sent, api.status().hints) == (1, ())
        feishu.rules = attrs.evolve(feishu.rules, callbacks_off=True)
        assert (await feishu.press(feishu.sent[0], {"ok": True})).code == 200340
        await trio.sleep(UNPRESSED + 1)
        assert api.status().hints == (NO_PRESSES,)
        feishu.rules = attrs.evolve(feishu.rules, callbacks_off=False)
        await feishu.press(feishu.sent[0], {"ok": True})
        assert (api.status().presses, api.status().hints) == (1, ())


async def test_where_nobody_handles_presses_none_are_missed(autojump_clock: object) -> None:
    async with simulated() as feishu, feishu.open_account() as account:
        await account.api.send(GROUP, CARD)
        await trio.sleep(UNPRESSED + 1)
        assert account.api.status().hints == ()


async def test_a_bot_that_nobody_knows_is_a_hint(autojump_clock: object) -> None:
    async with simulated() as feishu:
        with feishu.rest.scripts.standing(BOT, refused(230006, "bot is disabled")):
            async with feishu.open_account() as account:
                assert account.api.status().hints == (NO_BOT,)


async def test_throttles_scopes_and_calls_that_are_used_up_are_told(autojump_clock: object) -> None:
    scopes = {
        "code": 99991672,
        "msg": "Access denied. One of the following scopes is required: [im:message, im:message:send_as_bot].",
    }
    async with simulated() as feishu, feishu.open_account() as account:
        api: FeishuApi = account.api
        await trio.sleep(5)
        feishu.rest.scripts.add(SEND, refused(99991400, wait=1), Answer(status=400, body=json.dumps(scopes)))
        with pytest.raises(RateLimited):
            await api.send(GROUP, "one")
        with pytest.raises(RequestFailed) as caught:
            await api.send(GROUP, "two")
        assert caught.value.details == ["im:message", "im:message:send_as_bot"]
        feishu.rest.scripts.add(SEND, refused(99991403, "used up"))
        with pytest.raises(RequestFailed):
            await api.send(GROUP, "three")
        await trio.sleep(10)
        status = api.status()
        assert status.throttles == 1
        assert status.throttled_at == pytest.approx(EPOCH + 5, abs=1)
        assert status.quota_gone_at == pytest.approx(EPOCH + 6, abs=1)
        assert status.missing_scopes == ("im:message", "im:message:send_as_bot")
        assert status.hints == ("the app lacks a scope: one of im:message, im:message:send_as_bot", NO_CALLS)


async def test_files_are_handed_in_for_cards(autojump_clock: object, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    async with simulated() as feishu, feishu.open_account() as account:
        api: FeishuApi = account.api
        key = await api.upload_image(tmp_path / "a.png")
        assert [each.key for each in feishu.rest.files.uploaded] == [key]
        file = await api.upload_file(str(tmp_path / "a.png"), name="chart.png")
        assert feishu.rest.files.uploaded[-1].key == file
        assert feishu.rest.files.uploaded[-1].name == "chart.png"


async def test_the_directory_is_what_the_configuration_names(autojump_clock: object) -> None:
    rules: dict[str, Any] = {"allowed_users": ["ou_1", "*"], "groups": {"oc_1": {}}}
    async with simulated() as feishu, feishu.open_account(**rules) as account:
        assert account.api.directory().people == ("ou_1",)
        assert account.api.directory().groups == ("oc_1",)
        assert await account.api.pairing.requests() == []
