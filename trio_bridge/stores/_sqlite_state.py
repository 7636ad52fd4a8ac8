"""The small state of one account. Every function here runs inside one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ._sqlite_database import Transaction


def load(transaction: Transaction, account: int, scope: str) -> dict[str, Any]:
    """What is kept under a scope."""
    rows = transaction.execute("SELECT key, value FROM state WHERE account = ? AND scope = ?", (account, scope))
    return {key: json.loads(value) for key, value in rows.fetchall()}


def save(transaction: Transaction, account: int, scope: str, changes: Mapping[str, Any]) -> None:
    """The changes are kept; ``None`` removes a key."""
    for key, value in changes.items():
        if value is None:
            transaction.execute("DELETE FROM state WHERE account = ? AND scope = ? AND key = ?", (account, scope, key))
        else:
            transaction.execute(
                "INSERT INTO state VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                (account, scope, key, json.dumps(value)),
            )
