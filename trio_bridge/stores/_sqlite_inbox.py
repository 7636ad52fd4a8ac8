"""The inbox of one account, statement by statement. Every function here runs inside one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import attrs

from ..engine.store import Accepted, Claim, Completion, DeadLetter, Done, Verdict, Waiting, Work
from ..wire.protocol import Delivery
from ._sqlite_database import Transaction
from ._sqlite_outbox import change, enqueue
from ._sqlite_schema import DEAD, IN_HAND, WAITING
from ._sqlite_state import save

PAGE = 1000
"""Rows of one transaction where an account may have any number: about a millisecond."""

_DUPLICATE = Accepted(Verdict.DUPLICATE)
_FULL = Accepted(Verdict.FULL)
_DROPPED = Accepted(Verdict.DROPPED)

_SEEN = "INSERT INTO seen (seq, account, key, alias, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_STORE = (
    "INSERT INTO inbox (seq, account, received_at, size, key, alias, lane, topic, data)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_KNOWN = (
    "SELECT EXISTS (SELECT 1 FROM seen WHERE account = ?1 AND key = ?2)"
    " OR EXISTS (SELECT 1 FROM seen WHERE account = ?1 AND alias = ?3)"
)
# Two statements, not one with RETURNING: that sets up a table of results each time and takes three times as long.
_READ = (
    "SELECT attempts, deaths, interrupted, key, lane, topic, data, alias FROM inbox"
    " WHERE seq = ? AND account = ? AND state = 0"
)
_CLAIM = "UPDATE inbox SET state = 1, fence = ?, attempts = attempts + 1 WHERE seq = ?"
_CLAIM_KEPT = (
    "UPDATE inbox SET state = 1, fence = ?, attempts = attempts + 1"
    " WHERE account = ? AND state = 0 AND seq IN (SELECT value FROM json_each(?)) RETURNING seq"
)
_DONE = "DELETE FROM inbox WHERE seq = ? AND account = ? AND state = 1 AND fence = ?"
_REPLAY = (
    "UPDATE inbox SET state = 0, attempts = 0, deaths = 0, interrupted = 0, not_before = 0, error = ''"
    " WHERE state = 2 AND seq = (SELECT seq FROM seen WHERE account = ? AND key = ?)"
)
_PURGE = "DELETE FROM inbox WHERE state = 2 AND seq = (SELECT seq FROM seen WHERE account = ? AND key = ?)"
_RETURN = (
    "UPDATE inbox SET state = ?, attempts = attempts - ?, interrupted = interrupted + ?, not_before = ?, died_at = ?,"
    " error = ? WHERE seq = ? AND account = ? AND state = 1 AND fence = ?"
)


def work(transaction: Transaction, account: int, work: Work) -> Done:
    """One round: what is finished first, for it makes lanes free, then what has come, then what is wanted."""
    return Done(
        finished=[_finish(transaction, account, completion, work.now) for completion in work.finish],
        accepted=_accept(transaction, account, work) if work.accept else (),
        claimed=_claim(transaction, account, work.claim, work.kept) if work.claim else (),
    )


def _accept(transaction: Transaction, account: int, work: Work) -> list[Accepted]:
    room, room_bytes, lanes = work.room, work.room_bytes, dict(work.lane_room)
    accepted = []
    for delivery in work.accept:
        size = len(delivery.data)
        dropped = bool(lanes) and lanes.get(delivery.lane, 1) < 1
        if not dropped and (room < 1 or size > room_bytes):
            [known] = transaction.execute(_KNOWN, (account, delivery.key, delivery.alias)).fetchone()
            accepted.append(_DUPLICATE if known else _FULL)
            continue
        seq = transaction.last_seq + 1
        if not transaction.execute(_SEEN, (seq, account, delivery.key, delivery.alias, work.now)).rowcount:
            accepted.append(_DUPLICATE)
            continue
        transaction.last_seq = seq
        if dropped:  # What is seen, and not in the inbox, is handled.
            accepted.append(_DROPPED)
            continue
        transaction.execute(
            _STORE,
            (seq, account, work.now, size, delivery.key, delivery.alias, delivery.lane, delivery.topic, delivery.data),
        )
        room -= 1
        room_bytes -= size
        if delivery.lane in lanes:
            lanes[delivery.lane] -= 1
        accepted.append(Accepted(Verdict.STORED, seq))
    return accepted


def _claim(
    transaction: Transaction, account: int, seqs: Sequence[int], kept: Mapping[int, Delivery]
) -> list[Claim | None]:
    claims = {seq: _claim_unread(transaction, account, seq) for seq in seqs if seq not in kept}
    if kept:
        claims |= _claim_kept(transaction, account, kept)
    return [claims.get(seq) for seq in seqs]


def _claim_kept(transaction: Transaction, account: int, kept: Mapping[int, Delivery]) -> dict[int, Claim]:
    """What the caller has need not be read, and is claimed at one go: it has waited untouched since it was stored."""
    fence = transaction.fence
    claimed = transaction.execute(_CLAIM_KEPT, (fence, account, json.dumps(list(kept)))).fetchall()
    return {seq: Claim(seq, fence, kept[seq], 1, 0, 0) for (seq,) in claimed}


def _claim_unread(transaction: Transaction, account: int, seq: int) -> Claim | None:
    row = transaction.execute(_READ, (seq, account)).fetchone()
    if row is None:
        return None
    transaction.execute(_CLAIM, (transaction.fence, seq))
    attempts, deaths, interrupted, key, lane, topic, data, alias = row
    delivery = Delivery(key, lane, topic, data, alias=alias)
    return Claim(seq, transaction.fence, delivery, attempts + 1, deaths, interrupted)


def _finish(transaction: Transaction, account: int, completion: Completion, now: float) -> bool:
    held = (completion.seq, account, completion.fence)
    match completion.result:
        case "done":
            cursor = transaction.execute(_DONE, held)
        case "retry":
            cursor = transaction.execute(_RETURN, (WAITING, 0, 0, completion.not_before, 0, completion.error, *held))
        case "release":
            interrupted = not completion.unstarted
            cursor = transaction.execute(
                _RETURN, (WAITING, 1, interrupted, completion.not_before, 0, completion.error, *held)
            )
        case "dead":
            cursor = transaction.execute(_RETURN, (DEAD, 0, 0, 0, now, completion.error, *held))
    if not cursor.rowcount:
        return False
    for row in completion.outgoing:
        enqueue(transaction, account, row, now)
    for changed in completion.changes:
        change(transaction, account, changed)
    for scope, changes in completion.state.items():
        save(transaction, account, scope, changes)
    return True


@attrs.frozen
class Page:
    """Some rows that were found at the start of an account, in order of arrival."""

    rows: Sequence[Waiting]
    in_hand: Sequence[int]


def read_page(transaction: Transaction, account: int, after: int, max_deaths: int, max_attempts: int) -> Page:
    """What waits or was in hand, from beyond ``after``: at most PAGE rows, as they are once they are taken back."""
    found = transaction.execute(  # A row in hand has state 1, and is taken back with one death more.
        "SELECT seq, lane, size, not_before, state, deaths + state AS deaths, attempts FROM inbox"
        " WHERE account = ? AND seq > ? AND state IN (0, 1) ORDER BY seq LIMIT ?",
        (account, after, PAGE),
    ).fetchall()
    return Page(
        [
            Waiting(
                seq, lane, size, not_before, deaths > 0 and (deaths + 1 >= max_deaths or attempts + 1 >= max_attempts)
            )
            for seq, lane, size, not_before, _, deaths, attempts in found
        ],
        [row[0] for row in found if row[4] == IN_HAND],
    )


def take_back(
    transaction: Transaction, account: int, in_hand: Sequence[int], *, now: float, max_deaths: int, max_attempts: int
) -> set[int]:
    """What was in hand waits again with a death more, or is dead: returns the dead ones.

    The attempt was counted at the claim."""
    buried = set()
    for seq in in_hand:
        [deaths, attempts] = transaction.execute(
            "UPDATE inbox SET state = 0, deaths = deaths + 1 WHERE seq = ? AND account = ? AND state = 1"
            " RETURNING deaths, attempts",
            (seq, account),
        ).fetchall()[0]
        if deaths >= max_deaths or attempts >= max_attempts:
            error = f"the process ended while this was handled: {deaths} deaths, {attempts} attempts"
            transaction.execute("UPDATE inbox SET state = 2, died_at = ?, error = ? WHERE seq = ?", (now, error, seq))
            buried.add(seq)
    return buried


def trim(
    transaction: Transaction, account: int, before: float, after: tuple[float, int]
) -> tuple[int, tuple[float, int] | None]:
    """Of the next PAGE deliveries seen before ``before``, those that are handled are forgotten.

    Returns how many, and where to go on, or ``None`` at the end."""
    seen = transaction.execute(
        "SELECT at, seq, EXISTS (SELECT 1 FROM inbox WHERE inbox.seq = seen.seq) FROM seen"
        " WHERE account = ? AND at < ? AND (at, seq) > (?, ?) ORDER BY at, seq LIMIT ?",
        (account, before, *after, PAGE),
    ).fetchall()
    handled = [seq for _, seq, kept in seen if not kept]
    transaction.execute("DELETE FROM seen WHERE seq IN (SELECT value FROM json_each(?))", (json.dumps(handled),))
    return len(handled), seen[-1][:2] if len(seen) == PAGE else None


def replay(transaction: Transaction, account: int, key: str) -> bool:
    """The dead delivery waits again. Its fence stays: a claim of before its death must not finish it."""
    return transaction.execute(_REPLAY, (account, key)).rowcount > 0


def purge(transaction: Transaction, account: int, key: str) -> bool:
    """The dead delivery is forgotten; ``seen`` goes on knowing its key."""
    return transaction.execute(_PURGE, (account, key)).rowcount > 0


def dead_letters(transaction: Transaction, account: int, name: str) -> list[DeadLetter]:
    """The deliveries that were given up, oldest first."""
    rows = transaction.execute(
        "SELECT key, lane, error, attempts, died_at FROM inbox WHERE account = ? AND state = 2 ORDER BY died_at, seq",
        (account,),
    )
    return [DeadLetter(name, "inbox", *row) for row in rows.fetchall()]
