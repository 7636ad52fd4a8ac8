"""Fixtures of these tests."""

import pytest

from tests.testing.world import simulated


@pytest.fixture
async def world():
    async with simulated() as world:
        yield world
