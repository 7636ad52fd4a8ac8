"""``trio-bridge dead-letters``: messages and replies that were given up, and what an operator makes of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, get_args

import attrs
import click
import trio
from rich.console import Console

from ..engine.store import DeadLetter
from ..stores.reading import StoreReader, read_sqlite
from .letters import Act, Box, Selection, carry_out
from .listing import local_moment, moment, show_rows
from .stored import account_option, config_argument, json_option, known, stored_by
from .text import one_line

COLUMNS = ("account", "box", "key", "conversation", "attempts", "when", "error")
DONE: Mapping[Act, str] = {"replay": "replayed", "purge": "purged"}

box_option = click.option("--box", type=click.Choice(get_args(Box)), help="Only messages (inbox), or only replies.")
key_argument = click.argument("key", required=False)
all_option = click.option("--all", "everything", is_flag=True, help="All dead letters, instead of the one named KEY.")


@click.group("dead-letters", short_help="Look at what was given up; put it back, or drop it.")
def dead_letters() -> None:
    """Look at what was given up; put it back, or drop it."""


@dead_letters.command("list", short_help="Show what was given up.")
@config_argument
@account_option
@box_option
@json_option
def list_letters(config: Path, account: str | None, box: Box | None, as_json: bool) -> None:
    """Show the messages and replies in the store of the file CONFIG that were given up. Nobody's words are shown.

    Harmless while a bridge runs.
    """

    def read(reader: StoreReader) -> list[DeadLetter]:
        known(account, reader.accounts())
        return Selection(account, box).of(reader.dead_letters())

    with stored_by(config) as path:
        letters = read_sqlite(path, read)
    if as_json:
        click.echo(json.dumps({"dead_letters": [as_object(letter) for letter in letters]}))
    elif letters:
        show_rows(Console(), COLUMNS, [as_row(letter) for letter in letters])
    else:
        click.echo("no dead letters")


@dead_letters.command(short_help="Have it handled, or sent, once more.")
@config_argument
@key_argument
@all_option
@account_option
@box_option
@json_option
def replay(
    config: Path, key: str | None, everything: bool, account: str | None, box: Box | None, as_json: bool
) -> None:
    """Let the dead letter KEY wait again, as if it had never been tried: the next bridge takes it up.

    No bridge may run meanwhile. KEY may name a reply of unknown outcome too; --all leaves those alone.
    """
    change("replay", config, key, everything, account, box, as_json)


@dead_letters.command(short_help="Forget it for good.")
@config_argument
@key_argument
@all_option
@account_option
@box_option
@json_option
def purge(config: Path, key: str | None, everything: bool, account: str | None, box: Box | None, as_json: bool) -> None:
    """Forget the dead letter KEY. If it is delivered once more it is still known, and not handled.

    No bridge may run meanwhile. KEY may name a reply of unknown outcome too; --all leaves those alone.
    """
    change("purge", config, key, everything, account, box, as_json)


def change(
    act: Act, config: Path, key: str | None, everything: bool, account: str | None, box: Box | None, as_json: bool
) -> None:
    """Replay or purge what was named, and say what was done."""
    if (key is not None) == everything:
        raise click.UsageError("name one KEY, or say --all")
    with stored_by(config) as path:
        letters = trio.run(partial(carry_out, act, path, Selection(account, box, key)))
    if as_json:
        click.echo(json.dumps({DONE[act]: [attrs.asdict(letter) for letter in letters]}))
        return
    for letter in letters:
        click.echo(one_line(f"{DONE[act]}: {letter.account} {letter.box} {letter.key}"))
    if not letters:
        click.echo("no dead letters")


def as_row(letter: DeadLetter) -> tuple[str, ...]:
    """A letter in words, in the order of :data:`COLUMNS`."""
    return (
        letter.account,
        letter.box,
        letter.key,
        letter.lane,
        str(letter.attempts),
        local_moment(letter.at),
        letter.error,
    )


def as_object(letter: DeadLetter) -> dict[str, Any]:
    """A letter for programs. ``at`` is when a message was given up, or when a reply was written."""
    return {
        "account": letter.account,
        "box": letter.box,
        "key": letter.key,
        "conversation": letter.lane,
        "attempts": letter.attempts,
        "at": moment(letter.at),
        "error": letter.error,
    }
