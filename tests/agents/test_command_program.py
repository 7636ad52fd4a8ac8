"""``trio-bridge run`` with a program that answers: both are processes of their own, and the bridge goes last."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trio

from tests.agents.fifo import Fifo
from tests.program import SALES, open_dingtalk, running
from trio_bridge.testing.dingtalk import DingTalkSimulator

CONFIG = f"""
[agent]
kind = "command"
argv = ["./answer"]
{SALES}"""
PATIENT = """#!/bin/sh
exec 3>fifo; echo begun >&3
read line < gate
echo "you said $(cat)"
"""
ENDLESS = """#!/bin/sh
exec 3>fifo
(echo begun >&3; exec sleep 1000) & wait
"""
ONCE_BROKEN = """#!/bin/sh
if mkdir tried 2>&-; then echo "at first I fail" >&2; exit 1; fi
echo "now I don't"
"""

Prepare = Callable[[str], Path]


@pytest.fixture
async def dingtalk() -> AsyncIterator[DingTalkSimulator]:
    async with open_dingtalk() as dingtalk:
        yield dingtalk


@pytest.fixture
def prepare(tmp_path: Path, dingtalk: DingTalkSimulator) -> Prepare:
    """A folder with a bridge and its program."""

    def prepare(answer: str) -> Path:
        (tmp_path / "bridge.toml").write_text(CONFIG.format(url=dingtalk.url))
        (tmp_path / "answer").write_text(answer)
        (tmp_path / "answer").chmod(0o755)
        return tmp_path

    return prepare


async def test_a_drain_lets_the_program_finish_and_its_reply_leave(
    prepare: Prepare, dingtalk: DingTalkSimulator, fifo: Fifo
) -> None:
    folder = prepare(PATIENT)
    gate = Fifo(folder / "gate")
    async with running(folder) as program:
        await dingtalk.next_connection()
        pushed = await dingtalk.say("good morning")
        await fifo.heard("begun")
        program.process.send_signal(signal.SIGINT)
        await program.wait_logged("finishing what is in hand")
        await trio.to_thread.run_sync(gate.path.write_text, "go\n")
        await fifo.left()
        assert await program.process.wait() == 0
    [reply] = dingtalk.ledger.record(pushed).replies
    assert reply.text == "you said good morning"


async def test_a_second_signal_ends_the_program_and_its_children_too(
    prepare: Prepare, dingtalk: DingTalkSimulator, fifo: Fifo
) -> None:
    async with running(prepare(ENDLESS)) as program:
        await dingtalk.next_connection()
        await dingtalk.say("good morning")
        await fifo.heard("begun")
        program.process.terminate()
        await program.wait_logged("finishing what is in hand")
        assert await program.end() == 70
        await fifo.left()
    assert "Traceback" not in program.log


async def test_a_program_that_fails_is_run_again_for_the_same_message(
    prepare: Prepare, dingtalk: DingTalkSimulator
) -> None:
    async with running(prepare(ONCE_BROKEN)) as program:
        await dingtalk.next_connection()
        pushed = await dingtalk.say("good morning")
        await dingtalk.wait_replied(pushed)
        assert await program.end() == 0
    [reply] = dingtalk.ledger.record(pushed).replies
    assert reply.text == "now I don't"
    assert "dingtalk:sales: the program says" in program.log
    assert "line='at first I fail'" in program.log
    assert "./answer ended with exit code 1" in program.log
    assert "good morning" not in program.log


async def test_a_program_that_is_not_there_is_found_out_at_once(prepare: Prepare) -> None:
    folder = prepare("")
    (folder / "answer").unlink()
    async with running(folder) as program:
        assert await program.process.wait() == 78
        await program.wait_logged("\n")
    assert program.log == f"bridge.toml: agent.argv: there is no file {folder}/answer\n"
