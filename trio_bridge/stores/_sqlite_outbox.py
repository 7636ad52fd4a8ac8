"""The outbox of one account, statement by statement. Every function here runs inside one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..engine.store import DeadLetter, NewOutgoing, OutgoingChange, OutgoingRow, OutgoingState
from ._sqlite_database import Transaction

PAGE = 1000
"""Rows of one transaction where an account may have any number."""

# The columns are the fields of OutgoingRow. One that was purged shows as dead: its text is gone, its key is known.
_SELECT = (
    "SELECT seq, key, lane, target, text, title, attachments,"
    " CASE state WHEN 'purged' THEN 'dead' ELSE state END, created_at, attempts, parts_sent, not_before, error, sent_id"
    " FROM outbox WHERE account = ? AND "
)
_NEW = (
    "INSERT INTO outbox (account, key, lane, target, text, title, attachments, state, created_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
    " SET text = excluded.text, title = excluded.title, attachments = excluded.attachments, state = excluded.state"
    " WHERE outbox.state = 'open' AND excluded.state = 'pending'"
)
_CHANGE = (
    "UPDATE outbox SET state = coalesce(?, state), text = coalesce(?, text), attempts = coalesce(?, attempts),"
    " parts_sent = coalesce(?, parts_sent), not_before = coalesce(?, not_before), error = coalesce(?, error),"
    " sent_id = coalesce(?, sent_id) WHERE account = ? AND key = ? AND state != 'purged'"
)


def enqueue(transaction: Transaction, account: int, new: NewOutgoing, now: float) -> None:
    """The reply is kept. One that is there stays as it is, unless it was open and this is its end."""
    transaction.execute(
        _NEW, (account, new.key, new.lane, new.target, new.text, new.title, new.attachments, new.state, now)
    )


def change(transaction: Transaction, account: int, changed: OutgoingChange) -> None:
    """The reply is changed, if there is one of that key."""
    transaction.execute(
        _CHANGE,
        (
            changed.state,
            changed.text,
            changed.attempts,
            changed.parts_sent,
            changed.not_before,
            changed.error,
            changed.sent_id,
            account,
            changed.key,
        ),
    )


def enqueue_all(transaction: Transaction, account: int, rows: Sequence[NewOutgoing], now: float) -> list[OutgoingRow]:
    """The replies are kept. Returns them as they are in the store now."""
    kept = []
    for new in rows:
        enqueue(transaction, account, new, now)
        row = by_key(transaction, account, new.key)
        if row is None:
            raise AssertionError("it was there, or it was put there")  # pragma: no cover
        kept.append(row)
    return kept


def change_all(transaction: Transaction, account: int, changes: Sequence[OutgoingChange]) -> None:
    """The replies are changed; keys that don't exist are ignored."""
    for changed in changes:
        change(transaction, account, changed)


def by_key(transaction: Transaction, account: int, key: str) -> OutgoingRow | None:
    """One reply."""
    row = transaction.execute(_SELECT + "key = ?", (account, key)).fetchone()
    return None if row is None else OutgoingRow(*row)


def by_state(transaction: Transaction, account: int, states: Sequence[OutgoingState]) -> list[OutgoingRow]:
    """The replies in these states, in order."""
    rows = transaction.execute(
        _SELECT + "state IN (SELECT value FROM json_each(?)) ORDER BY seq",  # noqa: S608  # Constants, both.
        (account, json.dumps(list(states))),
    )
    return [OutgoingRow(*row) for row in rows.fetchall()]


def doubt_sending(transaction: Transaction, account: int) -> None:
    """What a dead process was sending may have arrived, or not."""
    transaction.execute("UPDATE outbox SET state = 'unknown' WHERE account = ? AND state = 'sending'", (account,))


def trim(transaction: Transaction, account: int, before: float) -> int:
    """At most PAGE replies that are sent or purged and older than ``before`` are forgotten. Returns how many."""
    return transaction.execute(
        "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox"
        " WHERE account = ? AND state IN ('sent', 'purged') AND created_at < ? LIMIT ?)",
        (account, before, PAGE),
    ).rowcount


def dead_letters(transaction: Transaction, account: int, name: str) -> list[DeadLetter]:
    """The replies that were given up, oldest first. A change has no time: theirs is when they were written."""
    rows = transaction.execute(
        "SELECT key, lane, error, attempts, created_at FROM outbox WHERE account = ? AND state = 'dead'"
        " ORDER BY created_at, seq",
        (account,),
    )
    return [DeadLetter(name, "outbox", *row) for row in rows.fetchall()]


def replay(transaction: Transaction, account: int, key: str, now: float | None) -> bool:
    """A reply that is dead or unknown is to be sent; the parts that went out already are not."""
    cursor = transaction.execute(
        "UPDATE outbox SET state = 'pending', attempts = 0, not_before = 0, error = '',"
        " created_at = coalesce(?, created_at) WHERE account = ? AND key = ? AND state IN ('dead', 'unknown')",
        (now, account, key),
    )
    return cursor.rowcount > 0


def purge(transaction: Transaction, account: int, key: str) -> bool:
    """A reply that is dead or unknown is forgotten but for its key."""
    cursor = transaction.execute(
        "UPDATE outbox SET state = 'purged', target = '', text = '', title = '', attachments = '[]'"
        " WHERE account = ? AND key = ? AND state IN ('dead', 'unknown')",
        (account, key),
    )
    return cursor.rowcount > 0
