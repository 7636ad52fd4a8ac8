"""A message that kills the process: after three deaths it is a dead letter, and nobody else suffers."""

from __future__ import annotations

from pathlib import Path

import trio

from tests.crash.forks import Forks
from tests.crash.otherside import open_other_side
from trio_bridge.stores.sqlite import inline, open_sqlite

BYSTANDERS = ("b", "c", "d")
MESSAGES = {
    "poison": {"lane": "a", "text": "poison"},
    "after": {"lane": "a", "text": "hello"},
    **{key: {"lane": key, "text": "hello"} for key in BYSTANDERS},
}


async def test_a_message_that_kills_the_process_is_given_up_and_the_others_are_handled(
    forks: Forks, folder: Path
) -> None:
    """The others are in hand whenever it kills: they must not be taken for the cause."""
    deaths = 0
    with trio.fail_after(60):
        async with open_other_side(MESSAGES) as side:
            arguments = {"handler": "poison", "folder": str(folder), "port": side.port, "keyed": True}
            while await forks.run("tests.crash.steps:serve", **arguments, awaited=len(side.unacked)) == 1:
                deaths += 1
                await side.wait_alone()
    assert deaths == 3
    async with open_sqlite(folder / "bridge.db", executor=inline) as store:
        account = await store.open_account("a", platform="lines")
        [letter] = await account.dead_letters()
        assert (letter.key, letter.lane, letter.box) == ("poison", "a", "inbox")
        assert "3 deaths" in letter.error
        assert (await account.recover(now=0.0, max_deaths=99, max_attempts=99)).waiting == []
    assert {key: len(texts) for key, texts in side.sent.items()} == {"after/1": 1, "b/1": 1, "c/1": 1, "d/1": 1}
