"""Signals to ``trio-bridge run``, a process of its own: what it finishes, what it leaves, and how it ends."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from tests.program import SALES, Program, open_dingtalk, running
from trio_bridge.engine.store import Claim, Work
from trio_bridge.platforms.dingtalk.gateway.ledger import Pushed
from trio_bridge.platforms.dingtalk.gateway.model import Rules
from trio_bridge.stores.sqlite import inline, open_sqlite
from trio_bridge.testing.dingtalk import DingTalkSimulator

HANDLERS = 20

CONFIG = f"""
[agent]
kind = "python"
handler = "clerk:answer"
{SALES}workers = {HANDLERS}
rate_limit = 1000
rate_burst = 100
"""
CLERK = """
import sys, trio

async def answer(message):
    print("begun", message.text, file=sys.stderr, flush=True)
    {does}
    return f"you said {{message.text}}"
"""
PATIENT = "await trio.sleep(1)"
QUICK = "pass"
ENDLESS = "await trio.sleep_forever()"
STUBBORN = "with trio.CancelScope(shield=True): await trio.sleep_forever()"
HASTY_BRIDGE = """
import trio_bridge.engine.bridge

trio_bridge.engine.bridge.SHUTDOWN_GRACE = trio_bridge.engine.bridge.CLEAN_UP = 0.2
"""


Start = Callable[..., AbstractAsyncContextManager[Program]]


@pytest.fixture
async def dingtalk() -> AsyncIterator[DingTalkSimulator]:
    async with open_dingtalk(rules=Rules(keep_offline=True)) as dingtalk:
        yield dingtalk


@pytest.fixture
def start(tmp_path: Path, dingtalk: DingTalkSimulator) -> Start:
    """Run the program with a clerk that does as he is told. When the block has ended, so has the program."""

    @asynccontextmanager
    async def start(does: str, besides: str = "") -> AsyncIterator[Program]:
        (tmp_path / "bridge.toml").write_text(CONFIG.format(url=dingtalk.url))
        (tmp_path / "clerk.py").write_text(besides + CLERK.format(does=does))
        async with running(tmp_path) as program:
            yield program

    return start


async def say(dingtalk: DingTalkSimulator, texts: Sequence[str]) -> list[Pushed]:
    """Have as many people say one thing each, and wait until the bridge has acknowledged it."""
    said = [await dingtalk.say(text, sender=f"staff{number}") for number, text in enumerate(texts)]
    for pushed in said:
        await dingtalk.wait_acked(pushed)
    return said


async def left_in(folder: Path) -> list[Claim]:
    """What waits in the store, as whoever handles it next would get it. Nothing may have been in hand at the end."""
    shutil.copytree(folder, folder / "copy")
    async with open_sqlite(folder / "copy" / "bridge.db", executor=inline) as store:
        account = await store.open_account("sales", platform="dingtalk")
        found = await account.recover(now=0.0, max_deaths=3, max_attempts=5)
        assert (found.died, found.buried) == (0, 0)
        claims = (await account.work(Work(now=0.0, claim=[row.seq for row in found.waiting]))).claimed
    return [claim for claim in claims if claim is not None]


async def test_an_idle_bridge_ends_clean(start: Start, dingtalk: DingTalkSimulator) -> None:
    async with start(QUICK) as program:
        await dingtalk.next_connection()
        await program.wait_logged("ready")
        assert await program.end() == 0


async def test_a_bridge_that_connects_ends_clean(start: Start, dingtalk: DingTalkSimulator) -> None:
    with dingtalk.hanging_open_calls():
        async with start(QUICK) as program:
            await dingtalk.wait_until(lambda: bool(dingtalk.rest.calls))
            assert await program.end() == 0


async def test_a_bridge_that_changes_its_connection_ends_clean(start: Start, dingtalk: DingTalkSimulator) -> None:
    async with start(QUICK) as program:
        await dingtalk.next_connection()
        with dingtalk.hanging_open_calls():
            dingtalk.disconnect()
            await program.wait_logged("leaving")
            assert await program.end() == 0


async def test_what_is_in_hand_is_finished_and_nothing_else_begun(
    start: Start, dingtalk: DingTalkSimulator, tmp_path: Path
) -> None:
    """What comes meanwhile is stored and acknowledged, and what waits has lost nothing by it."""
    async with start(PATIENT) as program:
        await dingtalk.next_connection()
        first = await say(dingtalk, ["first"] * HANDLERS)
        await program.wait_logged("begun first", HANDLERS)
        second = await say(dingtalk, ["second"] * HANDLERS)
        program.process.terminate()
        await program.wait_logged("finishing what is in hand")
        second += await say(dingtalk, ["late"])
        assert await program.process.wait() == 0
    assert program.log.count("begun") == HANDLERS
    assert [len(dingtalk.ledger.record(pushed).replies) for pushed in first] == [1] * HANDLERS
    left = await left_in(tmp_path)
    assert sorted(claim.delivery.key for claim in left) == sorted(pushed.key for pushed in second)
    assert {(claim.attempts, claim.interrupted) for claim in left} == {(1, 0)}
    async with start(QUICK) as program:
        for pushed in second:
            await dingtalk.wait_replied(pushed)
        assert await program.end() == 0
    assert dingtalk.ledger.replies_per_message() == {1: 2 * HANDLERS + 1}


async def test_a_second_signal_ends_at_once(start: Start, dingtalk: DingTalkSimulator, tmp_path: Path) -> None:
    async with start(ENDLESS) as program:
        await dingtalk.next_connection()
        said = await say(dingtalk, ["hello"] * HANDLERS)
        await program.wait_logged("begun", HANDLERS)
        program.process.terminate()
        await program.wait_logged("finishing what is in hand")
        assert await program.end() == 70
    left = await left_in(tmp_path)
    assert sorted(claim.delivery.key for claim in left) == sorted(pushed.key for pushed in said)
    assert {(claim.attempts, claim.interrupted) for claim in left} == {(1, 1)}


async def test_a_handler_that_takes_too_long_is_cut_off_and_counted(start: Start, dingtalk: DingTalkSimulator) -> None:
    async with start(ENDLESS, HASTY_BRIDGE) as program:
        await dingtalk.next_connection()
        await say(dingtalk, ["hello"] * 3)
        await program.wait_logged("begun", 3)
        assert await program.end() == 70
    assert "left unfinished: sales: handlers that were cut off: 3\n" in program.log


async def test_a_handler_that_ignores_its_cancellation_does_not_keep_the_process(
    start: Start, dingtalk: DingTalkSimulator, tmp_path: Path
) -> None:
    async with start(STUBBORN, HASTY_BRIDGE) as program:
        await dingtalk.next_connection()
        await say(dingtalk, ["hello"])
        await program.wait_logged("begun")
        assert await program.end() == 70
    assert "left unfinished: sales: a handler ignores its cancellation\n" in program.log
    [left] = await left_in(tmp_path)
    assert (left.attempts, left.interrupted) == (1, 1)
