"""A language model before its first message: what can be configured, and what a probe finds out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
import trustme
from trio.testing import MockClock

from tests.engine.conftest import virtual_environment
from tests.engine.fake import Fake, FakeServer
from tests.transport.servers import serving
from trio_bridge import AccountRefused, ConfigError, NotSent, RateLimited, RequestFailed, Secret, open_bridge
from trio_bridge.agents import OpenAI
from trio_bridge.agents.config import AGENTS, OpenAIConfig
from trio_bridge.engine.environment import Environment
from trio_bridge.testing.openai import OpenAISimulator
from trio_bridge.transport.memory import MemoryNetwork
from trio_bridge.transport.server import HttpRequest, HttpResponse
from trio_bridge.transport.tcp import SystemNetwork


@pytest.mark.parametrize(
    ("options", "complaints"),
    [
        ({"url": "http://model.example/v1"}, ["url: http://model.example:80 is not encrypted, and"]),
        ({"url": "ws://127.0.0.1/v1"}, ["url: expected an http or https URL"]),
        ({"url": "127.0.0.1:80"}, ["url: not a usable URL: expected one of"]),
        ({"url": "https://me:hush@model.example/v1"}, ["url: expected a base URL, without query"]),
        ({"url": "https://hush@model.example/v1"}, ["url: expected a base URL, without query"]),
        ({"url": "https://model.example/v1#hush"}, ["url: expected a base URL, without query"]),
        ({"url": "https://model.example/v1?key=hush", "model": " "}, ["url: expected a base URL", "model: expected"]),
    ],
)
def test_what_can_not_work_is_said_at_once(options: dict[str, Any], complaints: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        OpenAI(**{"url": "http://127.0.0.1:1/v1", "model": "m", **options})
    assert len(caught.value.problems) == len(complaints)
    for problem, complaint in zip(caught.value.problems, complaints, strict=True):
        assert problem.startswith(complaint)
        assert "hush" not in problem


def test_plain_http_to_other_machines_has_to_be_allowed() -> None:
    assert OpenAI(url="http://model.example/v1/", model="m", allow_insecure=True).url == "http://model.example/v1"


def test_nothing_secret_shows() -> None:
    agent = OpenAI(url="http://127.0.0.1:1/v1", model="m", token="hush", system="hush")
    assert "hush" not in repr(agent)


async def test_what_can_not_be_read_is_said_before_the_first_message(tmp_path: Path) -> None:
    assert AGENTS["openai"] is OpenAIConfig
    config = OpenAIConfig(
        url="https://model.example/v1", model="m", token=Secret(env="NO_SUCH_TOKEN"), ca_file=tmp_path / "ca.pem"
    )
    expected = (
        "token: environment variable NO_SUCH_TOKEN is not set",
        f"ca_file: {tmp_path / 'ca.pem'}: No such file or directory",
    )
    with pytest.raises(ConfigError) as caught:
        config.build(tmp_path)
    assert caught.value.problems == expected
    with pytest.raises(ConfigError) as caught:
        async with config.open(virtual_environment()):
            raise AssertionError("unreachable")
    assert caught.value.problems == expected


def test_the_table_of_a_configuration_file_is_the_agent(tmp_path: Path) -> None:
    config = OpenAIConfig(url="https://model.example/v1", model="m")
    assert config.build(tmp_path) is config
    assert attrs.fields_dict(OpenAIConfig).keys() == attrs.fields_dict(OpenAI).keys()


async def test_a_certificate_can_be_pinned(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    async def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse.json({"data": [{"id": "m"}], "choices": [{"message": {"content": "safe and sound"}}]})

    async with serving(SystemNetwork(), answer, tls=authority.issue_cert("127.0.0.1")) as port:
        agent = OpenAI(url=f"https://127.0.0.1:{port}/v1", model="m")
        with pytest.raises(AccountRefused, match=r"the certificate of 127\.0\.0\.1 was not accepted"):
            await agent.probe(Environment())
        pinned = attrs.evolve(agent, ca_file=tmp_path / "ca.pem")
        assert await pinned.probe(Environment()) == "answers; model 'm' is among the 1 it lists"
        server = FakeServer()
        with trio.fail_after(30):
            async with open_bridge([Fake(server=server)], pinned):
                (await server.connection()).push("m1")
                await server.until(lambda: server.answers)
    assert server.texts == ["safe and sound"]


# The probe


@pytest.mark.parametrize(
    ("models", "found"),
    [
        (("simulated", "other"), "answers; model 'simulated' is among the 2 it lists"),
        (("other",), "answers; model 'simulated' is not among the 1 it lists"),
        ((), "answers"),
        (None, "can be reached; it lists no models, so token and model remain to be seen"),
    ],
)
async def test_a_probe_looks_for_the_model(
    models: tuple[str, ...] | None,
    found: str,
    autojump_clock: MockClock,
    network: MemoryNetwork,
    model: OpenAISimulator,
) -> None:
    agent = model.agent()
    model.models = models
    assert await agent.probe(virtual_environment(network=network)) == found
    assert model.asked == []


async def test_a_probe_says_what_is_wrong(
    autojump_clock: MockClock, network: MemoryNetwork, model: OpenAISimulator
) -> None:
    environment = virtual_environment(network=network)
    with pytest.raises(AccountRefused, match="refuses the agent's token: 401 Incorrect API key provided"):
        await model.agent(token="wrong").probe(environment)
    with pytest.raises(AccountRefused, match="wants a token, and the agent has none"):
        await model.agent(token=None).probe(environment)
    with pytest.raises(ConfigError, match=r"^token: environment variable NO_SUCH_TOKEN is not set$"):
        await model.agent(token=Secret(env="NO_SUCH_TOKEN")).probe(environment)
    with network.refusing(), pytest.raises(NotSent, match="Connection refused"):
        await model.agent().probe(environment)
    with network.blackhole(), pytest.raises(NotSent, match="no answer within 10 s"):
        await model.agent().probe(environment)


@pytest.mark.parametrize(
    ("response", "error", "complaint"),
    [
        (HttpResponse(200, (), b"<html>"), RequestFailed, "what is not JSON: is url its base"),
        (HttpResponse(301, [("Location", "/x")]), RequestFailed, "redirects are not followed"),
        (HttpResponse(503, [("Retry-After", "30")]), RateLimited, "can't answer now: 503"),
    ],
)
async def test_a_probe_of_something_else(
    response: HttpResponse,
    error: type[Exception],
    complaint: str,
    autojump_clock: MockClock,
    network: MemoryNetwork,
) -> None:
    async def answer(request: HttpRequest) -> HttpResponse:
        return response

    async with serving(network, answer) as port:
        with pytest.raises(error, match=complaint):
            await OpenAI(url=f"http://127.0.0.1:{port}", model="m").probe(virtual_environment(network=network))


@pytest.mark.parametrize("listed", [5, [], {}, {"data": 5}, {"data": [5]}, {"data": []}])
async def test_a_list_of_another_form_is_no_obstacle(
    listed: object, autojump_clock: MockClock, network: MemoryNetwork
) -> None:
    async def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse.json(listed)

    async with serving(network, answer) as port:
        agent = OpenAI(url=f"http://127.0.0.1:{port}", model="m")
        assert await agent.probe(virtual_environment(network=network)) == "answers"
