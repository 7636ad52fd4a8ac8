"""The first signal asks to finish, the second ends."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from trio_bridge.runner.signals import heed_signals


class Heeding:
    def __init__(self) -> None:
        self.finish = trio.Event()
        self.everything = trio.CancelScope()


@pytest.fixture
async def heeding(nursery: trio.Nursery) -> AsyncIterator[Heeding]:
    heeding = Heeding()
    await nursery.start(heed_signals, heeding.finish, heeding.everything)
    yield heeding
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_asks_to_finish(heeding: Heeding, number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    with trio.fail_after(5):
        await heeding.finish.wait()
    assert not heeding.everything.cancel_called


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_the_second_ends_everything(heeding: Heeding, second: signal.Signals) -> None:
    with trio.fail_after(5), heeding.everything:
        os.kill(os.getpid(), signal.SIGTERM)
        await heeding.finish.wait()
        os.kill(os.getpid(), second)
        await trio.sleep_forever()
    assert heeding.everything.cancelled_caught


async def test_after_that_signals_have_their_usual_effect(heeding: Heeding) -> None:
    with trio.fail_after(5), heeding.everything:
        before = signal.getsignal(signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        await heeding.finish.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await trio.sleep_forever()
    await trio.testing.wait_all_tasks_blocked()
    assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
