"""Who asked to be heard, and who was let in."""

from __future__ import annotations

import pytest
import trio

from trio_bridge.engine.pairing import (
    ALPHABET,
    CODE_LENGTH,
    CODE_LIFE,
    MOST_REQUESTS,
    PAIRED,
    REQUESTS,
    Pairing,
    PairingBook,
)
from trio_bridge.stores.memory import MemoryAccount

AGAIN = 600.0


class Desk:
    """A book in a store, and a clock."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0
        self.store = MemoryAccount("sales")
        self.pairing = Pairing(self.store, lambda: self.now)

    async def ask(self, sender: str, message: str = "m1") -> str | None:
        request = await self.pairing.ask(sender, sender.title(), message, tell_every=AGAIN)
        return None if request is None else request.code

    async def code(self, sender: str) -> str:
        code = await self.ask(sender)
        assert code is not None
        return code


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_code_is_told_once_in_a_while_and_stays_the_same_while_it_is_good(desk: Desk) -> None:
    code = await desk.code("mei")
    assert len(code) == CODE_LENGTH
    assert set(code) <= set(ALPHABET)
    assert await desk.ask("mei", "m2") is None
    desk.now += AGAIN
    assert await desk.ask("mei", "m3") == code
    desk.now += CODE_LIFE - AGAIN - 1
    assert await desk.ask("mei", "m4") == code
    desk.now += 1
    assert await desk.ask("mei", "m5") not in (code, None)


async def test_a_message_that_is_handled_again_gets_the_same_answer(desk: Desk) -> None:
    code = await desk.code("mei")
    assert await desk.ask("mei", "m1") == code


async def test_whoever_was_told_the_code_is_let_in(desk: Desk) -> None:
    mei, _ = await desk.code("mei"), await desk.code("bo")
    assert not await desk.pairing.is_paired("mei")
    person = await desk.pairing.approve(f" {mei.lower()} ")
    assert person is not None
    assert (person.sender, person.name, person.approved_at) == ("mei", "Mei", desk.now)
    assert await desk.pairing.is_paired("mei")
    assert not await desk.pairing.is_paired("bo")
    assert await desk.pairing.paired() == [person]
    assert [request.sender for request in await desk.pairing.requests()] == ["bo"]
    assert await desk.pairing.approve(mei) is None, "a code lets in once"


async def test_a_code_that_is_too_old_lets_nobody_in(desk: Desk) -> None:
    code = await desk.code("mei")
    desk.now += CODE_LIFE
    assert await desk.pairing.requests() == []
    assert await desk.pairing.approve(code) is None
    assert not await desk.pairing.is_paired("mei")


@pytest.mark.parametrize("code", ["", "AAAAAAAA", "mei"])
async def test_what_is_no_code_lets_nobody_in(desk: Desk, code: str) -> None:
    await desk.code("mei")
    assert await desk.pairing.approve(code) is None


async def test_whoever_is_revoked_is_out_at_once_and_may_ask_again(desk: Desk) -> None:
    await desk.pairing.approve(await desk.code("mei"))
    assert await desk.pairing.is_paired("mei")
    assert await desk.pairing.revoke("bo") is None
    person = await desk.pairing.revoke("MEI")
    assert person is not None
    assert not await desk.pairing.is_paired("mei")
    assert await desk.ask("mei", "m9") is not None


async def test_what_an_operator_writes_elsewhere_is_seen(desk: Desk, autojump_clock: trio.abc.Clock) -> None:
    """In at once, since strangers are looked up each time; out within a second."""
    operator = Pairing(desk.store, lambda: desk.now)
    code = await desk.code("mei")
    assert not await desk.pairing.is_paired("mei")
    await operator.approve(code)
    assert await desk.pairing.is_paired("mei")
    await operator.revoke("mei")
    await trio.sleep(1)
    assert not await desk.pairing.is_paired("mei")


async def test_strangers_in_masses_cannot_fill_the_store(desk: Desk) -> None:
    codes = {await desk.ask(f"stranger{number}") for number in range(3 * MOST_REQUESTS)}
    assert len(codes - {None}) == MOST_REQUESTS
    desk.now += CODE_LIFE
    assert await desk.ask("mei") is not None, "there is room again"
    assert list(await desk.store.load(REQUESTS)) == ["mei"]


async def test_a_request_that_crossed_its_approval_is_no_request(desk: Desk) -> None:
    """The bridge may write it once more in the moment in which an operator lets them in."""
    await desk.code("mei")
    requests = await desk.store.load(REQUESTS)
    await desk.store.save(PAIRED, {"mei": {"name": "Mei", "approved_at": desk.now}})
    await desk.store.save(REQUESTS, requests)
    assert await desk.pairing.requests() == []
    await desk.code("bo")
    assert list(await desk.store.load(REQUESTS)) == ["bo"]


async def test_a_code_is_in_no_log(desk: Desk) -> None:
    code = await desk.code("mei")
    assert code not in repr(await desk.pairing.requests())


def test_an_empty_book_has_nobody() -> None:
    assert (PairingBook({}, {}).requests(0.0), PairingBook({}, {}).paired()) == ([], [])
