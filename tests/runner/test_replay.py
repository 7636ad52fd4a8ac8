"""What was given up comes back: a bridge that runs, an operator at its store, and the next bridge."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trio
from click.testing import Result

from tests.program import SALES, open_dingtalk, running
from tests.runner.stored import tell
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.dingtalk.gateway.rest import WEBHOOK
from trio_bridge.testing.dingtalk import DingTalkSimulator

CONFIG = f"""
[agent]
kind = "python"
handler = "clerk:answer"
{SALES}max_attempts = 1
"""
CLUMSY = "async def answer(message): raise ValueError('not my day')\n"
CLERK = "async def answer(message): return f'you said {message.text}'\n"

Operate = Callable[..., Awaitable[Result]]


@pytest.fixture
async def dingtalk() -> AsyncIterator[DingTalkSimulator]:
    async with open_dingtalk() as dingtalk:
        yield dingtalk


@pytest.fixture
def folder(tmp_path: Path, dingtalk: DingTalkSimulator) -> Path:
    (tmp_path / "bridge.toml").write_text(CONFIG.format(url=dingtalk.url))
    return tmp_path


@pytest.fixture
def operate(folder: Path) -> Operate:
    """Run a command with the file, to its end, while this process goes on."""

    async def operate(*command: str, then: tuple[str, ...] = ()) -> Result:
        return await trio.to_thread.run_sync(lambda: tell(*command, str(folder / "bridge.toml"), *then))

    return operate


async def listed(operate: Operate, *command: str) -> list[dict[str, Any]]:
    done = await operate(*command, then=("--json",))
    assert (done.exit_code, done.stderr) == (0, "")
    [rows] = json.loads(done.stdout).values()
    return list(rows)


async def test_a_message_that_was_given_up_is_handled_after_a_replay(
    folder: Path, dingtalk: DingTalkSimulator, operate: Operate
) -> None:
    (folder / "clerk.py").write_text(CLUMSY)
    async with running(folder) as program:
        await dingtalk.next_connection()
        pushed = await dingtalk.say("good morning")
        await program.wait_logged("a message was given up")
        await dingtalk.wait_acked(pushed)
        while not (letters := await listed(operate, "dead-letters", "list")):
            pass  # It is logged a moment before it is committed.
        refused = await operate("dead-letters", "replay", then=(pushed.key,))
        assert (refused.exit_code, refused.stdout) == (78, "")
        assert f"in use by process {program.process.pid}" in refused.stderr
        assert await program.end() == 0
    [letter] = letters
    assert (letter["account"], letter["box"], letter["key"]) == ("sales", "inbox", pushed.key)
    assert letter["error"] == "ValueError: not my day"

    assert (await operate("dead-letters", "replay", then=(pushed.key,))).exit_code == 0
    (folder / "clerk.py").write_text(CLERK)
    async with running(folder) as program:
        await dingtalk.wait_replied(pushed)
        assert await program.end() == 0
    [reply] = dingtalk.ledger.record(pushed).replies
    assert reply.text == "you said good morning"
    assert await listed(operate, "dead-letters", "list") == []


async def test_a_reply_that_may_have_been_sent_is_sent_again_on_an_operators_word(
    folder: Path, dingtalk: DingTalkSimulator, operate: Operate
) -> None:
    (folder / "clerk.py").write_text(CLERK)
    dingtalk.script(WEBHOOK, Answer(status=504))
    async with running(folder) as program:
        await dingtalk.next_connection()
        pushed = await dingtalk.say("good morning")
        while not (replies := await listed(operate, "outbox", "list")) or replies[0]["state"] != "unknown":
            pass  # It is on its way there.
        assert await program.end() == 0
    assert dingtalk.ledger.record(pushed).replies == ()
    [reply] = replies
    assert (reply["account"], reply["key"], reply["attempts"]) == ("sales", f"{pushed.key}/1", 1)
    with closing(sqlite3.connect(folder / "bridge.db", isolation_level=None)) as connection:
        connection.execute("UPDATE outbox SET created_at = 1")  # The operator was on holiday.

    assert (await operate("dead-letters", "replay", then=(f"{pushed.key}/1",))).exit_code == 0
    async with running(folder) as program:
        await dingtalk.wait_replied(pushed)
        assert await program.end() == 0
    assert len(dingtalk.ledger.record(pushed).replies) == 1
    assert await listed(operate, "outbox", "list") == []
