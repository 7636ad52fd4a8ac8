"""Keys do what the table of features says, whatever their defaults."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.dingtalk.stage import Listener, simulated
from trio_bridge import ConnectionLost, Message, RequestFailed
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.dingtalk.codes import DOWNLOAD, OPEN
from trio_bridge.platforms.dingtalk.gateway.files import FILE

# The connection


@pytest.mark.parametrize(
    ("keys", "after"),
    [({}, 54.5), ({"ping_interval": 60.0}, 134.5), ({"pong_timeout": 5.0}, 44.5), ({"ping_misses": 1}, 34.5)],
    ids=str,
)
async def test_row_9_how_soon_a_deaf_peer_is_left(
    keys: dict[str, Any], after: float, autojump_clock: MockClock
) -> None:
    """Delays are half a second here, and the last pong came a second before."""
    async with simulated() as stage, stage.account(**keys) as account:
        await account.wait_ready()
        connection = await stage.dingtalk.next_connection()
        await trio.sleep(1)
        with connection.deaf():
            await stage.dingtalk.next_connection()
        assert trio.current_time() - 1 == pytest.approx(after)


@pytest.mark.parametrize(
    ("keys", "gaps"),
    [({"backoff_min": 40.0}, [20, 30, 30, 30]), ({"backoff_max": 3.0}, [0.5, 1, 1.5, 1.5])],
    ids=str,
)
async def test_row_10_how_long_failed_attempts_wait(
    keys: dict[str, Any], gaps: list[float], autojump_clock: MockClock
) -> None:
    async with simulated() as stage:
        with stage.dingtalk.rest.scripts.standing(OPEN, Answer(status=503)):
            async with stage.account(**keys):
                await stage.dingtalk.wait_until(lambda: len(stage.dingtalk.open_calls) == 5)
        called = stage.called_at
    assert [late - early for early, late in pairwise(called)] == pytest.approx(gaps)


@pytest.mark.parametrize(("keys", "alarms"), [({}, {"stalled"}), ({"stall_seconds": 2.0}, set())], ids=str)
async def test_row_8_how_short_a_life_counts(keys: dict[str, Any], alarms: set[str], autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(**keys) as account:
        for _ in range(5):
            connection = await stage.dingtalk.next_connection()
            await account.wait_ready()
            await trio.sleep(5)
            connection.drop()
        await trio.sleep(1)
        assert account.alarms == alarms


# The queue


@pytest.mark.parametrize(
    ("keys", "counted"),
    [
        ({"workers": 2}, (2, 20, 0, 0)),
        ({"overflow": "drop", "queue_size": 8}, (8, 8, 0, 12)),
        ({"overflow": "shed", "queue_size": 8}, (8, 8, 12, 0)),
    ],
    ids=str,
)
async def test_row_13_the_queue_and_the_workers_have_their_bounds(
    keys: dict[str, Any], counted: tuple[int, ...], autojump_clock: MockClock
) -> None:
    async with simulated() as stage, stage.account(Listener(takes=50), **keys) as account:
        await account.wait_ready()
        for number in range(20):
            await stage.dingtalk.say("hi", sender=f"staff{number}")
        await trio.sleep(5)
        counters = account.counters
        running = account.statistics().running_handlers
        assert (running, counters.stored, counters.shed, counters.dropped) == counted


async def test_row_13_the_queue_is_bounded_by_the_size_of_what_is_in_it(autojump_clock: MockClock) -> None:
    keys: dict[str, Any] = {"overflow": "shed", "queue_bytes": 8000}
    async with simulated() as stage, stage.account(Listener(takes=50), **keys) as account:
        await account.wait_ready()
        for number in range(20):
            await stage.dingtalk.say("hi", sender=f"staff{number}")
        await trio.sleep(5)
        counters = account.counters
        assert 0 < counters.stored < 20
        assert counters.shed == 20 - counters.stored


async def test_row_17_how_long_a_message_is_remembered(autojump_clock: MockClock) -> None:
    listener = Listener()
    async with simulated() as stage, stage.account(listener, dedupe_ttl=1000.0) as account:
        await account.wait_ready()
        pushed = await stage.dingtalk.say("hello")
        for delay in (900, 9000):
            await trio.sleep(delay)
            stage.dingtalk.duplicate(pushed)
        await trio.sleep(10)
    assert listener.heard == ["hello", "hello"]


# Answers


async def test_row_37_the_rate_is_that_of_the_account(autojump_clock: MockClock) -> None:
    """Answers by session webhook may come in a burst; calls of the API, which DingTalk counts, come evenly."""
    async with simulated() as stage, stage.account(Listener(), rate_limit=2.0, rate_burst=3) as account:
        await account.wait_ready()
        begun = trio.current_time()
        for number in range(7):
            await stage.dingtalk.say("hi", sender=f"staff{number}")
        await stage.dingtalk.wait_until(lambda: len(stage.dingtalk.sent) == 7)
        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(account.api.send, f"staff{number}", "hi")
        times = [sent.at - begun for sent in stage.dingtalk.sent]
    assert times == pytest.approx([0, 0, 0, 0.5, 1, 1.5, 2, 2, 2.5, 3], abs=0.01)


async def count(message: Message) -> AsyncIterator[str]:
    for number in range(20):
        yield f"{number} "
        await trio.sleep(0.5)


async def test_row_26_updates_of_a_card_keep_the_distance_that_was_set(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(count, card_update_interval=3.0) as account:
        await account.wait_ready()
        await stage.dingtalk.ask("count")
        [card] = stage.dingtalk.cards
        assert card.calls["stream"] <= 5
        assert min(card.intervals[:-1]) >= 3


async def test_row_26_all_cards_of_an_account_share_its_pace(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(count, card_qps=1.0) as account:
        await account.wait_ready()
        for number in range(5):
            await stage.dingtalk.say("count", sender=f"staff{number}")
        await stage.dingtalk.wait_until(lambda: len(stage.dingtalk.sent) == 5)
        calls = sum(sum(card.calls.values()) for card in stage.dingtalk.cards)
        assert trio.current_time() >= calls - 2


# Files


async def fetch(message: Message) -> str:
    try:
        return (await message.download(message.attachments[0])).name
    except (RequestFailed, ConnectionLost) as error:
        return str(error)


async def test_row_46_how_long_a_file_may_take(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(fetch, media_timeout=5.0) as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.hang(FILE)
        await stage.dingtalk.send_file(b"x", "a.txt")
        assert (await stage.dingtalk.next_reply()).text == "the file was not here within 5 s"
        assert trio.current_time() < 10


async def test_row_46_which_hosts_may_be_called(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(fetch, download_hosts=["files.example"]) as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.add(DOWNLOAD, Answer(body='{"downloadUrl":"https://elsewhere.example/x"}'))
        await stage.dingtalk.send_file(b"x", "a.txt")
        assert "not in download_hosts" in (await stage.dingtalk.next_reply()).text
