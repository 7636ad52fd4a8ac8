"""Fixtures for pytest, by choice: ``pytest_plugins = ["trio_bridge.testing.fixtures"]`` in your ``conftest.py``.

::

    async def test_my_bot_answers(autojump_clock, dingtalk):
        async with dingtalk.open_account(my_handler):
            assert await dingtalk.ask("hello") == "you said hello"

``feishu`` is the same for Feishu. They need pytest-trio. Without its ``trio_mode`` a test says ``@pytest.mark.trio``.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
import trio
from trio.testing import MockClock

from ..platforms.dingtalk.gateway.model import Rules as DingTalkRules
from ..platforms.feishu.gateway.model import Rules as FeishuRules
from ..transport.memory import MemoryNetwork
from .dingtalk import DingTalkSimulator
from .feishu import FeishuSimulator

LONGEST = 300_000.0
"""Seconds of virtual time: a test that hangs while connections beat fails after them, which takes moments."""
HUNG = (
    f"the test did not end within {LONGEST:,.0f} s. A clock that jumps waits for no thread (trio.to_thread, trio.Path) "
    "and so not for the disk of store='sqlite:PATH' either: take open_sqlite(PATH, executor=inline)"
)
REAL_PATIENCE = 30.0
"""Seconds, where they are real."""

AnySimulator = TypeVar("AnySimulator", DingTalkSimulator, FeishuSimulator)
Simulated = Callable[[], AsyncIterator[AnySimulator]]


def _fixture(simulated: Simulated[AnySimulator]) -> Callable[..., object]:
    """The generator as a fixture of pytest-trio. Where that is missing, who uses the fixture is told so."""
    if importlib.util.find_spec("pytest_trio") is not None:
        from pytest_trio import trio_fixture  # type: ignore[import-untyped]  # it has no stubs

        made: Callable[..., object] = trio_fixture(simulated)
        return made

    def missing() -> None:
        pytest.fail(f"the fixture {simulated.__name__!r} needs pytest-trio: pip install pytest-trio", pytrace=False)

    return pytest.fixture(name=simulated.__name__)(missing)


@asynccontextmanager
async def _in_memory(kind: type[AnySimulator]) -> AsyncIterator[AnySimulator]:
    begun, born = trio.current_time(), time.time()
    with trio.move_on_after(LONGEST) as limit:
        # Without a seed: ids that come again in each run would be duplicates to a bot that keeps its store.
        async with kind(network=MemoryNetwork(), wall=lambda: born + trio.current_time() - begun) as simulator:
            yield simulator
    if limit.cancelled_caught:
        pytest.fail(HUNG, pytrace=False)


def _need_real_time(name: str) -> None:
    if isinstance(trio.lowlevel.current_clock(), MockClock):
        pytest.fail(
            f"the fixture '{name}_on_loopback' needs real time: take '{name}', or leave the clock out", pytrace=False
        )


@_fixture
async def dingtalk() -> AsyncIterator[DingTalkSimulator]:
    """A DingTalk in memory, for bots in the same process. With ``autojump_clock`` a test takes no time."""
    async with _in_memory(DingTalkSimulator) as simulator:
        yield simulator


@_fixture
async def dingtalk_on_loopback() -> AsyncIterator[DingTalkSimulator]:
    """A DingTalk on a port of this machine that lets any credentials in, for bots in processes of their own.

    ``dingtalk_on_loopback.url`` is their endpoint. Time is real, so an answer is waited for half a minute only.
    """
    _need_real_time("dingtalk")
    async with DingTalkSimulator(rules=DingTalkRules(any_credentials=True), patience=REAL_PATIENCE) as simulator:
        yield simulator


@_fixture
async def feishu() -> AsyncIterator[FeishuSimulator]:
    """A Feishu in memory, for bots in the same process. With ``autojump_clock`` a test takes no time."""
    async with _in_memory(FeishuSimulator) as simulator:
        yield simulator


@_fixture
async def feishu_on_loopback() -> AsyncIterator[FeishuSimulator]:
    """A Feishu on a port of this machine that lets any credentials in, for bots in processes of their own.

    ``feishu_on_loopback.url`` is their domain. Time is real, so an answer is waited for half a minute only.
    """
    _need_real_time("feishu")
    async with FeishuSimulator(rules=FeishuRules(any_credentials=True), patience=REAL_PATIENCE) as simulator:
        yield simulator
