"""Traps of the official clients, and of the platform, that concern what is sent."""

from __future__ import annotations

import pytest
import trio

from tests.platforms.feishu.house import GROUP, MESSAGES, open_account, open_house, refused
from trio_bridge.errors import RateLimited, RequestFailed
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.feishu.gateway.rest import chat_throttled, throttled
from trio_bridge.platforms.feishu.rest.codes import BOT
from trio_bridge.platforms.feishu.sending.targets import Target, address


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (throttled(3), 3.0),
        (throttled(3, status=400), 3.0),
        (throttled(None, status=400), 1.0),
        (chat_throttled(), 1.0),
        (refused(11232, status=200), 1.0),
    ],
)
async def test_trap_27_a_throttle_is_no_refusal(autojump_clock: trio.abc.Clock, answer: Answer, asked: float) -> None:
    async with open_house() as house, open_account(house) as account:
        house.rest.scripts.add(f"POST {MESSAGES}", answer)
        with pytest.raises(RateLimited) as raised:
            await account.say(Target(id=GROUP), "hi")
        assert raised.value.retry_after == asked
        await account.say(Target(id=GROUP), "hi")
        assert trio.current_time() == asked
        assert [message.text for message in house.rest.sent] == ["hi"]
        first, second = (request.json()["uuid"] for request in house.heard if request.path == MESSAGES)
        assert first == second


async def test_trap_31_an_open_id_of_another_app_is_refused_for_good_with_what_to_do(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with open_house() as house:
        house.gateway.directory.add_app("cli_other", "s")
        tom = house.gateway.directory.person("cli_other", "ou_of_the_other_app")
        async with open_account(house) as account:
            with pytest.raises(RequestFailed, match="an open_id belongs to one app") as raised:
                await account.say(address("ou_of_the_other_app"), "hi")
            assert raised.value.code == "99992361"
            await account.say(address(tom.union_id), "hi")
        assert len(house.rest.sent) == 1


@pytest.mark.parametrize("path", ["/", "/open-apis", "/open-apis/", "//", "/x/y?z#w"])
async def test_trap_33_a_domain_is_a_place_without_a_path(autojump_clock: trio.abc.Clock, path: str) -> None:
    async with open_house() as house, open_account(house, domain=f"{house.url}{path}") as account:
        assert (await account.rest.call("GET", BOT)).category == "ok"
        assert account.config.domain == house.url
