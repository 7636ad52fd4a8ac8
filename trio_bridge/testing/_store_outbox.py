"""Checks of the outbox and of small state, and of what was given up in either box."""

from __future__ import annotations

import attrs

from ..engine.store import AccountStore, DeadLetter, OutgoingChange, OutgoingRow, OutgoingState
from ._store_check import (
    DUPLICATE,
    Check,
    accept,
    buried,
    claim,
    delivery,
    finish,
    reply,
    waiting,
    with_account,
)


async def _row(account: AccountStore, key: str) -> OutgoingRow:
    row = await account.outgoing_row(key)
    assert row is not None
    return row


async def _given_up(account: AccountStore, key: str) -> None:
    await account.enqueue([reply(key)], now=1.0)
    await account.change([OutgoingChange(key, state="dead", error="refused", attempts=20, parts_sent=2)])


async def the_first_text_of_a_key_wins(account: AccountStore) -> None:
    [first] = await account.enqueue([reply("k", "first")], now=1.0)
    [again, other] = await account.enqueue([reply("k", "second", lane="elsewhere"), reply("l")], now=2.0)
    assert again == first
    assert (first.text, first.state, first.created_at) == ("first", "pending", 1.0)
    assert other.seq > first.seq
    await account.enqueue([reply("k", "third", state="open")], now=3.0)
    assert await _row(account, "k") == first
    held = await claim(account, (await accept(account, delivery("a")))[0].seq)
    assert await finish(account, held, "done", outgoing=(reply("k", "fourth"),))
    assert await _row(account, "k") == first


async def a_sent_reply_is_not_sent_again(account: AccountStore) -> None:
    await account.enqueue([reply("k", "first")], now=1.0)
    await account.change([OutgoingChange("k", state="sent", sent_id="42")])
    [again] = await account.enqueue([reply("k", "second")], now=2.0)
    assert (again.state, again.sent_id) == ("sent", "42")


async def an_open_reply_becomes_pending(account: AccountStore) -> None:
    await account.enqueue([reply("k", "begun", state="open")], now=1.0)
    [still] = await account.enqueue([reply("k", "more", state="open")], now=2.0)
    assert (still.state, still.text) == ("open", "begun")
    [ended] = await account.enqueue([reply("k", "the end")], now=3.0)
    assert (ended.state, ended.text, ended.created_at, ended.seq) == ("pending", "the end", 1.0, still.seq)
    [closed] = await account.enqueue([reply("k", "too late")], now=4.0)
    assert closed == ended


async def a_change_leaves_what_it_does_not_name(account: AccountStore) -> None:
    [row] = await account.enqueue([attrs.evolve(reply("k"), title="T", attachments='[{"path": "x"}]')], now=1.0)
    assert row == OutgoingRow(row.seq, "k", "lane", "target", "text", "T", '[{"path": "x"}]', "pending", 1.0)
    await account.change([OutgoingChange("k"), OutgoingChange("nobody", state="sent")])
    assert await _row(account, "k") == row
    change = OutgoingChange(
        "k", state="sending", text="new", attempts=3, parts_sent=2, not_before=8.5, error="e", sent_id="id"
    )
    await account.change([change])
    expected = attrs.evolve(
        row, state="sending", text="new", attempts=3, parts_sent=2, not_before=8.5, error="e", sent_id="id"
    )
    assert await _row(account, "k") == expected
    await account.change([OutgoingChange("k", attempts=0, error="")])
    assert await _row(account, "k") == attrs.evolve(expected, attempts=0, error="")
    assert await account.outgoing_row("nobody") is None


async def replies_come_in_order(account: AccountStore) -> None:
    await account.enqueue([reply(str(n)) for n in range(20)], now=1.0)
    await account.change([OutgoingChange("7", state="unknown"), OutgoingChange("3", state="sent")])
    rows = await account.outgoing(["pending", "unknown"])
    assert [row.key for row in rows] == [str(n) for n in range(20) if n != 3]
    assert [row.seq for row in rows] == sorted(row.seq for row in rows)
    assert await account.outgoing(["dead"]) == await account.outgoing([]) == []


async def sending_is_unknown_after_a_death(account: AccountStore) -> None:
    states: tuple[OutgoingState, ...] = ("open", "pending", "sending", "sent", "dead")
    await account.enqueue([reply(state) for state in states], now=1.0)
    await account.change([OutgoingChange(state, state=state) for state in states])
    await waiting(account)
    assert [(await _row(account, state)).state for state in states] == ["open", "pending", "unknown", "sent", "dead"]


async def trim_forgets_sent_replies(account: AccountStore) -> None:
    states: tuple[OutgoingState, ...] = ("open", "pending", "sending", "unknown", "dead", "sent")
    await account.enqueue([reply(state) for state in states], now=1.0)
    await account.change([OutgoingChange(state, state=state) for state in states])
    await account.enqueue([reply("sent later")], now=5.0)
    await account.change([OutgoingChange("sent later", state="sent")])
    assert await account.trim(before=5.0) == 1
    assert [row.key for row in await account.outgoing(states)] == [*states[:-1], "sent later"]
    [anew] = await account.enqueue([reply("sent", "again")], now=6.0)
    assert (anew.state, anew.text) == ("pending", "again")


async def trim_forgets_any_number_of_replies(account: AccountStore) -> None:
    await account.enqueue([reply(str(n)) for n in range(1100)], now=1.0)
    await account.change([OutgoingChange(str(n), state="sent") for n in range(1099)])
    assert await account.trim(before=5.0) == 1099


async def dead_letters_of_both_boxes_are_listed(account: AccountStore) -> None:
    await buried(account, "late", now=9.0)
    await buried(account, "early", now=0.5)
    await _given_up(account, "reply")
    name = dead_letters_of_both_boxes_are_listed.__name__
    assert await account.dead_letters() == [
        DeadLetter(name, "inbox", "early", "lane", "no use", 1, 0.5),
        DeadLetter(name, "outbox", "reply", "lane", "refused", 20, 1.0),
        DeadLetter(name, "inbox", "late", "lane", "no use", 1, 9.0),
    ]
    assert await waiting(account) == [], "the dead do not wait"


async def a_dead_delivery_can_be_replayed(account: AccountStore) -> None:
    seq = (await accept(account, delivery("a")))[0].seq
    assert await finish(account, await claim(account, seq), "release")
    old = await claim(account, seq)
    assert await finish(account, old, "dead")
    assert not await account.replay("inbox", "nobody")
    assert not await account.replay("outbox", "a")
    assert await account.replay("inbox", "a")
    assert not await account.replay("inbox", "a"), "it is not dead any more"
    assert await account.dead_letters() == []
    assert await waiting(account) == [seq]
    held = await claim(account, seq)
    assert (held.attempts, held.deaths, held.interrupted) == (1, 0, 0)
    assert not await finish(account, old, "done")
    assert await finish(account, held, "done")
    assert not await account.replay("inbox", "a"), "what is done stays done"


async def a_dead_delivery_can_be_purged(account: AccountStore) -> None:
    await buried(account, "a")
    await accept(account, delivery("waits"))
    assert not await account.purge("outbox", "a")
    assert not await account.purge("inbox", "waits")
    assert await account.purge("inbox", "a")
    assert not await account.purge("inbox", "a")
    assert not await account.replay("inbox", "a")
    assert await account.dead_letters() == []
    assert [one.verdict for one in await accept(account, delivery("a"))] == [DUPLICATE]
    assert await account.trim(before=10.0) == 1


async def a_reply_that_was_given_up_can_be_replayed(account: AccountStore) -> None:
    await _given_up(account, "dead")
    await account.enqueue([reply("unknown"), reply("pending")], now=1.0)
    await account.change([OutgoingChange("unknown", state="unknown", attempts=2, not_before=9.0)])
    assert not await account.replay("inbox", "dead")
    assert not await account.replay("outbox", "pending")
    assert not await account.replay("outbox", "nobody")
    for key, parts_sent in [("dead", 2), ("unknown", 0)]:
        assert await account.replay("outbox", key)
        row = await _row(account, key)
        assert (row.state, row.attempts, row.not_before, row.error) == ("pending", 0, 0.0, "")
        assert row.parts_sent == parts_sent, "what went out is not sent again"
        assert row.created_at == 1.0
    assert await account.dead_letters() == []
    await account.change([OutgoingChange("dead", state="dead")])
    assert await account.replay("outbox", "dead", now=50.0)
    assert (await _row(account, "dead")).created_at == 50.0, "it has all its time again"


async def a_reply_that_was_given_up_can_be_purged(account: AccountStore) -> None:
    await _given_up(account, "dead")
    await account.enqueue([reply("unknown"), reply("pending")], now=1.0)
    await account.change([OutgoingChange("unknown", state="unknown")])
    assert not await account.purge("outbox", "pending")
    for key in ("dead", "unknown"):
        assert await account.purge("outbox", key)
        assert not await account.purge("outbox", key)
        assert not await account.replay("outbox", key)
        await account.change([OutgoingChange(key, state="pending")])
        [again] = await account.enqueue([reply(key, "again")], now=2.0)
        assert (again.state, again.text, again.target) == ("dead", "", "")
    assert await account.dead_letters() == []
    assert await account.outgoing(["dead", "unknown"]) == []
    assert await account.trim(before=10.0) == 2
    assert await account.outgoing_row("dead") is None
    await account.enqueue([reply("dead", "anew")], now=20.0)
    assert [row.text for row in await account.outgoing(["pending"])] == ["text", "anew"]


async def small_state_is_kept(account: AccountStore) -> None:
    value = {"list": [1, 2.5, "три", None, True], "": {}}
    await account.save("s", {"a": value, "b": 0, "c": "x"})
    await account.save("other", {"a": False})
    assert await account.load("s") == {"a": value, "b": 0, "c": "x"}
    await account.save("s", {"b": None, "c": "y", "nobody": None})
    assert await account.load("s") == {"a": value, "c": "y"}
    assert await account.load("other") == {"a": False}
    assert await account.load("nothing") == {}


async def small_state_is_a_copy(account: AccountStore) -> None:
    mine = {"list": [1]}
    await account.save("s", {"k": mine})
    mine["list"].append(2)
    loaded = await account.load("s")
    assert loaded == {"k": {"list": [1]}}
    loaded["k"]["list"].append(3)
    assert await account.load("s") == {"k": {"list": [1]}}


OUTBOX_CHECKS: tuple[Check, ...] = tuple(
    map(
        with_account,
        (
            the_first_text_of_a_key_wins,
            a_sent_reply_is_not_sent_again,
            an_open_reply_becomes_pending,
            a_change_leaves_what_it_does_not_name,
            replies_come_in_order,
            sending_is_unknown_after_a_death,
            trim_forgets_sent_replies,
            trim_forgets_any_number_of_replies,
            dead_letters_of_both_boxes_are_listed,
            a_dead_delivery_can_be_replayed,
            a_dead_delivery_can_be_purged,
            a_reply_that_was_given_up_can_be_replayed,
            a_reply_that_was_given_up_can_be_purged,
            small_state_is_kept,
            small_state_is_a_copy,
        ),
    )
)
