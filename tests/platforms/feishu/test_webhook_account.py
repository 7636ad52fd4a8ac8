"""An account that is called, from the call to the handler and back."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

import trio_bridge as tb
from tests.platforms.feishu.calls import KEY, NOW, TOKEN, Answered, call, encrypted, event, said, signed
from trio_bridge import feishu
from trio_bridge.engine.store import Store
from trio_bridge.stores.sqlite import inline, open_sqlite
from trio_bridge.testing.feishu import FeishuSimulator
from trio_bridge.transport.memory import MemoryNetwork

APP = "cli_00000000000000aa"


def wall() -> float:
    return NOW + trio.current_time()


def message(text: str, event_id: str = "e1", message_id: str = "") -> dict[str, Any]:
    """Somebody writes to the bot."""
    return said(text, event_id, message_id, app_id=APP, at=wall())


def press(value: Any, event_id: str) -> dict[str, Any]:
    """Somebody presses a button."""
    return event(event_id, "card.action.trigger", {"action": {"tag": "button", "value": value}}, app_id=APP)


def sealed(value: Any) -> tuple[bytes, dict[str, str | bytes]]:
    """A call that Feishu makes now."""
    body = encrypted(value)
    return body, signed(body, at=int(wall()))


async def deliver(account: tb.Account, value: Any) -> Answered:
    return await call(feishu.webhook(account), *sealed(value))


@attrs.define
class Heard:
    """Says what it heard, and has heard it."""

    texts: list[str] = attrs.Factory(list)

    async def __call__(self, message: tb.Message) -> str:
        self.texts.append(message.text)
        return f"you said {message.text}"


@pytest.fixture
async def cloud() -> AsyncGenerator[FeishuSimulator]:
    async with FeishuSimulator(network=MemoryNetwork(), wall=wall, seed=1) as simulator:
        yield simulator


def running(
    cloud: FeishuSimulator, handler: Any = None, *, store: str | Store = "memory:", **tuning: Any
) -> AbstractAsyncContextManager[tb.Account]:
    """An account that is called."""
    keys = {"app_id": APP, "mode": "webhook", "listen": "", "encrypt_key": KEY, "verification_token": TOKEN}
    return cloud.open_account(handler, store=store, **{**keys, **tuning})


async def test_what_somebody_says_is_answered(autojump_clock: object, cloud: FeishuSimulator) -> None:
    heard = Heard()
    async with running(cloud, heard) as account:
        assert (await deliver(account, message("hello"))).status == 200
        assert (await cloud.next_reply()).text == "you said hello"
    assert heard.texts == ["hello"]
    assert not cloud.opened


async def test_an_event_that_comes_again_is_handled_once_also_after_a_restart(
    autojump_clock: object, cloud: FeishuSimulator, tmp_path: Path
) -> None:
    heard = Heard()
    for _ in range(2):
        async with (
            open_sqlite(tmp_path / "bridge.db", executor=inline) as store,
            running(cloud, heard, store=store) as account,
        ):
            for again in (message("hello"), message("hello"), message("hello", "e2", "om_e1")):
                assert (await deliver(account, again)).json == {}
            await trio.sleep(10)
    assert heard.texts == ["hello"]
    assert account.statistics().counters.duplicates == 3


async def test_an_answer_is_not_waited_for(autojump_clock: object, cloud: FeishuSimulator) -> None:
    async def think(message: tb.Message) -> None:
        await trio.sleep(60)

    async with running(cloud, think) as account:
        began = trio.current_time()
        for number in range(40):
            assert (await deliver(account, message("hello", f"e{number}"))).status == 200
        assert trio.current_time() - began < 1
        assert account.statistics().counters.stored == 40


async def test_a_press_changes_the_card_and_is_not_repeated(autojump_clock: object, cloud: FeishuSimulator) -> None:
    pressed = []

    async def on_card_action(action: feishu.CardAction) -> feishu.CardUpdate:
        pressed.append(action.value)
        return feishu.CardUpdate(toast=feishu.Toast("done"))

    async with running(cloud, on_card_action=on_card_action) as account:
        again = sealed(press("yes", "e1"))
        assert (await call(feishu.webhook(account), *again)).json["toast"]["content"] == "done"
        assert (await call(feishu.webhook(account), *again)).json == {}
        assert (await deliver(account, press("yes", "e1"))).json == {}
    assert pressed == ["yes"]


async def test_a_press_that_comes_both_ways_is_answered_once(autojump_clock: object, cloud: FeishuSimulator) -> None:
    """While it is answered whoever brings it shares the answer; afterwards it has been answered, also for another."""
    pressed = []

    async def on_card_action(action: feishu.CardAction) -> feishu.CardUpdate:
        pressed.append(action.value)
        await trio.sleep(0.5)
        return feishu.CardUpdate(toast=feishu.Toast("done"))

    async with running(cloud, on_card_action=on_card_action, mode="both") as account:
        said, answers = press("yes", "e1"), []

        async def bring() -> None:
            answers.append((await deliver(account, said)).json.get("toast", {}).get("content"))

        pushed = cloud.push(said)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bring)
        await cloud.wait_acked(pushed)
        await bring()
        cloud.duplicate(pushed)
        await trio.sleep(10)
    assert answers == ["done", None]
    assert pressed == ["yes"]


async def test_a_press_that_nobody_answers_in_time_gets_the_empty_answer(
    autojump_clock: object, cloud: FeishuSimulator
) -> None:
    async def on_card_action(action: feishu.CardAction) -> None:
        if action.value == "fail":
            raise ValueError("a bug")
        await trio.sleep(60)

    async with running(cloud, on_card_action=on_card_action, callback_deadline=1.5) as account:
        began = trio.current_time()
        assert (await deliver(account, press("fail", "e1"))).json == {}
        assert (await deliver(account, press("wait", "e2"))).json == {}
        assert trio.current_time() == began + 1.5


async def test_debugging_shows_what_was_said_and_no_secret(
    autojump_clock: object, cloud: FeishuSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    async def on_card_action(action: feishu.CardAction) -> feishu.CardUpdate:
        return feishu.CardUpdate(toast=feishu.Toast("thanks"))

    with caplog.at_level(logging.DEBUG):
        async with running(cloud, Heard(), on_card_action=on_card_action, debug=True) as account:
            assert (await deliver(account, message("hello"))).json == {}
            assert (await deliver(account, press("yes", "e2"))).status == 200
    shown = [str(vars(record)["frame"]) for record in caplog.records if record.message.startswith("call ")]
    assert ["hello" in shown[0], "thanks" in shown[3], len(shown)] == [True, True, 4]
    everything = " ".join(str(vars(record)) for record in caplog.records)
    assert TOKEN not in everything
    assert KEY not in everything


async def test_a_mounted_webhook_outlives_the_lives_of_its_account(
    autojump_clock: object, cloud: FeishuSimulator
) -> None:
    heard = Heard()
    config = cloud.config(
        "hr", app_id=APP, mode="webhook", listen="", encrypt_key=KEY, verification_token=TOKEN, enabled=False
    )
    async with tb.open_bridge([config], heard, environment=cloud.environment) as bridge:
        mounted = feishu.webhook(bridge.account("hr"))
        statuses = []
        for wish in (bridge.start, bridge.restart, bridge.stop, bridge.start):
            await wish("hr")
            if wish != bridge.stop:
                await bridge.account("hr").wait_ready()
            statuses.append((await call(mounted, *sealed(message("hello")))).status)
        await trio.sleep(10)
    assert statuses == [200, 200, 503, 200]
    assert heard.texts == ["hello"]
    assert (await call(mounted, *sealed(message("hello")))).status == 503


async def test_only_an_account_that_is_called_can_be_mounted(autojump_clock: object, cloud: FeishuSimulator) -> None:
    other = tb.DingTalk(name="sales", client_id="ding1", client_secret="secret", enabled=False)
    plain = cloud.config("hr", enabled=False)
    async with tb.open_bridge([other, plain], None, environment=cloud.environment) as bridge:
        with pytest.raises(tb.ConfigError, match="account sales: "):
            feishu.webhook(bridge.account("sales"))
        with pytest.raises(tb.ConfigError, match="account hr: mode: "):
            feishu.webhook(bridge.account("hr"))


async def test_what_comes_both_ways_is_handled_once(autojump_clock: object, cloud: FeishuSimulator) -> None:
    heard = Heard()
    async with running(cloud, heard, mode="both") as account:
        said = message("hello")
        pushed = cloud.push(said)
        await cloud.wait_acked(pushed)
        assert (await deliver(account, said)).json == {}
        assert (await deliver(account, message("by call", "e2"))).json == {}
        await cloud.say("by connection")
        await trio.sleep(10)
    assert sorted(heard.texts) == ["by call", "by connection", "hello"]
    assert account.statistics().counters.duplicates == 1


async def test_while_there_is_no_connection_calls_are_still_taken(
    autojump_clock: object, cloud: FeishuSimulator
) -> None:
    heard = Heard()
    async with running(cloud, heard, mode="both") as account:
        with cloud.half_open():
            await trio.sleep(30)
            assert (await deliver(account, message("hello"))).json == {}
            await trio.sleep(1)
            assert heard.texts == ["hello"]


# Called by a simulated Feishu, which shares no code with what it calls.

KEYS = {"encrypt_key": KEY, "verification_token": TOKEN}


async def test_while_handlers_take_their_time_every_event_is_taken_at_once(
    autojump_clock: object, cloud: FeishuSimulator
) -> None:
    async def think(message: tb.Message) -> str:
        await trio.sleep(4)
        return "done"

    async with running(cloud, think) as account, cloud.webhook(feishu.webhook(account), **KEYS):
        pushed = [await cloud.say(f"hello {number}", sender=f"ou_{number}") for number in range(40)]
        for each in pushed:
            await cloud.wait_replied(each)
    summary = cloud.ledger.summary()
    assert (summary.acked, summary.answered, summary.redelivered, summary.answered_twice) == (40, 40, 0, 0)
    taken = [ack.at - record.deliveries[0].at for record in map(cloud.ledger.record, pushed) for ack in record.acks]
    assert max(taken) < 0.25


async def test_what_comes_while_the_account_is_stopped_comes_again(
    autojump_clock: object, cloud: FeishuSimulator
) -> None:
    heard = Heard()
    config = cloud.config("hr", app_id=APP, mode="webhook", listen="", **KEYS)
    async with (
        tb.open_bridge([config], heard, environment=cloud.environment) as bridge,
        cloud.webhook(feishu.webhook(bridge.account("hr")), **KEYS),
    ):
        await bridge.stop("hr")
        pushed = await cloud.say("hello")
        await trio.sleep(1)
        await bridge.start("hr")
        await cloud.wait_replied(pushed)
    assert heard.texts == ["hello"]
    assert len(cloud.ledger.record(pushed).deliveries) == 2


async def test_a_press_is_seen_to_be_answered(autojump_clock: object, cloud: FeishuSimulator) -> None:
    async def on_card_action(action: feishu.CardAction) -> feishu.CardUpdate | None:
        if action.value == "wait":
            await trio.sleep(60)
        return feishu.CardUpdate(toast=feishu.Toast("done"))

    async with (
        running(cloud, on_card_action=on_card_action) as account,
        cloud.webhook(feishu.webhook(account), **KEYS),
    ):
        assert (await cloud.press("om_card", "go")).toast == "done"
        late = await cloud.press("om_card", "wait")
        assert (late.code, late.toast) == (0, "")


async def test_from_a_connection_to_calls_nothing_is_lost(autojump_clock: object, cloud: FeishuSimulator) -> None:
    """The subscription is changed while both ways are open; then the connection goes."""
    heard, connection = Heard(), cloud.config("hr", app_id=APP, listen="", **KEYS)

    async with tb.open_bridge([connection], heard, environment=cloud.environment) as bridge:

        async def application(*request: Any) -> None:
            await feishu.webhook(bridge.account("hr"))(*request)

        async def say(text: str) -> None:
            await cloud.wait_replied(await cloud.say(text))

        async def change(mode: str) -> None:
            await bridge.remove("hr")
            await (await bridge.add(attrs.evolve(connection, mode=mode))).wait_ready()

        await say("connected")
        await change("both")
        await say("connected as well")
        async with cloud.webhook(application, **KEYS):
            await say("called as well")
            await change("webhook")
            await say("called")
        assert not cloud.connections
    assert heard.texts == ["connected", "connected as well", "called as well", "called"]
