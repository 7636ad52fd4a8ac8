"""Checks of the store as a whole: accounts, cancellation, what is there when it is opened again."""

from __future__ import annotations

import trio
from trio.testing import assert_checkpoints

from ..engine.store import AccountRecord, AccountStore, Completion, OutgoingChange, Work
from ._store_check import (
    DUPLICATE,
    ROOM,
    STORED,
    Check,
    OpenStore,
    accept,
    accept_one,
    buried,
    claim,
    delivery,
    finish,
    handled,
    reply,
    waiting,
    with_account,
)


async def accounts_do_not_see_each_other(open_store: OpenStore) -> None:
    async with open_store() as store:
        ours = await store.open_account("isolated 1", platform="check")
        theirs = await store.open_account("isolated 2", platform="check")
        mine = await accept_one(ours, "same")
        held = await claim(ours, mine)
        [accepted] = await accept(theirs, delivery("same", alias="x"))
        assert accepted.verdict is STORED
        assert [one.verdict for one in await accept(ours, delivery("other", alias="x"))] == [STORED]
        waits = await accept_one(ours, "waits")
        if accepted.seq not in (mine, waits):  # A number may be the account's or the store's: elsewhere it is nothing.
            assert (await theirs.work(Work(2.0, claim=[waits]))).claimed == [None]
            kept = {waits: delivery("waits")}
            assert (await theirs.work(Work(2.0, claim=[waits], kept=kept))).claimed == [None]
            assert not await finish(theirs, held, "done")
        await ours.enqueue([reply("same", "mine")], now=1.0)
        [row] = await theirs.enqueue([reply("same", "yours")], now=1.0)
        assert row.text == "yours"
        await theirs.change([OutgoingChange("same", state="dead")])
        assert [row.text for row in await ours.outgoing(["pending", "dead"])] == ["mine"]
        await ours.save("s", {"k": 1})
        assert await theirs.load("s") == {}
        await buried(theirs, "dead")
        assert not await ours.replay("inbox", "dead")
        assert not await ours.purge("inbox", "dead")
        assert not await ours.purge("outbox", "same")
        assert await ours.dead_letters() == []
        assert [letter.account for letter in await theirs.dead_letters()] == ["isolated 2"] * 2
        assert await theirs.trim(before=100.0) == 0
        await handled(theirs, "handled")
        assert await ours.trim(before=100.0) == 0
        assert await finish(ours, held, "done")


async def an_account_has_one_inbox(open_store: OpenStore) -> None:
    async with open_store() as store:
        first = await store.open_account("opened twice", platform="check")
        second = await store.open_account("opened twice", platform="check")
        seq = await accept_one(first, "a")
        assert [one.verdict for one in await accept(second, delivery("a"))] == [DUPLICATE]
        assert await finish(first, await claim(second, seq), "done")


async def accounts_are_recorded(open_store: OpenStore) -> None:
    async def records() -> dict[str, AccountRecord]:
        return {record.name: record for record in await store.accounts()}

    async with open_store() as store:
        assert "recorded" not in await records()
        await store.want("recorded", "running")
        assert "recorded" not in await records(), "wanting makes no account"
        await store.open_account("recorded", platform="check", owner="ann", enabled=False)
        assert (await records())["recorded"] == AccountRecord("recorded", "check", "ann", False, None)
        await store.want("recorded", "stopped")
        await store.open_account("recorded", platform="check", owner="bob")
        assert (await records())["recorded"] == AccountRecord("recorded", "check", "bob", True, "stopped")
        await store.want("recorded", "running")
        assert (await records())["recorded"].wanted == "running"


async def a_forgotten_account_is_gone(open_store: OpenStore) -> None:
    async with open_store() as store:
        account = await store.open_account("forgotten", platform="check")
        stays = await store.open_account("stays", platform="check")
        await accept_one(stays, "a")
        await store.want("forgotten", "stopped")
        await accept(account, *(delivery(str(n)) for n in range(1200)))
        await handled(account, "done")
        await buried(account, "dead")
        await account.enqueue([reply("k")], now=1.0)
        await account.save("s", {"k": 1})
        await store.forget_account("forgotten")
        await store.forget_account("nobody")
        assert "forgotten" not in {record.name for record in await store.accounts()}
        anew = await store.open_account("forgotten", platform="check")
        assert {record.name: record.wanted for record in await store.accounts()}["forgotten"] is None
        assert await waiting(anew) == []
        assert await anew.dead_letters() == []
        assert await anew.outgoing_row("k") is None
        assert await anew.load("s") == {}
        assert [one.verdict for one in await accept(anew, delivery("done"))] == [STORED]
        assert [one.verdict for one in await accept(stays, delivery("a"))] == [DUPLICATE]


async def what_is_durable_is_there_again(open_store: OpenStore) -> None:
    async with open_store() as store:
        if not store.durable:
            return
        account = await store.open_account("durable", platform="check", owner="ann")
        await store.want("durable", "stopped")
        await handled(account, "done")
        seq = (await accept(account, delivery("waits", lane="w", alias="x"), now=7.0))[0].seq
        held = await claim(account, await accept_one(account, "held"))
        await buried(account, "dead")
        await account.enqueue([reply("k", "text")], now=8.0)
        await account.save("s", {"k": [1]})
        row = await account.outgoing_row("k")
        letters = await account.dead_letters()
    async with open_store() as store:
        assert AccountRecord("durable", "check", "ann", True, "stopped") in await store.accounts()
        account = await store.open_account("durable", platform="check")
        assert await account.outgoing_row("k") == row
        assert await account.load("s") == {"k": [1]}
        assert await account.dead_letters() == letters
        recovered = await account.recover(now=9.0, max_deaths=3, max_attempts=5)
        assert ([one.seq for one in recovered.waiting], recovered.died) == ([seq, held.seq], 1)
        keys = [delivery("done"), delivery("other", alias="x"), delivery("held"), delivery("dead")]
        assert [one.verdict for one in await accept(account, *keys)] == [DUPLICATE] * 4
        assert (await claim(account, seq)).attempts == 1
        again = await claim(account, held.seq)
        assert (again.attempts, again.deaths) == (2, 1)
        assert not await finish(account, held, "done"), "a fence is not given twice"
        assert await finish(account, again, "done")


async def a_cancelled_call_is_carried_out_wholly_or_not_at_all(account: AccountStore) -> None:
    for patience in range(6):
        key = f"n{patience}"
        held = await claim(account, await accept_one(account, key))
        completion = Completion(held.seq, held.fence, "done", outgoing=(reply(key),), state={"s": {key: 1}})
        work = Work(3.0, accept=[delivery(f"{key} new")], room=ROOM, room_bytes=ROOM, finish=[completion])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(account.work, work)
            nursery.start_soon(account.load, "s")  # A neighbour in the same commit, cancelled as well.
            for _ in range(patience):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        stored = [one.verdict for one in await accept(account, delivery(f"{key} new"))] == [DUPLICATE]
        assert (await account.outgoing_row(key) is not None) == stored
        assert (key in await account.load("s")) == stored
        assert await finish(account, held, "done") == (not stored)


async def a_cancelled_caller_leaves_its_neighbours_alone(account: AccountStore) -> None:
    async def cancelled(key: str) -> None:
        with trio.CancelScope() as scope:
            nursery.start_soon(cut, scope)
            await accept(account, delivery(key))

    async def cut(scope: trio.CancelScope) -> None:
        scope.cancel()

    async with trio.open_nursery() as nursery:
        for n in range(10):
            nursery.start_soon(cancelled, f"cut {n}")
            nursery.start_soon(accept_one, account, f"kept {n}")
    found = await accept(account, *(delivery(f"kept {n}") for n in range(10)))
    assert [one.verdict for one in found] == [DUPLICATE] * 10


async def a_call_of_a_cancelled_caller_changes_nothing(account: AccountStore) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await accept_one(account, "a")
    assert scope.cancelled_caught
    assert [one.verdict for one in await accept(account, delivery("a"))] == [STORED]


async def every_call_is_a_checkpoint(open_store: OpenStore) -> None:
    async with open_store() as store:
        with assert_checkpoints():
            account = await store.open_account("checkpoints", platform="check")
        with assert_checkpoints():
            await store.accounts()
        with assert_checkpoints():
            await account.work(Work(1.0))
        with assert_checkpoints():
            await account.work(Work(1.0, accept=[delivery("a")], room=1, room_bytes=2))
        with assert_checkpoints():
            await account.load("s")


WHOLE_CHECKS: tuple[Check, ...] = (
    accounts_do_not_see_each_other,
    an_account_has_one_inbox,
    accounts_are_recorded,
    a_forgotten_account_is_gone,
    what_is_durable_is_there_again,
    with_account(a_call_of_a_cancelled_caller_changes_nothing),
    with_account(a_cancelled_call_is_carried_out_wholly_or_not_at_all),
    with_account(a_cancelled_caller_leaves_its_neighbours_alone),
    every_call_is_a_checkpoint,
)
