"""A language model as an agent: what it is asked, how its answer grows, and how its failures are met."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.engine.conftest import virtual_environment
from tests.engine.fake import Fake, FakeLink, FakeServer
from tests.transport.servers import serving
from trio_bridge import Account, Secret, open_bridge
from trio_bridge.agents import Echo, OpenAI, Route, Router
from trio_bridge.engine.context import Stream
from trio_bridge.engine.store import Store
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.testing.dingtalk import DingTalkSimulator
from trio_bridge.testing.openai import Hangs, OpenAISimulator, Refuses, Says, Sends
from trio_bridge.transport.memory import MemoryNetwork
from trio_bridge.transport.server import HttpRequest, HttpStreamResponse, SendPiece

MARK = "⚠ (interrupted)"


@attrs.frozen
class Stage:
    """An account of the fake platform that a model answers in."""

    server: FakeServer
    link: FakeLink
    account: Account

    async def ask(self, text: str = "hello", key: str = "m1") -> str:
        """The answer to a message; all that there is of it."""
        before = len(self.server.answers)
        self.link.push(key, text)
        await self.server.until(lambda: len(self.server.answers) > before)
        return self.server.texts[-1]


Open = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture
def stage(network: MemoryNetwork, model: OpenAISimulator) -> Open:
    @asynccontextmanager
    async def stage(
        agent: OpenAI | None = None, *, store: str | Store = "memory:", **config: Any
    ) -> AsyncGenerator[Stage]:
        server = FakeServer()
        accounts = [Fake(server=server, **config)]
        environment = virtual_environment(network=network)
        async with open_bridge(
            accounts, agent or model.agent(memory=0), store=store, environment=environment
        ) as bridge:
            yield Stage(server, await server.connection(), bridge.account("a"))

    return stage


async def test_a_text_is_answered_by_the_model(autojump_clock: MockClock, model: OpenAISimulator, stage: Open) -> None:
    agent = model.agent(system="be brief", temperature=0, max_tokens=50)
    async with stage(agent) as on:
        assert await on.ask("good morning, 你好") == "you said good morning, 你好"
    [asked] = model.asked
    assert asked.body == {
        "model": "simulated",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "good morning, 你好"},
        ],
        "stream": True,
        "temperature": 0,
        "max_tokens": 50,
    }
    assert asked.headers["authorization"] == "Bearer hush"
    assert asked.headers["accept"] == "text/event-stream, application/json"


async def test_options_that_are_not_given_are_not_sent(
    autojump_clock: MockClock, network: MemoryNetwork, model: OpenAISimulator, stage: Open
) -> None:
    model.token = None
    async with stage(model.agent(url=model.url + "//", token=None)) as on:
        await on.ask()
    [asked] = model.asked
    assert set(asked.body) == {"model", "messages", "stream"}
    assert "authorization" not in asked.headers


async def test_the_answer_grows_while_the_model_speaks(
    autojump_clock: MockClock, model: OpenAISimulator, stage: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[float, str]] = []
    write = Stream.write

    async def watched(self: Stream, delta: str) -> None:
        await write(self, delta)
        seen.append((trio.current_time(), self.text))

    monkeypatch.setattr(Stream, "write", watched)
    model.script(Says("one two three", pause=1))
    async with stage() as on:
        assert await on.ask() == "one two three"
    assert seen == [(2, "one "), (3, "one two "), (4, "one two three")]


@pytest.mark.parametrize("text", ["", " \n"])
async def test_what_has_no_text_is_not_answered(
    autojump_clock: MockClock, model: OpenAISimulator, stage: Open, text: str
) -> None:
    async with stage() as on:
        on.link.push("m1", text)
        await trio.sleep(100)
        assert on.account.counters.handled == 1
        assert on.server.answers == []
    assert model.asked == []


async def test_half_a_character_does_no_harm(autojump_clock: MockClock, model: OpenAISimulator, stage: Open) -> None:
    async with stage() as on:
        assert await on.ask("a\ud83d") == "you said a\N{REPLACEMENT CHARACTER}"


# What is no answer.


@pytest.mark.parametrize(
    ("act", "shown", "complaint"),
    [
        (Says("half", ending="early"), "half", "RemoteProtocolError: the answer ended early"),
        (Says("half", ending="broken"), "half", "OutcomeUnknown: POST http://127.0.0.1:[0-9]+: "),
        (Says("half", ending="error"), "half", "RequestFailed: the model failed: the model stumbled"),
        (Says("half", ending="hanging"), "half", "PeerSilent: the model fell silent"),
        (Says("half an answer", pause=40), "half an ", "ConnectionLost: .* not through with its answer within 130 s"),
        (Says("half", pause=100), "", "PeerSilent: the model fell silent"),
        (Hangs(), "", "OutcomeUnknown: POST http://127.0.0.1:[0-9]+: no answer within 80 s"),
        (Sends([b"data: {\n\n"]), "", "RemoteProtocolError: the server sent what is not JSON"),
        (Sends([b"data: " + b"x" * 2**20, b"x"]), "", "RemoteProtocolError: the server sent an event of more than"),
        (Sends([b"hello"], content_type="text/html"), "", "RemoteProtocolError: the answer ended early"),
        (Sends([b"{}"], content_type="application/json"), "", "RemoteProtocolError: the model answered with nothing"),
        (Says(""), "", "RemoteProtocolError: the model answered with nothing"),
        (Says("", finish="length"), "", "answered with nothing .finish_reason 'length'"),
        (Refuses(401, "hush is no key"), "", r"AccountRefused: .* the agent's token: 401 \*\*\* is no key"),
        (Refuses(404, "nothing here"), "", "RequestFailed: .* no model 'simulated', .* 404 nothing here"),
        (Refuses(500, body=b"<html>", content_type="text/html"), "", "RateLimited: .* now: 500 .a web page"),
        (Refuses(400, body=b"hush" * 10**5, content_type="text/plain"), "", r"refused the request: 400 \*\*\*"),
    ],
)
async def test_what_is_no_answer_is_a_failure_and_at_last_a_mark(
    act: Any,
    shown: str,
    complaint: str,
    autojump_clock: MockClock,
    model: OpenAISimulator,
    stage: Open,
    caplog: pytest.LogCaptureFixture,
) -> None:
    model.script(act)
    store = MemoryStore()
    agent = model.agent(first_timeout=80, silence_timeout=60, timeout=130)
    async with stage(agent, store=store, max_attempts=1) as on:
        assert await on.ask() == f"{shown}\n\n{MARK}".lstrip()
        [letter] = await (await store.open_account("a", platform="fake")).dead_letters()
        assert re.search(complaint, letter.error)
        # Nothing is wrong with the connection, and nothing with what comes next. What failed is not remembered.
        assert on.account.generation == 1
        assert await on.ask("next", "m2") == "you said next"
    assert model.asked[-1].messages == [("user", "next")]
    assert "hush" not in caplog.text + letter.error


async def test_the_limit_for_the_whole_holds_for_the_beginning_too(
    autojump_clock: MockClock, model: OpenAISimulator, stage: Open
) -> None:
    model.script(Hangs())
    async with stage(model.agent(first_timeout=80, timeout=20), max_attempts=1) as on:
        assert await on.ask() == MARK
        assert trio.current_time() == pytest.approx(20)


async def test_an_address_that_is_not_loopback_can_be_allowed(
    autojump_clock: MockClock, network: MemoryNetwork, stage: Open
) -> None:
    async with OpenAISimulator(network=network, host="model.test") as model:
        agent = model.agent(allow_insecure=True)
        assert "among the 1" in await agent.probe(virtual_environment(network=network))
        async with stage(agent) as on:
            assert await on.ask() == "you said hello"


async def test_the_next_attempt_makes_up_for_a_failure(
    autojump_clock: MockClock, model: OpenAISimulator, stage: Open
) -> None:
    model.script(Says("half", ending="early"), Says("half", ending="broken"), Says("all of it"))
    async with stage() as on:
        assert await on.ask() == "all of it"
        await trio.sleep(100)
        assert on.server.answers == [("m1/1", "all of it")]
    assert [asked.at for asked in model.asked] == pytest.approx([0, 0.5, 1.5])


@pytest.mark.parametrize(("hint", "again"), [("60", 66), ("3", 11), (None, 11), ("100000", 330)])
async def test_an_endpoint_that_is_busy_is_left_in_peace_for_as_long_as_it_says(
    hint: str | None, again: float, autojump_clock: MockClock, model: OpenAISimulator, stage: Open
) -> None:
    model.script(Refuses(429, "busy", retry_after=hint))
    async with stage() as on:
        assert await on.ask() == "you said hello"
    assert [asked.at for asked in model.asked] == pytest.approx([0, again])


async def test_an_endpoint_may_be_away_for_a_while(
    autojump_clock: MockClock, network: MemoryNetwork, model: OpenAISimulator, stage: Open
) -> None:
    async with stage() as on:
        with network.refusing():
            on.link.push("m1")
            await trio.sleep(40)
            assert on.account.counters.failed == 4
        await on.server.until(lambda: on.server.answers)
    assert on.server.answers == [("m1/1", "you said hi")]


async def test_a_cut_answer_and_a_withheld_one_say_so(
    autojump_clock: MockClock, model: OpenAISimulator, stage: Open
) -> None:
    model.script(Says("a long", finish="length"), Says("a bad", finish="content_filter"))
    async with stage() as on:
        assert await on.ask() == "a long\n\n⚠ (cut short)"
        assert await on.ask(key="m2") == "a bad\n\n⚠ (withheld)"
        assert on.account.counters.failed == 0


async def test_servers_that_do_not_stream_or_compress_are_understood(
    autojump_clock: MockClock, model: OpenAISimulator, stage: Open
) -> None:
    events = b'data: {"choices": [{"delta": {"content": "small"}}]}\n\ndata: [DONE]\n\n'
    model.script(Says("all at once", plain=True))
    model.script(Sends([gzip.compress(events)], headers=[("Content-Encoding", "gzip")]))
    async with stage() as on:
        assert await on.ask() == "all at once"
        assert await on.ask(key="m2") == "small"


async def test_a_server_that_does_not_hang_up_after_its_answer_is_not_waited_for(
    autojump_clock: MockClock, model: OpenAISimulator, stage: Open
) -> None:
    model.script(Says("whole", finish="stop", ending="lingering"))
    async with stage() as on:
        assert await on.ask() == "whole"
        assert trio.current_time() == pytest.approx(1)
    assert model.asked[0].ended == "left"


async def test_what_happens_after_the_end_of_an_answer_does_not_harm_it(
    autojump_clock: MockClock, network: MemoryNetwork, model: OpenAISimulator, stage: Open
) -> None:
    model.script(Says("whole", ending="lingering"))
    async with stage() as on, trio.open_nursery() as nursery:

        @nursery.start_soon
        async def cut() -> None:
            await trio.sleep(0.5)
            network.connections[0].break_()

        assert await on.ask() == "whole"
        assert trio.current_time() == pytest.approx(0.5)


@pytest.mark.parametrize(("how", "takes"), [("hangs", 1), ("breaks", 0), ("has no end", 0)])
async def test_the_words_of_a_refusal_are_not_waited_for(
    how: str, takes: float, autojump_clock: MockClock, network: MemoryNetwork, model: OpenAISimulator, stage: Open
) -> None:
    async def write(send: SendPiece) -> bool:
        await send(b"so sorry ")
        if how == "hangs":
            await trio.sleep_forever()
        while how == "has no end":
            await send(b"x" * 1000)
        return False

    async def answer(request: HttpRequest) -> HttpStreamResponse:
        return HttpStreamResponse(write, 500)

    store = MemoryStore()
    async with serving(network, answer) as port:
        agent = model.agent(url=f"http://127.0.0.1:{port}")
        async with stage(agent, store=store, max_attempts=1) as on:
            assert await on.ask() == MARK
            assert trio.current_time() == pytest.approx(takes)
    [letter] = await (await store.open_account("a", platform="fake")).dead_letters()
    assert "RateLimited: the endpoint can't answer now: 500 so sorry" in letter.error


async def test_a_connection_is_used_again(
    autojump_clock: MockClock, network: MemoryNetwork, model: OpenAISimulator, stage: Open
) -> None:
    async with stage() as on:
        await on.ask()
        [connection] = network.connections
        await on.ask(key="m2")
        assert network.connections == [connection]
    await wait_all_tasks_blocked()
    assert network.connections == []


async def test_leaving_hangs_up_at_once(
    autojump_clock: MockClock, network: MemoryNetwork, model: OpenAISimulator, stage: Open
) -> None:
    model.script(Says("half", ending="hanging"))
    with trio.CancelScope() as scope:
        async with stage() as on:
            on.link.push("m1")
            await model.wait_until(lambda: model.asked)
            await wait_all_tasks_blocked()
            scope.cancel()
    await model.wait_until(lambda: model.asked[0].ended == "left")
    assert trio.current_time() == 0
    assert network.connections == []


async def test_nobody_else_notices_a_model_that_hangs(
    autojump_clock: MockClock, network: MemoryNetwork, model: OpenAISimulator
) -> None:
    model.script(*[Hangs()] * 20)
    servers = {name: FakeServer() for name in "abc"}
    async with OpenAISimulator(network=network) as healthy:
        agents = {"a": model.agent(), "b": healthy.agent(), "c": Echo()}
        router = Router(routes=[Route(account=name, agent=agent) for name, agent in agents.items()])
        accounts = [Fake(name=name, server=server) for name, server in servers.items()]
        async with open_bridge(accounts, router, environment=virtual_environment(network=network)) as bridge:
            for server in servers.values():
                link = await server.connection()
                for number in range(20):
                    link.push(f"m{number}", lane=f"lane {number}")
            for name in "bc":
                await servers[name].until(lambda name=name: len(servers[name].texts) == 20)
            assert trio.current_time() < 5  # the pace of the outbox
            assert servers["a"].texts == []
            assert bridge.account("a").state == "ready"
            bridge.shutdown_grace = 0


async def test_in_groups_the_model_can_be_told_who_speaks(
    autojump_clock: MockClock, network: MemoryNetwork, model: OpenAISimulator
) -> None:
    name = {"senderNick": "  Mei\n" + "x" * 100}
    async with DingTalkSimulator(network=network) as dingtalk:
        for show in (True, False):
            async with dingtalk.open_account(model.agent(show_sender=show, memory=0), require_mention=False):
                for changes in (name, {"senderNick": ""}):
                    await dingtalk.wait_replied(await dingtalk.say("hi", conversation="cidX", changes=changes))
                await dingtalk.wait_replied(await dingtalk.say("hi", changes=name))
    shown = [asked.text for asked in model.asked]
    assert shown[0] == f"Mei {'x' * 56}: hi"
    assert shown[1] == "staff0001: hi"
    assert shown[2:] == ["hi"] * 4


@pytest.mark.parametrize(
    ("system", "prompt", "told"),
    [("Be brief.", "", "Be brief."), ("", "Be kind.", "Be kind."), ("Be brief.", "Be kind.", "Be brief.\n\nBe kind.")],
)
async def test_the_model_is_told_the_prompt_of_the_account_after_its_own(
    autojump_clock: MockClock, network: MemoryNetwork, model: OpenAISimulator, system: str, prompt: str, told: str
) -> None:
    async with (
        DingTalkSimulator(network=network) as dingtalk,
        dingtalk.open_account(model.agent(system=system), system_prompt=prompt),
    ):
        await dingtalk.ask("hi")
    assert model.asked[0].messages[0] == ("system", told)


async def test_the_token_is_read_anew_for_each_request(
    autojump_clock: MockClock, model: OpenAISimulator, stage: Open, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("old\n")
    async with stage(model.agent(token=Secret(file=file))) as on:
        on.link.push("m1")
        await trio.sleep(0.4)
        assert on.account.counters.failed == 1
        file.write_text("hush\n")
        await on.server.until(lambda: on.server.answers)
        file.unlink()
        on.link.push("m2")
        await trio.sleep(0.4)
        assert on.account.counters.failed == 2
    assert len(model.asked) == 1
