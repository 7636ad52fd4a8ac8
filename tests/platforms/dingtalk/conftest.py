"""Recorded frames and replies, and a DingTalk in memory to play them to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import pytest
import trio

from tests.platforms.dingtalk.cloud import CLIENT_ID, SECRET, Cloud, Desk, open_desk
from trio_bridge.config import Transport
from trio_bridge.gateways.calls import Answer
from trio_bridge.transport.server import serve_listener

DATA = Path(__file__).parents[2] / "data" / "dingtalk"


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``vector`` is each recorded frame, ``rest_case`` each recorded reply."""
    for argument, name in (("vector", "server_frames.jsonl"), ("rest_case", "rest_cases.jsonl")):
        if argument in metafunc.fixturenames:
            rows = lines(name)
            metafunc.parametrize(argument, rows, ids=[row["name"] for row in rows])


@pytest.fixture(scope="session")
def frames() -> dict[str, str]:
    """The recorded frames by name."""
    return {row["name"]: row["frame"] for row in lines("server_frames.jsonl")}


@pytest.fixture(scope="session")
def replies() -> dict[str, Answer]:
    """The recorded replies by name."""
    return {
        row["name"]: Answer(status=row["status"], body=row["body"], content_type=row["content_type"])
        for row in lines("rest_cases.jsonl")
    }


@pytest.fixture(params=get_args(Transport))
def transport(request: pytest.FixtureRequest) -> Transport:
    """Each of the libraries that speak WebSocket, for both ends of a connection."""
    return request.param


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    subject = Cloud()
    subject.gateway.add_app(CLIENT_ID, SECRET)
    listener = await subject.network.listen_tcp("127.0.0.1", 8080)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_listener, listener, subject.handle)
        yield subject
        nursery.cancel_scope.cancel()


@pytest.fixture
async def desk(cloud: Cloud) -> AsyncIterator[Desk]:
    async with open_desk(cloud) as subject:
        yield subject
