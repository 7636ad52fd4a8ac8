"""A token of nobody's in particular: replaced in time, and not too often."""

from __future__ import annotations

from typing import Any, ClassVar

import attrs
import pytest
import trio
from trio.testing import MockClock

from trio_bridge.bots.tokens import Grant, Token
from trio_bridge.errors import AccountRefused, NotSent, RateLimited, RequestFailed

LIFE = 7200


@attrs.define(eq=False)
class FakeToken(Token):
    issuer: ClassVar[str] = "Acme"
    early: ClassVar[float] = 1800.0
    margin: ClassVar[float] = 60.0

    fetches: int = 0
    life: Any = LIFE
    error: Exception | None = None
    takes: float = 0.0

    async def _fetch(self) -> Grant:
        self.fetches += 1
        await trio.sleep(self.takes)
        if self.error is not None:
            raise self.error
        return Grant(f"t{self.fetches}", self.life)


async def test_its_life_counts_from_before_it_was_asked_for(autojump_clock: MockClock) -> None:
    token = FakeToken(takes=100)
    assert token.age is None
    assert await token.get() == "t1"
    assert token.age == 100
    await trio.sleep(LIFE - 1800 - 101)
    assert await token.get() == "t1"
    await trio.sleep(1)
    assert await token.get() == "t2"


async def test_an_old_one_serves_until_its_last_minute(autojump_clock: MockClock) -> None:
    token = FakeToken()
    await token.get()
    token.error = RateLimited("busy")
    await trio.sleep(LIFE - 1800)
    for _ in range(5):
        assert await token.get() == "t1"
    assert token.fetches == 2, "tried again after a while only"
    await trio.sleep(30)
    assert await token.get() == "t1"
    assert token.fetches == 3
    await trio.sleep(1800 - 30 - 60)
    with pytest.raises(RateLimited):
        await token.get()


async def test_of_two_that_are_refused_in_a_row_there_is_no_third(autojump_clock: MockClock) -> None:
    token = FakeToken()
    token.refuse(await token.get())
    assert await token.get() == "t2"
    token.refuse("t1")
    assert await token.get() == "t2", "somebody was late to say so"
    token.refuse("t2")
    await trio.sleep(10)
    with pytest.raises(NotSent, match="Acme refuses its own access token") as raised:
        await token.get()
    assert raised.value.retry_after == 20
    await trio.sleep(20)
    assert await token.get() == "t3"


async def test_what_never_came_is_no_token_that_was_refused(autojump_clock: MockClock) -> None:
    token = FakeToken()
    token.refuse(await token.get())
    token.error = NotSent("no network")
    with pytest.raises(NotSent, match="no network"):
        await token.get()
    token.error = AccountRefused("wrong secret", kind="auth")
    with pytest.raises(AccountRefused):
        await token.get()
    token.error = None
    assert await token.get() == "t4", "at once"


async def test_what_it_was_wanted_for_was_not_refused(autojump_clock: MockClock) -> None:
    token = FakeToken(error=RequestFailed("403 not from there", retry_after=7))
    with pytest.raises(NotSent, match="no access token: 403 not from there") as raised:
        await token.get()
    assert raised.value.retry_after == 7


@pytest.mark.parametrize("life", [0, -5, "soon", None, 10**400])
async def test_a_life_that_nobody_can_believe_is_a_short_one(autojump_clock: MockClock, life: Any) -> None:
    token = FakeToken(life=life)
    await token.get()
    await trio.sleep(299)
    assert await token.get() == "t1"
    await trio.sleep(1)
    assert await token.get() == "t2"


async def test_one_fetch_is_for_everybody_and_one_that_is_cancelled_for_nobody(autojump_clock: MockClock) -> None:
    token = FakeToken(takes=5)
    with trio.move_on_after(1):
        await token.get()
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(token.get)
    assert token.fetches == 2
    assert "t2" not in repr(token)
