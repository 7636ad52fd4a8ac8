"""The log of what goes over the wire: all of it where an account asks for it, and no secret in any case."""

from __future__ import annotations

import json
import logging

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.dingtalk.stage import Listener, simulated
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.dingtalk import login
from trio_bridge.platforms.dingtalk.codes import OPEN, SEND_TO_PEOPLE, TOKEN, WEBHOOK
from trio_bridge.platforms.dingtalk.login import with_ticket

SECRET, TOKEN_CANARY, SESSION, SIGNATURE = "canary-secret", "canary-token", "canary-session", "canary-signature"
WIRE = "trio_bridge.transport.wirelog"


def seen(caplog: pytest.LogCaptureFixture) -> str:
    return caplog.text + "".join(str(vars(record)) for record in caplog.records)


@pytest.mark.parametrize("debug", [True, False])
async def test_row_71_and_trap_48_and_57_texts_are_logged_with_debug_alone_and_secrets_never(
    debug: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets: list[str] = []

    def remembering(endpoint: str, ticket: str) -> str:
        tickets.append(ticket)
        return with_ticket(endpoint, ticket)

    monkeypatch.setattr(login, "with_ticket", remembering)
    caplog.set_level(logging.DEBUG)
    async with simulated() as stage:
        config = stage.dingtalk.config(client_secret=SECRET, debug=debug, http_timeout=5.0)
        async with stage.bridge([config], Listener()) as bridge:
            account = bridge.account(config.name)
            await account.wait_ready()
            hook = f"{stage.dingtalk.url}{WEBHOOK}?session={SESSION}"
            content = {"downloadCode": "canary-code", "link": f"https://file.example/{SIGNATURE}?sign={SIGNATURE}"}
            scripts = stage.dingtalk.rest.scripts
            scripts.add(TOKEN, Answer(body=json.dumps({"accessToken": TOKEN_CANARY, "expireIn": 7200})))
            scripts.add(
                SEND_TO_PEOPLE, Answer(status=400, body=json.dumps({"code": "x", "message": f"no {TOKEN_CANARY}"}))
            )
            scripts.add(WEBHOOK, Answer(body=json.dumps({"errcode": 300001, "errmsg": f"no {SESSION}"})))
            pushed = await stage.dingtalk.say("good morning", changes={"sessionWebhook": hook, "content": content})
            await stage.dingtalk.wait_acked(pushed)
            await stage.dingtalk.wait_until(lambda: stage.dingtalk.rest.calls[SEND_TO_PEOPLE] > 0)
        assert len(tickets) == stage.dingtalk.rest.calls[OPEN] == 1
    text = seen(caplog)
    for canary in (SECRET, TOKEN_CANARY, SESSION, SIGNATURE, "canary-code", *tickets):
        assert canary not in text
    wire = [record for record in caplog.records if record.name == WIRE]
    assert ("good morning" in text) is ("you said good morning" in text) is bool(wire) is debug
    if debug:
        assert {record.getMessage() for record in wire} == {"call", "answer", "frame received", "frame to send"}
        assert {vars(record)["account"] for record in wire} == {config.name}
        urls = {vars(record)["url"] for record in wire if "url" in vars(record)}
        assert urls >= {f"{stage.dingtalk.url}{path}" for path in (OPEN, TOKEN, WEBHOOK, SEND_TO_PEOPLE)}


async def test_a_call_without_an_answer_is_in_the_log_too(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with simulated() as stage, stage.account(Listener(), debug=True, http_timeout=5.0) as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.swallow(WEBHOOK)
        await stage.dingtalk.say("good morning")
        await trio.sleep(10)
        url = f"{stage.dingtalk.url}{WEBHOOK}"
    [line] = [record for record in caplog.records if record.getMessage() == "no answer"]
    assert vars(line)["url"] == url
    assert "disconnected" in vars(line)["cause"]


async def test_what_one_account_says_is_not_logged_for_another(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with simulated() as stage:
        configs = [stage.dingtalk.config("loud", debug=True), stage.dingtalk.config("quiet")]
        async with stage.bridge(configs, Listener()) as bridge:
            for config in configs:
                await bridge.account(config.name).wait_ready()
                pushed = await stage.dingtalk.say(f"by {config.name}", client_id=config.client_id)
                await stage.dingtalk.wait_replied(pushed)
    assert "by loud" in seen(caplog)
    assert "by quiet" not in seen(caplog)


async def test_row_62_the_id_of_the_robot_is_logged_once(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "trio_bridge.platforms")
    async with simulated() as stage, stage.account(Listener()) as account:
        await account.wait_ready()
        for _ in range(3):
            pushed = await stage.dingtalk.say("hi", changes={"chatbotUserId": "$:LWCP_v1:$robot"})
            await stage.dingtalk.wait_replied(pushed)
    said = [vars(record) for record in caplog.records if "chatbot_user_id" in vars(record)]
    assert [(fields["account"], fields["chatbot_user_id"]) for fields in said] == [("dingtalk", "$:LWCP_v1:$robot")]
