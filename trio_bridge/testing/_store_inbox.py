"""Checks of the inbox: dedupe, room, order, claims, fences, deaths, trimming."""

from __future__ import annotations

from ..engine.store import AccountStore, Completion, OutgoingChange, Work
from ..wire.protocol import Delivery
from ._store_check import (
    DROPPED,
    DUPLICATE,
    FULL,
    ROOM,
    STORED,
    Check,
    accept,
    accept_one,
    claim,
    delivery,
    finish,
    handled,
    reply,
    waiting,
    with_account,
)


async def a_key_is_stored_once(account: AccountStore) -> None:
    first = await accept(account, delivery("a"), delivery("a"), delivery("b"))
    assert [accepted.verdict for accepted in first] == [STORED, DUPLICATE, STORED]
    assert [accepted.seq for accepted in first][1] == 0
    [again] = await accept(account, delivery("a"))
    assert again.verdict is DUPLICATE
    assert len(await waiting(account)) == 2


async def an_alias_is_stored_once(account: AccountStore) -> None:
    await accept(account, delivery("a", alias="x"), delivery("plain"))
    again = await accept(account, delivery("b", alias="x"), delivery("c", alias="y"), delivery("plainer"))
    assert [accepted.verdict for accepted in again] == [DUPLICATE, STORED, STORED]
    [free] = await accept(account, delivery("b"))
    assert free.verdict is STORED, "a duplicate by alias leaves its key free"


async def keys_and_aliases_do_not_meet(account: AccountStore) -> None:
    found = await accept(account, delivery("a", alias="x"), delivery("x", alias="a"))
    assert [accepted.verdict for accepted in found] == [STORED, STORED]


async def a_handled_delivery_is_a_duplicate(account: AccountStore) -> None:
    [accepted] = await accept(account, delivery("a", alias="x"))
    assert await finish(account, await claim(account, accepted.seq), "done")
    again = await accept(account, delivery("a"), delivery("b", alias="x"))
    assert [accepted.verdict for accepted in again] == [DUPLICATE, DUPLICATE]
    assert await waiting(account) == []


async def room_is_counted_in_deliveries(account: AccountStore) -> None:
    found = await accept(account, delivery("a"), delivery("b"), delivery("c"), room=2)
    assert [accepted.verdict for accepted in found] == [STORED, STORED, FULL]
    [now] = await accept(account, delivery("c"))
    assert now.verdict is STORED, "what was refused is not a duplicate when it comes again"


async def room_is_counted_in_data(account: AccountStore) -> None:
    small, large = "x" * 10, "x" * 100
    arriving = [delivery(key, data=data) for key, data in zip("abcd", (small, large, small, small), strict=True)]
    found = await accept(account, *arriving, room_bytes=20)
    assert [accepted.verdict for accepted in found] == [STORED, FULL, STORED, FULL]
    for room_bytes, verdict in [(99, FULL), (100, STORED)]:
        [accepted] = await accept(account, delivery("b", data=large), room_bytes=room_bytes)
        assert accepted.verdict is verdict


async def a_duplicate_needs_no_room(account: AccountStore) -> None:
    await accept(account, delivery("a", alias="x"))
    await handled(account, "done")
    copies = (delivery("a"), delivery("b", alias="x"), delivery("done"))
    for room, room_bytes in [(0, ROOM), (-1, ROOM), (ROOM, 0), (ROOM, -5)]:
        found = await accept(account, *copies, delivery("new"), room=room, room_bytes=room_bytes)
        assert [accepted.verdict for accepted in found] == [DUPLICATE, DUPLICATE, DUPLICATE, FULL]


async def what_a_lane_has_no_room_for_is_remembered_as_handled(account: AccountStore) -> None:
    await accept(account, delivery("a", lane="full"))
    arriving = [
        delivery("a", lane="full"),
        delivery("b", lane="full", alias="x"),
        delivery("c", lane="full", alias="y"),
        delivery("d", lane="full", data="x" * 100),
        delivery("e", lane="other"),
    ]
    work = Work(1.0, arriving, room=2, room_bytes=10, lane_room={"full": 1})
    found = (await account.work(work)).accepted
    assert [accepted.verdict for accepted in found] == [DUPLICATE, STORED, DROPPED, DROPPED, STORED]
    assert [found[2].seq, found[3].seq] == [0, 0]
    copies = await accept(account, delivery("c"), delivery("z", alias="y"), delivery("d"))
    assert [accepted.verdict for accepted in copies] == [DUPLICATE, DUPLICATE, DUPLICATE]
    assert len(await waiting(account)) == 3
    assert await account.trim(before=2.0) == 2, "they are forgotten like what was handled"
    [again] = await accept(account, delivery("c", lane="full", alias="y"))
    assert again.verdict is STORED


async def seq_is_the_order_of_arrival(account: AccountStore) -> None:
    seqs = [accepted.seq for accepted in await accept(account, *(delivery(str(n)) for n in range(50)))]
    assert seqs == sorted(set(seqs))
    for seq in seqs:
        assert await finish(account, await claim(account, seq), "done")
    assert await account.trim(before=100.0) == 50
    assert await accept_one(account, "later") > max(seqs), "a number is not given twice"


async def recover_gives_the_order_of_arrival(account: AccountStore) -> None:
    many = [delivery(str(n), lane=f"lane {n % 3}", data="x" * n) for n in range(2500)]
    seqs = [accepted.seq for accepted in await accept(account, *many)]
    await claim(account, seqs[7])
    recovered = await account.recover(now=2.0, max_deaths=3, max_attempts=5)
    assert [row.seq for row in recovered.waiting] == seqs
    assert [row.lane for row in recovered.waiting] == [one.lane for one in many]
    assert [row.size for row in recovered.waiting] == [len(one.data) for one in many]


async def a_claim_gives_back_what_was_accepted(account: AccountStore) -> None:
    full = Delivery("ключ", "会话", "topic/x", '{"text": "你好 😀 \\ud83d"}', alias="別名")
    plain = Delivery("k", "", "", "", alias=None)
    accepted = await accept(account, full, plain)
    for one, given in zip(accepted, (full, plain), strict=True):
        held = await claim(account, one.seq)
        found = held.delivery
        assert (found.key, found.lane, found.topic, found.data) == (given.key, given.lane, given.topic, given.data)
        assert found.alias == given.alias
        assert (held.seq, held.attempts, held.deaths, held.interrupted) == (one.seq, 1, 0, 0)


async def a_kept_delivery_is_claimed_like_any_other(account: AccountStore) -> None:
    first, second = delivery("a", data="1"), delivery("b", data="2")
    seqs = [one.seq for one in await accept(account, first, second)]
    done = await account.work(Work(2.0, claim=seqs[::-1], kept={seqs[0]: first}))
    claims = [claim for claim in done.claimed if claim is not None]
    assert [claim.seq for claim in claims] == seqs[::-1]
    assert [claim.delivery.data for claim in claims] == ["2", "1"]
    assert [(claim.attempts, claim.deaths, claim.interrupted) for claim in claims] == [(1, 0, 0)] * 2
    assert await finish(account, claims[1], "retry")
    assert await finish(account, claims[0], "done")
    assert (await claim(account, seqs[0])).attempts == 2


async def a_kept_delivery_that_does_not_wait_is_not_claimed(account: AccountStore) -> None:
    many = [delivery(key) for key in ("held", "done", "waits")]
    held, done, waits = [one.seq for one in await accept(account, *many)]
    holder = await claim(account, held)
    assert await finish(account, await claim(account, done), "done")
    seqs = [held, done, waits, waits + 100]
    found = await account.work(Work(2.0, claim=seqs, kept=dict(zip(seqs, [*many, many[0]], strict=True))))
    assert [claim and claim.seq for claim in found.claimed] == [None, None, waits, None]
    assert await finish(account, holder, "done"), "who has it in hand has it still"


async def half_a_surrogate_pair_does_no_harm(account: AccountStore) -> None:
    accepted = await accept(account, delivery("a", data="cut \ud83d"), delivery("b"))
    assert [one.verdict for one in accepted] == [STORED, STORED]
    assert (await claim(account, accepted[0].seq)).delivery.data.startswith("cut ")


async def only_what_waits_can_be_claimed(account: AccountStore) -> None:
    seq = await accept_one(account, "a")
    held = await claim(account, seq)
    assert (await account.work(Work(2.0, claim=[seq, seq + 1]))).claimed == [None, None]
    assert await finish(account, held, "done")
    assert (await account.work(Work(2.0, claim=[seq]))).claimed == [None]


async def a_round_finishes_then_accepts_then_claims(account: AccountStore) -> None:
    seq = await accept_one(account, "a")
    held = await claim(account, seq)
    done = await account.work(
        Work(
            3.0,
            accept=[delivery("b"), delivery("c")],
            room=ROOM,
            room_bytes=ROOM,
            finish=[Completion(seq, held.fence, "release")],
            claim=[seq],
        )
    )
    assert done.finished == [True]
    assert [one.verdict for one in done.accepted] == [STORED, STORED]
    [again] = done.claimed
    assert again is not None
    assert again.fence != held.fence


async def an_old_fence_changes_nothing(account: AccountStore) -> None:
    seq = await accept_one(account, "a")
    old = await claim(account, seq)
    assert await finish(account, old, "release")
    await account.enqueue([reply("open", state="open")], now=2.0)
    late = Completion(
        seq,
        old.fence,
        "done",
        outgoing=(reply("late"),),
        changes=(OutgoingChange("open", state="pending"),),
        state={"s": {"k": 1}},
    )
    assert (await account.work(Work(3.0, finish=[late]))).finished == [False], "released"
    new = await claim(account, seq)
    assert new.fence != old.fence
    assert (await account.work(Work(3.0, finish=[late]))).finished == [False], "claimed anew"
    assert await account.outgoing_row("late") is None
    assert [row.key for row in await account.outgoing(["open"])] == ["open"]
    assert await account.load("s") == {}
    assert await finish(account, new, "done")
    assert not await finish(account, new, "done"), "done already"


async def a_completion_is_all_or_nothing(account: AccountStore) -> None:
    held = await claim(account, await accept_one(account, "a"))
    await account.enqueue([reply("stream", "so far", state="open")], now=2.0)
    await account.save("s", {"old": 1, "gone": 2})
    assert await finish(
        account,
        held,
        "done",
        outgoing=(reply("a/1"), reply("a/2")),
        changes=(OutgoingChange("stream", state="pending", text="all of it"),),
        state={"s": {"new": [1, {"two": None}], "gone": None}, "other": {"k": "v"}},
    )
    rows = await account.outgoing(["pending"])
    assert [(row.key, row.text) for row in rows] == [("stream", "all of it"), ("a/1", "text"), ("a/2", "text")]
    assert [row.created_at for row in rows] == [2.0, 3.0, 3.0]
    assert await account.load("s") == {"old": 1, "new": [1, {"two": None}]}
    assert await account.load("other") == {"k": "v"}


async def a_call_that_raises_changed_nothing(account: AccountStore) -> None:
    seq = await accept_one(account, "a")
    held = await claim(account, seq)
    other = await claim(account, await accept_one(account, "b"))
    bad = Completion(other.seq, other.fence, "done", state={"s": {"k": object()}})
    work = Work(3.0, accept=[delivery("c")], room=1, room_bytes=9, finish=[Completion(seq, held.fence, "done"), bad])
    try:
        await account.work(work)
    except TypeError:
        assert await finish(account, held, "done")
        assert await finish(account, other, "done")
        await accept_one(account, "c")
    else:
        raise AssertionError("an object is not a JSON value")


async def a_retry_costs_an_attempt_and_waits(account: AccountStore) -> None:
    seq = await accept_one(account, "a")
    assert await finish(account, await claim(account, seq), "retry", not_before=77.0, error="it failed")
    recovered = await account.recover(now=4.0, max_deaths=1, max_attempts=5)
    assert [row.not_before for row in recovered.waiting] == [77.0]
    assert recovered.died == 0
    held = await claim(account, seq)
    assert (held.attempts, held.deaths, held.interrupted) == (2, 0, 0)


async def a_release_gives_the_attempt_back(account: AccountStore) -> None:
    seq = await accept_one(account, "a")
    for _ in range(2):
        assert await finish(account, await claim(account, seq), "release")
    assert await finish(account, await claim(account, seq), "release", unstarted=True)
    held = await claim(account, seq)
    assert (held.attempts, held.deaths, held.interrupted) == (1, 0, 2)


async def deaths_are_counted_and_bury(account: AccountStore) -> None:
    seq, other = await accept_one(account, "a"), await accept_one(account, "b")
    for deaths in range(2):
        held = await claim(account, seq)
        assert (held.attempts, held.deaths) == (deaths + 1, deaths)
        recovered = await account.recover(now=5.0, max_deaths=3, max_attempts=100)
        assert (recovered.died, recovered.buried) == (1, 0)
        assert [row.seq for row in recovered.waiting] == [seq, other]
        assert not await finish(account, held, "done"), "a dead process holds nothing"
    await claim(account, seq)
    recovered = await account.recover(now=6.0, max_deaths=3, max_attempts=100)
    assert (recovered.died, recovered.buried) == (1, 1)
    assert [row.seq for row in recovered.waiting] == [other]
    [letter] = await account.dead_letters()
    assert (letter.box, letter.key, letter.lane, letter.attempts, letter.at) == ("inbox", "a", "lane", 3, 6.0)
    assert letter.error


async def the_last_attempt_buries_at_a_death(account: AccountStore) -> None:
    seq = await accept_one(account, "a")
    assert await finish(account, await claim(account, seq), "retry")
    await claim(account, seq)
    recovered = await account.recover(now=5.0, max_deaths=100, max_attempts=2)
    assert (recovered.died, recovered.buried, list(recovered.waiting)) == (1, 1, [])


async def recover_names_what_one_more_death_would_bury(account: AccountStore) -> None:
    seq = await accept_one(account, "a")
    failed = await accept_one(account, "b")
    await accept_one(account, "c")
    for _ in range(3):
        assert await finish(account, await claim(account, failed), "retry")

    async def suspects() -> list[int]:
        recovered = await account.recover(now=5.0, max_deaths=3, max_attempts=5)
        assert len(recovered.waiting) == 3
        return [row.seq for row in recovered.waiting if row.suspect]

    await claim(account, seq)
    assert await suspects() == []
    await claim(account, seq)
    await claim(account, failed)
    assert await suspects() == [seq, failed], "by its deaths, by its attempts"
    assert await suspects() == [seq, failed], "it remains one"


async def trim_forgets_what_is_handled_and_old(account: AccountStore) -> None:
    for key, at in [("late", 9.0), ("early", 5.0), ("earlier", 4.0)]:
        await handled(account, key, now=at)
    [accepted] = await accept(account, delivery("aliased", alias="x"), now=1.0)
    assert await finish(account, await claim(account, accepted.seq), "done")
    assert await account.trim(before=5.0) == 2
    assert await account.trim(before=5.0) == 0
    keys = [delivery("late"), delivery("early"), delivery("earlier"), delivery("aliased", alias="x")]
    found = await accept(account, *keys, now=10.0)
    assert [one.verdict for one in found] == [DUPLICATE, DUPLICATE, STORED, STORED]


async def trim_leaves_what_is_not_handled(account: AccountStore) -> None:
    waits = await accept_one(account, "waits")
    held = await claim(account, await accept_one(account, "held"))
    assert await finish(account, await claim(account, await accept_one(account, "dead")), "dead", error="no")
    assert await account.trim(before=1000.0) == 0
    found = await accept(account, delivery("waits"), delivery("held"), delivery("dead"))
    assert [one.verdict for one in found] == [DUPLICATE] * 3
    assert [letter.key for letter in await account.dead_letters()] == ["dead"]
    assert await finish(account, held, "done")
    assert await account.trim(before=1000.0) == 1
    await claim(account, waits)


async def trim_forgets_any_number(account: AccountStore) -> None:
    many = [delivery(str(n)) for n in range(2100)]
    seqs = [one.seq for one in await accept(account, *many)]
    claims = (await account.work(Work(2.0, claim=seqs))).claimed
    done = [Completion(held.seq, held.fence, "done") for held in claims[:-1] if held is not None]
    assert all((await account.work(Work(3.0, finish=done))).finished)
    assert await account.trim(before=5.0) == 2099


INBOX_CHECKS: tuple[Check, ...] = tuple(
    map(
        with_account,
        (
            a_key_is_stored_once,
            an_alias_is_stored_once,
            keys_and_aliases_do_not_meet,
            a_handled_delivery_is_a_duplicate,
            room_is_counted_in_deliveries,
            room_is_counted_in_data,
            a_duplicate_needs_no_room,
            what_a_lane_has_no_room_for_is_remembered_as_handled,
            seq_is_the_order_of_arrival,
            recover_gives_the_order_of_arrival,
            a_claim_gives_back_what_was_accepted,
            a_kept_delivery_is_claimed_like_any_other,
            a_kept_delivery_that_does_not_wait_is_not_claimed,
            half_a_surrogate_pair_does_no_harm,
            only_what_waits_can_be_claimed,
            a_round_finishes_then_accepts_then_claims,
            an_old_fence_changes_nothing,
            a_completion_is_all_or_nothing,
            a_call_that_raises_changed_nothing,
            a_retry_costs_an_attempt_and_waits,
            a_release_gives_the_attempt_back,
            deaths_are_counted_and_bury,
            the_last_attempt_buries_at_a_death,
            recover_names_what_one_more_death_would_bury,
            trim_forgets_what_is_handled_and_old,
            trim_leaves_what_is_not_handled,
            trim_forgets_any_number,
        ),
    )
)
