"""``trio-bridge run`` as a process of its own, against a DingTalk on loopback."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from tests.program import Program, open_dingtalk, running

CONFIG = """
[agent]
kind = "python"
handler = "clerk:answer"

[accounts.sales]
platform = "dingtalk"
client_id = "dingclerk"
client_secret = {{ file = "secret" }}
endpoint = "{url}"
oapi_endpoint = "{url}"
"""
CLERK = """
async def answer(message):
    return f"you said {message.text}"
"""
SLOW_CLERK = """
import logging, trio

async def answer(message):
    logging.getLogger("clerk").info("begun")
    await trio.sleep_forever()
"""


Start = Callable[..., AbstractAsyncContextManager[Program]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Run the program with a clerk that answers at ``url``. When the block has ended, so has the program."""

    @asynccontextmanager
    async def start(
        url: str, *arguments: str, secret: str = "hush", clerk: str = CLERK, more: str = ""
    ) -> AsyncGenerator[Program]:
        (tmp_path / "bridge.toml").write_text(CONFIG.format(url=url) + more)
        (tmp_path / "secret").write_text(secret)
        (tmp_path / "clerk.py").write_text(clerk)
        async with running(tmp_path, *arguments) as program:
            yield program

    return start


async def test_a_message_is_answered_and_a_signal_ends_it_clean(start: Start, tmp_path: Path) -> None:
    async with open_dingtalk() as dingtalk:
        async with start(dingtalk.url) as program:
            await dingtalk.next_connection()
            pushed = await dingtalk.say("good morning")
            await dingtalk.wait_replied(pushed)
            await dingtalk.wait_acked(pushed)
            assert await program.end(signal.SIGTERM) == 0
        [reply] = dingtalk.ledger.record(pushed).replies
    assert reply.text == "you said good morning"
    assert "dingtalk:sales/1: ready" in program.log
    assert [line.rsplit(": ")[-1].split()[0] for line in program.log.splitlines()] == [
        "started",
        "ready",
        "finishing",
        "stopped",
    ]
    assert (tmp_path / "bridge.db").stat().st_mode & 0o777 == 0o600


BINDINGS = """
[[bindings]]
agent = "one"
peer_kind = "group"
peer_id = "cidOne"

[[bindings]]
agent = "two"
peer_kind = "group"
peer_id = "cidTwo"

[[bindings]]
agent = "three"
account = "sales"
peer_id = 100001

[agents]
one = { kind = "python", handler = "clerk:one" }
two = { kind = "python", handler = "clerk:two" }
three = { kind = "python", handler = "clerk:three" }
"""
CLERKS = CLERK + "".join(f"async def {name}(message):\n    return '{name}'\n" for name in ("one", "two", "three"))


async def test_two_groups_and_a_person_are_answered_by_three_agents(start: Start) -> None:
    async with open_dingtalk() as dingtalk:
        async with start(dingtalk.url, clerk=CLERKS, more=BINDINGS) as program:
            heard = [
                await dingtalk.ask("hi", conversation=conversation, sender=sender)
                for conversation, sender in (
                    ("cidOne", "100001"), ("cidTwo", "100001"), (None, "100001"), ("cidThree", "100001"), (None, "mei")
                )
            ]  # fmt: skip
            assert await program.end(signal.SIGTERM) == 0
    assert [text.split()[-1] for text in heard] == ["one", "two", "three", "hi", "hi"]


async def test_debug_shows_the_wire_whatever_else_is_logged(start: Start) -> None:
    async with open_dingtalk() as dingtalk:
        async with start(dingtalk.url, "--log-level", "WARNING", more="debug = true\n") as program:
            assert await dingtalk.ask("hi there") == "you said hi there"
            await program.wait_logged("frame received")
            assert await program.end(signal.SIGTERM) == 0
    assert "hi there" in program.log
    assert "hush" not in program.log
    assert "DEBUG   dingtalk:sales: call method=POST" in program.log


async def test_what_was_in_hand_at_a_kill_is_answered_by_the_next_process(start: Start) -> None:
    async with open_dingtalk() as dingtalk:
        async with start(dingtalk.url, clerk=SLOW_CLERK) as program:
            await dingtalk.next_connection()
            pushed = await dingtalk.say("good morning")
            await dingtalk.wait_acked(pushed)
            await program.wait_logged("begun")
            program.process.kill()
            await program.process.wait()
        async with start(dingtalk.url) as program:
            await dingtalk.wait_replied(pushed)
            assert await program.end(signal.SIGINT) == 0
    assert dingtalk.ledger.summary().answered_twice == 0


async def test_two_signals_end_it_at_once_with_70(start: Start) -> None:
    async with open_dingtalk() as dingtalk:
        async with start(dingtalk.url, clerk=SLOW_CLERK) as program:
            await dingtalk.next_connection()
            await dingtalk.say("good morning")
            await program.wait_logged("begun")
            program.process.terminate()
            await program.wait_logged("finishing what is in hand")
            assert await program.end(signal.SIGTERM) == 70
    assert "Traceback" not in program.log


async def test_wrong_credentials_quarantine_the_account_and_say_why(start: Start) -> None:
    async with open_dingtalk() as dingtalk:
        async with start(dingtalk.url, secret="tell-nobody") as program:
            await program.wait_logged("refused cause=")
            assert await program.end(signal.SIGTERM) == 0
    [line] = [line for line in program.log.splitlines() if "refused cause=" in line]
    assert "authFailed" in line
    assert "Traceback" not in program.log
    assert "tell-nobody" not in program.log


async def test_without_a_network_it_waits_and_says_so(start: Start) -> None:
    async with start("http://127.0.0.1:9") as program:
        await program.wait_logged("again_in=")
        assert await program.end(signal.SIGTERM) == 0
    assert "Connection refused" in program.log
    assert "Traceback" not in program.log


async def test_a_log_for_programs_is_json_in_every_line(start: Start) -> None:
    async with open_dingtalk() as dingtalk:
        async with start(dingtalk.url, "--log-format", "json") as program:
            await program.wait_logged('"ready"')
            assert await program.end(signal.SIGTERM) == 0
    lines = [json.loads(line) for line in program.log.splitlines()]
    [ready] = [line for line in lines if line["message"] == "ready"]
    assert (ready["account"], ready["platform"], ready["generation"]) == ("sales", "dingtalk", 1)
