"""Dead letters are put back or forgotten: in a store that no bridge holds meanwhile."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

import attrs

from ..engine.store import AccountStore, DeadLetter
from ..stores.reading import StoreReader, read_sqlite
from ..stores.sqlite import open_sqlite
from .stored import NotThere, known

Box = Literal["inbox", "outbox"]
Act = Literal["replay", "purge"]


@attrs.frozen
class Letter:
    """What a dead letter is called."""

    account: str
    box: Box
    key: str


@attrs.frozen
class Selection:
    """Which letters are meant; ``None`` leaves it open."""

    account: str | None = None
    box: Box | None = None
    key: str | None = None

    def of(self, letters: list[DeadLetter]) -> list[DeadLetter]:
        """Those of the letters that are meant."""
        return [
            letter
            for letter in letters
            if self.account in (None, letter.account)
            and self.box in (None, letter.box)
            and self.key in (None, letter.key)
        ]


async def carry_out(act: Act, path: Path, selection: Selection) -> list[Letter]:
    """The letters that were meant wait again, or are forgotten. Returns them.

    A key names a reply of unknown outcome too: it is for a person to say what becomes of it, one by one.

    Raises:
      NotThere: no letter has the key, or several have it.
      StoreUnavailable: there is no store, or a bridge holds it.
    """
    read_sqlite(path, StoreReader.accounts)  # A store that is not there must not be made.
    async with open_sqlite(path) as store:
        records = await store.accounts()
        known(selection.account, [record.name for record in records])
        parts = {
            record.name: await store.open_account(
                record.name, platform=record.platform, owner=record.owner, enabled=record.enabled
            )
            for record in records
        }
        letters: list[Letter] = []
        for name, part in parts.items():
            letters += await _meant(name, part, selection)
        if selection.key is not None:
            _exactly_one(selection.key, letters)
        for letter in letters:
            part = parts[letter.account]
            if act == "replay":
                await part.replay(letter.box, letter.key, now=time.time())
            else:
                await part.purge(letter.box, letter.key)
        return letters


async def _meant(name: str, part: AccountStore, selection: Selection) -> list[Letter]:
    if selection.account not in (None, name):
        return []
    letters = [Letter(name, letter.box, letter.key) for letter in selection.of(await part.dead_letters())]
    if selection.key is not None and selection.box != "inbox":
        reply = await part.outgoing_row(selection.key)
        if reply is not None and reply.state == "unknown":
            letters.append(Letter(name, "outbox", reply.key))
    return letters


def _exactly_one(key: str, letters: list[Letter]) -> None:
    if not letters:
        raise NotThere(f"no dead letter has the key {key}")
    if len(letters) > 1:
        places = ", ".join(f"{letter.account} {letter.box}" for letter in letters)
        raise NotThere(f"several have the key {key} ({places}): say which with --account and --box")
