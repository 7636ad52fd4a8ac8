"""The simulated language model, for a client that is none of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trio_bridge.errors import OutcomeUnknown
from trio_bridge.testing.openai import Hangs, OpenAISimulator, Refuses, Says, Sends
from trio_bridge.transport.http import HttpReply, open_http_client
from trio_bridge.transport.memory import MemoryNetwork

TOKEN = [("Authorization", "Bearer hush")]


async def call(
    network: MemoryNetwork, url: str, body: Any = None, *, headers: list[tuple[str, str]] = TOKEN, total: float = 100
) -> HttpReply:
    """One call; a POST where there is a body."""
    async with open_http_client(network=network, total=total) as client:
        if body is None:
            return await client.request("GET", url, headers=headers)
        return await client.request("POST", f"{url}/chat/completions", headers=headers, json=body)


def asking(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "simulated", "messages": [{"role": "user", "content": text}], **more}


def events(reply: HttpReply) -> list[Any]:
    """What the events of a stream say, decoded but for the last word."""
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    said = [line.removeprefix("data: ") for line in reply.text.split("\n\n")[:-1]]
    return [data if data == "[DONE]" else json.loads(data) for data in said]


async def test_an_answer_comes_word_by_word(autojump_clock: MockClock, network: MemoryNetwork) -> None:
    async with OpenAISimulator(network=network) as model:
        reply = await call(network, model.url, asking("good day", stream=True), headers=[])
    role, *words, finish, usage, done = events(reply)
    assert role["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [chunk["choices"][0]["delta"]["content"] for chunk in words] == ["you ", "said ", "good ", "day"]
    assert [chunk["choices"][0]["finish_reason"] for chunk in [role, *words, finish]] == [None] * 5 + ["stop"]
    assert (usage["choices"], done) == ([], "[DONE]")
    assert {chunk["object"] for chunk in (role, *words, finish, usage)} == {"chat.completion.chunk"}
    [asked] = model.asked
    assert (asked.text, asked.ended) == ("good day", "answered")


@pytest.mark.parametrize(("streams", "plain"), [(False, False), (True, True)])
async def test_an_answer_can_come_at_once(
    streams: bool, plain: bool, autojump_clock: MockClock, network: MemoryNetwork
) -> None:
    async with OpenAISimulator(network=network) as model:
        model.script(Says("hello", plain=plain, finish="length"))
        completion = (await call(network, model.url, asking("hi", stream=streams))).json()
    [choice] = completion["choices"]
    assert choice["message"] == {"role": "assistant", "content": "hello"}
    assert (choice["finish_reason"], completion["object"]) == ("length", "chat.completion")
    assert model.asked[0].ended == "answered"


async def test_what_is_scripted_comes_in_its_order(autojump_clock: MockClock, network: MemoryNetwork) -> None:
    async with OpenAISimulator(network=network) as model:
        model.script(Refuses(429, "busy", code="slow", retry_after="5"))
        model.script(Refuses(502, body=b"<html>", content_type="text/html"), Sends([b"any", b"thing"]))
        busy = await call(network, model.url, asking("hi"))
        assert (busy.status, busy.retry_after) == (429, 5)
        assert busy.json() == {"error": {"message": "busy", "type": "error", "param": None, "code": "slow"}}
        page = await call(network, model.url, asking("hi"))
        assert (page.status, page.headers["content-type"], page.text) == (502, "text/html", "<html>")
        assert (await call(network, model.url, asking("hi"))).text == "anything"


@pytest.mark.parametrize(
    ("act", "last"),
    [
        (Says("a", finish=None), "[DONE]"),
        (Says("a", ending="error"), "error"),
        (Says("a", ending="early"), "choices"),
    ],
)
async def test_how_an_answer_can_end(act: Says, last: str, autojump_clock: MockClock, network: MemoryNetwork) -> None:
    async with OpenAISimulator(network=network) as model:
        model.script(act)
        assert last in events(await call(network, model.url, asking("hi", stream=True)))[-1]


@pytest.mark.parametrize("act", [Says("a", ending="broken"), Says("a", ending="hanging"), Hangs()])
async def test_how_an_answer_can_fail_to_end(
    act: Says | Hangs, autojump_clock: MockClock, network: MemoryNetwork
) -> None:
    async with OpenAISimulator(network=network) as model:
        model.script(act)
        with pytest.raises(OutcomeUnknown):
            await call(network, model.url, asking("hi", stream=True))
        assert trio.current_time() == (0 if isinstance(act, Says) and act.ending == "broken" else 100)


async def test_a_client_that_leaves_is_noticed(autojump_clock: MockClock, network: MemoryNetwork) -> None:
    async with OpenAISimulator(network=network) as model:
        model.script(Says("one two three", pause=10))
        with pytest.raises(OutcomeUnknown):
            await call(network, model.url, asking("hi", stream=True), total=15)
        await model.wait_until(lambda: model.asked[0].ended == "left")
        assert trio.current_time() == 15


async def test_models_are_listed_unless_there_is_no_list(autojump_clock: MockClock, network: MemoryNetwork) -> None:
    async with OpenAISimulator(network=network, models=("one", "two")) as model:
        listed = (await call(network, f"{model.url}/models")).json()
        assert [entry["id"] for entry in listed["data"]] == ["one", "two"]
        refused = await call(network, model.url, asking("hi"))
        assert (refused.status, refused.json()["error"]["code"]) == (404, "model_not_found")
        model.models = None
        assert (await call(network, f"{model.url}/models")).status == 404
        assert (await call(network, model.url, asking("hi"))).ok


async def test_only_the_token_is_let_in(autojump_clock: MockClock, network: MemoryNetwork) -> None:
    async with OpenAISimulator(network=network, token="hush") as model:
        for headers in ([], [("Authorization", "Bearer hu")]):
            assert (await call(network, model.url, asking("hi"), headers=headers)).status == 401
            assert (await call(network, f"{model.url}/models", headers=headers)).status == 401
        assert (await call(network, model.url, asking("hi"))).ok
        assert len(model.asked) == 1


@pytest.mark.parametrize("body", [5, {}, {"model": "simulated"}, {"model": "simulated", "messages": []}])
async def test_what_is_no_request_is_refused(body: Any, autojump_clock: MockClock, network: MemoryNetwork) -> None:
    async with OpenAISimulator(network=network) as model:
        assert (await call(network, model.url, body)).status == 400
        assert (await call(network, f"{model.url}/other")).status == 404
        assert model.asked == []


async def test_what_is_raised_in_the_block_leaves_it_as_it_is(
    autojump_clock: MockClock, network: MemoryNetwork
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with OpenAISimulator(network=network):
            raise ZeroDivisionError
    async with OpenAISimulator(network=network, host="model.test", port=80) as model:
        assert model.url == "http://model.test:80/v1"


async def test_an_agent_for_it(network: MemoryNetwork) -> None:
    async with OpenAISimulator(network=network, token="hush", models=None) as model:
        agent = model.agent(memory=3)
    assert agent.token is not None
    assert (agent.url, agent.model, agent.token.read(), agent.memory) == (model.url, "any", "hush", 3)
