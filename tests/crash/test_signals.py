"""Signals to ``trio-bridge run``, a process of its own: what it finishes, what it leaves, and how it ends."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from trio_bridge.engine.store import Claim, Work
from trio_bridge.platforms.dingtalk.gateway_model import Rules
from trio_bridge.platforms.dingtalk.ledger import Pushed
from trio_bridge.stores.sqlite import inline, open_sqlite
from trio_bridge.testing.dingtalk import DingTalkSimulator

HANDLERS = 20

CONFIG = f"""
[agent]
kind = "python"
handler = "clerk:answer"

[accounts.sales]
platform = "dingtalk"
client_id = "dingclerk"
client_secret = "hush"
endpoint = "{{url}}"
oapi_endpoint = "{{url}}"
workers = {HANDLERS}
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


class Program:
    """The program while it runs, and what it has said so far."""

    def __init__(self, process: trio.Process) -> None:
        self.said = ""
        self._process = process
        self._more = trio.Event()

    async def listen(self) -> None:
        assert self._process.stderr is not None
        async for piece in self._process.stderr:
            self.said += piece.decode()
            self._more.set()
            self._more = trio.Event()

    async def wait_said(self, words: str, times: int = 1) -> None:
        while self.said.count(words) < times:
            await self._more.wait()

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    async def wait(self) -> int:
        """The exit code."""
        return await self._process.wait()

    def kill(self) -> None:
        self._process.kill()


Start = Callable[..., AbstractAsyncContextManager[Program]]


@pytest.fixture
async def dingtalk() -> AsyncIterator[DingTalkSimulator]:
    async with DingTalkSimulator(rules=Rules(keep_offline=True)) as dingtalk:
        dingtalk.add_app("dingclerk", "hush")
        yield dingtalk


@pytest.fixture
def start(tmp_path: Path, dingtalk: DingTalkSimulator) -> Start:
    """Run the program with a clerk that does as he is told. When the block has ended, so has the program."""

    @asynccontextmanager
    async def start(does: str, besides: str = "") -> AsyncIterator[Program]:
        (tmp_path / "bridge.toml").write_text(CONFIG.format(url=dingtalk.url))
        (tmp_path / "clerk.py").write_text(besides + CLERK.format(does=does))
        command = [sys.executable, "-m", "trio_bridge", "run", "bridge.toml"]
        run = partial(trio.run_process, command, cwd=tmp_path, stderr=subprocess.PIPE, check=False)
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                program = Program(await nursery.start(run))
                nursery.start_soon(program.listen)
                try:
                    yield program
                finally:
                    program.kill()

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
        await program.wait_said("ready")
        program.terminate()
        assert await program.wait() == 0


async def test_a_bridge_that_connects_ends_clean(start: Start, dingtalk: DingTalkSimulator) -> None:
    with dingtalk.hanging_open_calls():
        async with start(QUICK) as program:
            await dingtalk.wait_until(lambda: bool(dingtalk.rest.calls))
            program.terminate()
            assert await program.wait() == 0


async def test_a_bridge_that_changes_its_connection_ends_clean(start: Start, dingtalk: DingTalkSimulator) -> None:
    async with start(QUICK) as program:
        await dingtalk.next_connection()
        with dingtalk.hanging_open_calls():
            dingtalk.disconnect()
            await program.wait_said("leaving")
            program.terminate()
            assert await program.wait() == 0


async def test_what_is_in_hand_is_finished_and_nothing_else_begun(
    start: Start, dingtalk: DingTalkSimulator, tmp_path: Path
) -> None:
    """What comes meanwhile is stored and acknowledged, and what waits has lost nothing by it."""
    async with start(PATIENT) as program:
        await dingtalk.next_connection()
        first = await say(dingtalk, ["first"] * HANDLERS)
        await program.wait_said("begun first", HANDLERS)
        second = await say(dingtalk, ["second"] * HANDLERS)
        program.terminate()
        await program.wait_said("finishing what is in hand")
        second += await say(dingtalk, ["late"])
        assert await program.wait() == 0
    assert program.said.count("begun") == HANDLERS
    assert [len(dingtalk.ledger.record(pushed).replies) for pushed in first] == [1] * HANDLERS
    left = await left_in(tmp_path)
    assert sorted(claim.delivery.key for claim in left) == sorted(pushed.key for pushed in second)
    assert {(claim.attempts, claim.interrupted) for claim in left} == {(1, 0)}
    async with start(QUICK) as program:
        for pushed in second:
            await dingtalk.wait_replied(pushed)
        program.terminate()
        assert await program.wait() == 0
    assert dingtalk.ledger.replies_per_message() == {1: 2 * HANDLERS + 1}


async def test_a_second_signal_ends_at_once(start: Start, dingtalk: DingTalkSimulator, tmp_path: Path) -> None:
    async with start(ENDLESS) as program:
        await dingtalk.next_connection()
        said = await say(dingtalk, ["hello"] * HANDLERS)
        await program.wait_said("begun", HANDLERS)
        program.terminate()
        await program.wait_said("finishing what is in hand")
        program.terminate()
        assert await program.wait() == 70
    left = await left_in(tmp_path)
    assert sorted(claim.delivery.key for claim in left) == sorted(pushed.key for pushed in said)
    assert {(claim.attempts, claim.interrupted) for claim in left} == {(1, 1)}


async def test_a_handler_that_takes_too_long_is_cut_off_and_counted(start: Start, dingtalk: DingTalkSimulator) -> None:
    async with start(ENDLESS, HASTY_BRIDGE) as program:
        await dingtalk.next_connection()
        await say(dingtalk, ["hello"] * 3)
        await program.wait_said("begun", 3)
        program.terminate()
        assert await program.wait() == 70
    assert "left unfinished: sales: handlers that were cut off: 3\n" in program.said


async def test_a_handler_that_ignores_its_cancellation_does_not_keep_the_process(
    start: Start, dingtalk: DingTalkSimulator, tmp_path: Path
) -> None:
    async with start(STUBBORN, HASTY_BRIDGE) as program:
        await dingtalk.next_connection()
        await say(dingtalk, ["hello"])
        await program.wait_said("begun")
        program.terminate()
        assert await program.wait() == 70
    assert "left unfinished: sales: a handler ignores its cancellation\n" in program.said
    [left] = await left_in(tmp_path)
    assert (left.attempts, left.interrupted) == (1, 1)
