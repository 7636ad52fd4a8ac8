"""``trio-bridge outbox``: replies that are on their way, or wait for somebody to say what is to become of them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ..stores.reading import StoreReader, Unsent, read_sqlite
from .listing import moment, show_rows, span
from .stored import account_option, config_argument, json_option, known, stored_by

COLUMNS = ("account", "key", "conversation", "state", "attempts", "age", "next attempt", "last error")
NEXT = {"open": "is being written", "sending": "is under way", "unknown": "when somebody says so"}


@click.group(short_help="Look at the replies that are not sent yet.")
def outbox() -> None:
    """Look at the replies that are not sent yet."""


@outbox.command("list", short_help="Show what is not sent yet.")
@config_argument
@account_option
@click.option("--text", "with_text", is_flag=True, help="Show the texts too. By default nobody's words are shown.")
@json_option
def list_outbox(config: Path, account: str | None, with_text: bool, as_json: bool) -> None:
    """Show the replies in the store of the file CONFIG that are not sent: open, pending, sending or unknown.

    Harmless while a bridge runs. Whether an unknown reply arrived, nobody could know: dead-letters replay KEY sends it,
    dead-letters purge KEY drops it.
    """
    with stored_by(config) as path:
        rows = read_sqlite(path, lambda reader: unsent_of(reader, account))
    if as_json:
        click.echo(json.dumps({"outbox": [as_object(row, with_text=with_text) for row in rows]}))
    elif rows:
        columns = (*COLUMNS, "text") if with_text else COLUMNS
        now = time.time()
        show_rows(Console(), columns, [as_row(row, now, with_text=with_text) for row in rows])
    else:
        click.echo("everything is sent")


def unsent_of(reader: StoreReader, account: str | None) -> list[Unsent]:
    """The replies of an account, or of all.

    Raises:
      NotThere: the store has no such account.
    """
    known(account, reader.accounts())
    return [row for row in reader.unsent() if account in (None, row.account)]


def as_row(unsent: Unsent, now: float, *, with_text: bool) -> tuple[str, ...]:
    """A reply in words, in the order of :data:`COLUMNS`."""
    reply = unsent.reply
    wait = reply.not_before - now
    due = NEXT.get(reply.state) or (f"in {span(wait)}" if wait > 0 else "now")
    row = (
        unsent.account,
        reply.key,
        reply.lane,
        reply.state,
        str(reply.attempts),
        span(now - reply.created_at),
        due,
        reply.error,
    )
    return (*row, reply.text) if with_text else row


def as_object(unsent: Unsent, *, with_text: bool) -> dict[str, Any]:
    """A reply for programs. ``next_attempt_at`` is null where it is now, or is not for the clock to say."""
    reply = unsent.reply
    waits = reply.state == "pending" and reply.not_before > 0
    told = {
        "account": unsent.account,
        "key": reply.key,
        "conversation": reply.lane,
        "state": reply.state,
        "attempts": reply.attempts,
        "created_at": moment(reply.created_at),
        "next_attempt_at": moment(reply.not_before) if waits else None,
        "error": reply.error,
    }
    return {**told, "text": reply.text} if with_text else told
