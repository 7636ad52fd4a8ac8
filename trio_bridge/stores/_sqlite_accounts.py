"""The accounts as a whole. Every function here runs inside one transaction."""

from __future__ import annotations

from typing import Literal

from ..engine.store import AccountRecord
from ._sqlite_database import Transaction

PAGE = 1000
"""Rows of one transaction where an account may have any number."""

_SWEEP = (
    "DELETE FROM inbox WHERE seq IN (SELECT seq FROM inbox WHERE account = ? LIMIT ?)",
    "DELETE FROM seen WHERE seq IN (SELECT seq FROM seen WHERE account = ? LIMIT ?)",
    "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox WHERE account = ? LIMIT ?)",
    "DELETE FROM state WHERE (account, scope, key) IN"
    " (SELECT account, scope, key FROM state WHERE account = ? LIMIT ?)",
)


def keep(transaction: Transaction, name: str, platform: str, owner: str, enabled: bool) -> int:
    """The account is known, as described now. Returns its number."""
    transaction.execute(
        "INSERT INTO accounts (name, platform, owner, enabled) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE"
        " SET platform = excluded.platform, owner = excluded.owner, enabled = excluded.enabled",
        (name, platform, owner, enabled),
    )
    [number] = transaction.execute("SELECT id FROM accounts WHERE name = ?", (name,)).fetchone()
    return int(number)


def known(transaction: Transaction) -> list[AccountRecord]:
    """All accounts, in the order in which they came."""
    rows = transaction.execute(
        "SELECT name, platform, owner, enabled, wanted FROM accounts WHERE name IS NOT NULL ORDER BY id"
    )
    return [
        AccountRecord(name, platform, owner, bool(enabled), wanted)
        for name, platform, owner, enabled, wanted in rows.fetchall()
    ]


def want(transaction: Transaction, name: str, wanted: Literal["running", "stopped"]) -> None:
    """Whether the account is to run is remembered."""
    transaction.execute("UPDATE accounts SET wanted = ? WHERE name = ?", (wanted, name))


def forget(transaction: Transaction, name: str) -> None:
    """Nobody finds the account any more. Its rows go later, some at a time."""
    transaction.execute("UPDATE accounts SET name = NULL WHERE name = ?", (name,))


def sweep(transaction: Transaction) -> bool:
    """Some rows of a forgotten account are gone, in the end the account itself. False when nothing is left to do."""
    forgotten = transaction.execute("SELECT id FROM accounts WHERE name IS NULL LIMIT 1").fetchone()
    if forgotten is None:
        return False
    if not sum(transaction.execute(statement, (*forgotten, PAGE)).rowcount for statement in _SWEEP):
        transaction.execute("DELETE FROM accounts WHERE id = ?", forgotten)
    return True
