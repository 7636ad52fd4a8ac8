"""One gateway of each version for all tests: it takes seconds to start."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
import trio

from tests.interop.openclaw.fake_model import FakeModel, open_model
from tests.interop.openclaw.real_gateway import RealGateway, free_port

LIMIT = 180.0
"""Seconds that a test may take. Most is what gateways need to start and to take up what was cut off."""


@pytest.fixture(scope="session", params=[3, 4], ids=["v3", "v4"])
def one_gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealGateway]:
    gateway = RealGateway(request.param, Path(tmp_path_factory.mktemp("gateway")), free_port())
    gateway.start()
    yield gateway
    gateway.kill()


@pytest.fixture
async def gateway(one_gateway: RealGateway) -> AsyncGenerator[RealGateway]:
    """The gateway, ready, with its usual configuration. What it wrote meanwhile is shown beside a failure."""
    if one_gateway.configured:
        one_gateway.kill()
        one_gateway.configure()
    if not one_gateway.runs:
        one_gateway.start()
    await one_gateway.wait_ready()
    one_gateway.news()
    with trio.fail_after(LIMIT):
        yield one_gateway
    print(one_gateway.news())


@pytest.fixture
async def model(one_gateway: RealGateway) -> AsyncGenerator[FakeModel]:
    """What the gateway asks."""
    async with open_model(one_gateway.model_port) as model:
        yield model
