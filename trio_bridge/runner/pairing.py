"""``trio-bridge pairing``: who asks to be heard, and who was let in. All of it works beside a running bridge."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ..engine.pairing import PAIRED, REQUESTS, Changes, Paired, PairingBook, PairingRequest
from ..stores.editing import StateEditor, edit_sqlite
from ..stores.reading import StoreReader, read_sqlite
from .listing import local_moment, moment, show_rows, span
from .stored import NotThere, account_option, config_argument, json_option, known, stored_by
from .text import one_line

COLUMNS = ("account", "sender", "name", "code", "state")

account_argument = click.argument("account")


@click.group(short_help="Let people in who were told a code, or out again.")
def pairing() -> None:
    """Let people in who were told a code, or out again: with dm_policy = "pairing"."""


@pairing.command("list", short_help="Show who asks, and who was let in.")
@config_argument
@account_option
@json_option
def list_people(config: Path, account: str | None, as_json: bool) -> None:
    """Show who asks to be heard, with the code that approves it, and who was let in. People choose their names
    themselves: go by the sender, or by the code that somebody shows you.

    Harmless while a bridge runs.
    """
    with stored_by(config) as path:
        books = read_sqlite(path, lambda reader: books_of(reader, account))
    now = time.time()
    if as_json:
        click.echo(json.dumps(as_object(books, now)))
        return
    rows = []
    for name, book in books.items():
        people: list[PairingRequest | Paired] = [*book.requests(now), *book.paired()]
        rows += [as_row(name, one, now) for one in people]
    if rows:
        show_rows(Console(), COLUMNS, rows)
    else:
        click.echo("nobody asks, and nobody was let in")


@pairing.command(short_help="Let in whoever was told a code.")
@config_argument
@account_argument
@click.argument("code")
@json_option
def approve(config: Path, account: str, code: str, as_json: bool) -> None:
    """Let in whoever was told CODE by the bot of ACCOUNT: they are heard from their next message on.

    A bridge may run meanwhile, or not. Tell them to write again.
    """

    def let_in(editor: StateEditor) -> Paired:
        found = book_of(editor, account).approve(code, time.time())
        if found is None:
            raise NotThere(f"nobody asks with the code {code} in the account {account}; a code is good for an hour")
        return _done(editor, account, *found)

    change("approved", config, account, let_in, as_json=as_json)


@pairing.command(short_help="Let somebody in no more.")
@config_argument
@account_argument
@click.argument("sender")
@json_option
def revoke(config: Path, account: str, sender: str, as_json: bool) -> None:
    """Let SENDER in no more: a running bridge hears nothing of them after a second. They may ask again.

    Whoever stands in allow_from is heard all the same.
    """

    def let_out(editor: StateEditor) -> Paired:
        found = book_of(editor, account).revoke(sender)
        if found is None:
            raise NotThere(f"nobody was let in as {sender} in the account {account}")
        return _done(editor, account, *found)

    change("revoked", config, account, let_out, as_json=as_json)


def change(done: str, config: Path, account: str, edit: Callable[[StateEditor], Paired], *, as_json: bool) -> None:
    """Carry out a change, and say what was done."""
    with stored_by(config) as path:
        person = edit_sqlite(path, edit)
    if as_json:
        click.echo(json.dumps({done: {"account": account, "sender": person.sender, "name": person.name}}))
    else:
        click.echo(one_line(f"{done}: {account} {person.sender} {person.name}".rstrip()))


def books_of(reader: StoreReader, account: str | None) -> dict[str, PairingBook]:
    """The book of an account, or of all.

    Raises:
      NotThere: the store has no such account.
    """
    names = reader.accounts()
    known(account, names)
    return {
        name: PairingBook(reader.state(name, REQUESTS), reader.state(name, PAIRED))
        for name in names
        if account in (None, name)
    }


def book_of(reader: StoreReader, account: str) -> PairingBook:
    """The book of one account. Raises as :func:`books_of` does."""
    return books_of(reader, account)[account]


def _done(editor: StateEditor, account: str, person: Paired, changes: Changes) -> Paired:
    for scope, rows in changes.items():
        editor.save(account, scope, rows)
    return person


def as_row(account: str, one: PairingRequest | Paired, now: float) -> tuple[str, ...]:
    """Somebody in words, in the order of :data:`COLUMNS`."""
    if isinstance(one, Paired):
        return (account, one.sender, one.name, "", f"let in {local_moment(one.approved_at)}")
    return (account, one.sender, one.name, one.code, f"asks, {span(one.expires_at - now)} left")


def as_object(books: Mapping[str, PairingBook], now: float) -> dict[str, Any]:
    """Everybody, for programs."""
    return {
        "requests": [
            {
                "account": account,
                "sender": one.sender,
                "name": one.name,
                "code": one.code,
                "asked_at": moment(one.asked_at),
                "expires_at": moment(one.expires_at),
            }
            for account, book in books.items()
            for one in book.requests(now)
        ],
        "paired": [
            {"account": account, "sender": one.sender, "name": one.name, "approved_at": moment(one.approved_at)}
            for account, book in books.items()
            for one in book.paired()
        ],
    }
