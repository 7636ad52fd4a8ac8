"""Blocks of code with tasks beside them."""

from __future__ import annotations

import pytest
import trio

from trio_bridge.nurseries import leaves, open_background


async def fail() -> None:
    raise KeyError("a bug")


async def test_what_serves_a_block_ends_with_it() -> None:
    ended = trio.Event()

    async def serve() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    async with open_background("it is left") as nursery:
        nursery.start_soon(serve)
        await trio.lowlevel.checkpoint()
        assert not ended.is_set()
    assert ended.is_set()


@pytest.mark.parametrize("error", [ValueError("mine"), ExceptionGroup("mine", [ValueError("a"), TypeError("b")])])
async def test_what_a_block_raises_comes_out_as_it_is(error: Exception) -> None:
    async def block() -> None:
        async with open_background("it is left") as nursery:
            nursery.start_soon(trio.sleep_forever)
            raise error

    with pytest.raises(type(error), match="mine") as caught:
        await block()
    assert caught.value is error
    assert error.__context__ is None


async def test_what_a_block_raises_when_it_is_cancelled_is_not_lost() -> None:
    async def block() -> None:
        with trio.CancelScope() as scope:
            async with open_background("it is left") as nursery:
                nursery.start_soon(trio.sleep_forever)
                scope.cancel()
                try:
                    await trio.lowlevel.checkpoint()
                finally:
                    raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await block()


async def test_a_task_that_fails_ends_the_block_and_comes_out_in_a_group() -> None:
    with pytest.RaisesGroup(KeyError):
        async with open_background("it is left") as nursery:
            nursery.start_soon(fail)
            await trio.sleep_forever()


async def test_a_block_that_ends_in_a_group_of_cancellations_hides_no_failure() -> None:
    with pytest.RaisesGroup(KeyError):
        async with open_background("it is left") as nursery, trio.open_nursery() as inner:
            inner.start_soon(trio.sleep_forever)
            nursery.start_soon(fail)
            await trio.sleep_forever()


async def test_the_failures_of_both_are_told() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(KeyError), pytest.RaisesExc(ValueError, match="mine")):
        async with open_background("it is left") as nursery:
            nursery.start_soon(fail)
            try:
                await trio.sleep_forever()
            finally:
                raise ValueError("mine")


async def test_a_cancellation_from_outside_stays_in_its_scope() -> None:
    with trio.CancelScope() as scope:
        async with open_background("it is left") as nursery, trio.open_nursery() as inner:
            nursery.start_soon(trio.sleep_forever)
            inner.start_soon(trio.sleep_forever)
            scope.cancel()
    assert scope.cancelled_caught


def test_a_group_has_leaves_at_any_depth() -> None:
    errors = [ValueError(str(number)) for number in range(3)]
    assert leaves(ExceptionGroup("", [errors[0], ExceptionGroup("", errors[1:])])) == errors
