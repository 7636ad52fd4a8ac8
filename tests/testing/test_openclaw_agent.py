"""The agent behind the OpenClaw simulator, as tests of clients use it."""

from contextlib import asynccontextmanager

import pytest
import trio

from trio_bridge.errors import OutcomeUnknown, RequestFailed
from trio_bridge.testing.openclaw import Fail, Hold, OpenClawSimulator, Pause, Retake, Say
from trio_bridge.transport.http import open_http_client

BOTH = pytest.mark.parametrize("protocol", [3, 4])
COMPLETIONS = "/v1/chat/completions"
TOKEN = "hush"
LET_IN = [("Authorization", f"Bearer {TOKEN}")]


@pytest.fixture
async def simulator(protocol, network):
    async with OpenClawSimulator(protocol=protocol, token=TOKEN, network=network, patience=60) as gateway:
        yield gateway


@pytest.fixture
async def http(network):
    async with open_http_client(network=network, total=100) as client:
        yield client


async def ask(account, text, key=None):
    async with account.api.chat("main", text, key=key) as run:
        async for _ in run:
            pass
    return run.text


@BOTH
async def test_what_is_not_scripted_is_answered_with_an_echo(autojump_clock, simulator):
    async with simulator.open_account() as account:
        assert await ask(account, "hello") == "you said hello"


@BOTH
async def test_replies_come_one_after_another_and_then_the_agent(autojump_clock, simulator):
    simulator.agent = lambda question: question.text.upper()
    simulator.reply("first", [Pause(1), Say("second")])
    async with simulator.open_account() as account:
        assert [await ask(account, text) for text in ("a", "b", "c")] == ["first", "second", "C"]


@BOTH
async def test_deltas_come_in_virtual_time(autojump_clock, simulator):
    simulator.reply([Pause(2), Say("wrong"), Pause(3), Retake("right"), Pause(1)])
    async with simulator.open_account() as account:
        begun, seen = trio.current_time(), []
        async with account.api.chat("main", "think") as run:
            async for _ in run:
                seen.append((round(trio.current_time() - begun, 3), run.text))
        assert seen == [(2.0, "wrong"), (5.0, "right")]
        assert (run.text, round(trio.current_time() - begun, 3)) == ("right", 6.0)


@BOTH
async def test_a_run_that_is_held_is_released(autojump_clock, simulator):
    simulator.reply([Say("so far"), Hold(), Say(" and on")])
    async with simulator.open_account() as account, trio.open_nursery() as nursery:
        nursery.start_soon(ask, account, "wait", "k1")
        await simulator.wait_until(lambda: simulator.held)
        (run,) = simulator.runs
        assert (run.id, run.answer) == ("k1", "so far")
        simulator.release()
        await simulator.wait_until(lambda: not simulator.runs)
    assert run.answer == "so far and on"


@BOTH
async def test_questions_and_messages_are_counted(autojump_clock, simulator):
    async with simulator.open_account() as account:
        for _ in range(2):
            await account.api.request(
                "chat.send", {"sessionKey": "main", "message": "hello", "idempotencyKey": "k1", "deliver": False}
            )
        await trio.sleep(1)
        simulator.reply([Fail()])
        with pytest.raises(RequestFailed):
            await ask(account, "other", "k2")
    assert (simulator.times_asked(), simulator.times_asked(key="k1"), simulator.times_asked(text="other")) == (2, 1, 1)
    assert [each.status for each in simulator.messages] == ["started", "in_flight", "started"]
    session = simulator.session("main")
    assert session is not None
    assert [row.text for row in session.rows][:2] == ["hello", "you said hello"]


@BOTH
async def test_http_is_answered_on_the_same_port(autojump_clock, simulator, http):
    body = {"model": "openclaw", "messages": [{"role": "user", "content": "hello"}]}
    answer = await http.request("POST", f"{simulator.http_url}{COMPLETIONS}", headers=LET_IN, json=body)
    assert answer.json()["choices"][0]["message"]["content"] == "you said hello"
    assert (await http.request("GET", f"{simulator.http_url}/ready")).status == 200
    with simulator.starting():
        assert (await http.request("GET", f"{simulator.http_url}/ready")).status == 503


@BOTH
async def test_whoever_leaves_a_stream_aborts_the_run(autojump_clock, simulator, http):
    simulator.reply([Say("half"), Hold()])
    async with half_said(simulator, http):
        assert [run.answer for run in simulator.runs] == ["half"]
    await simulator.wait_until(lambda: not simulator.runs)


@BOTH
async def test_a_gateway_that_is_killed_breaks_a_stream_off(autojump_clock, simulator, http):
    simulator.reply([Say("half"), Hold()])
    async with half_said(simulator, http) as stream:
        await simulator.stop(killed=True)
        with pytest.raises(OutcomeUnknown):
            await stream.read(1_000_000)
    assert not simulator.runs


@asynccontextmanager
async def half_said(simulator, http):
    """A stream on which half of an answer has come."""
    body = {"messages": [{"role": "user", "content": "x"}], "stream": True}
    async with http.stream("POST", f"{simulator.http_url}{COMPLETIONS}", headers=LET_IN, json=body) as stream:
        said = b""
        while b"half" not in said:
            said += await stream.receive_some()
        yield stream
