"""A bridge that is killed at every step of handling one message, and started again.

On a platform that drops a second send of one key, every reply is seen exactly once. On one that does not, none is seen
twice, and one that may not have been seen is kept as unknown.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import pytest
import trio

from tests.crash.forks import Forks
from tests.crash.otherside import OtherSide, open_other_side
from trio_bridge.engine.memory import state_scope
from trio_bridge.engine.store import OutgoingRow, OutgoingState
from trio_bridge.stores.sqlite import inline, open_sqlite

LANE = "talk"
MESSAGE = {"m": {"lane": LANE, "text": "hello"}}
STATES: Sequence[OutgoingState] = ("open", "pending", "sending", "sent", "unknown", "dead")

AROUND_SENDING = ["outgoing_row", "change", "send"]
STEPS = {
    "transaction": ["accept", "claim", "load", "finish", *AROUND_SENDING],
    "replies": ["accept", "claim", "enqueue", *AROUND_SENDING, "finish"],
    "returned": ["accept", "claim", "finish", *AROUND_SENDING],
    "stream": ["accept", "claim", "enqueue", *AROUND_SENDING, "finish"],
}
"""What must be done, whatever else is done between."""
KEYS = {
    "transaction": {"m/1": ["m/1"], "m/2": ["m/2"]},
    "replies": {"m/1": ["m/1"], "m/2": ["m/2", "m/2#1"]},
    "returned": {"m/1": ["m/1"]},
    "stream": {"m/1": ["m/1"]},
}
"""The replies, and the keys under which their parts are sent."""


@attrs.frozen
class Remains:
    """What is in the store when everything is over."""

    waiting: int
    in_hand: int
    dead: int
    replies: dict[str, OutgoingRow]
    state: dict[str, object]


async def remains(folder: Path) -> Remains:
    async with open_sqlite(folder / "bridge.db", executor=inline) as store:
        account = await store.open_account("a", platform="lines")
        rows = await account.outgoing(STATES)
        dead, state = await account.dead_letters(), await account.load(state_scope(LANE))
        found = await account.recover(now=0.0, max_deaths=99, max_attempts=99)
        return Remains(len(found.waiting), found.died, len(dead), {row.key: row for row in rows}, state)


def new_folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


async def handled(forks: Forks, folder: Path, handler: str, *fatal: str, keyed: bool) -> tuple[int, OtherSide]:
    """Have one message handled by bridges that are killed, each at a step of its own. How many were, and what was sent.

    The steps of the last one, which is not killed, are in ``folder/steps``.
    """
    killed, code = 0, -1
    async with open_other_side(MESSAGE) as side:
        arguments = {"handler": handler, "folder": str(folder), "port": side.port, "keyed": keyed}
        for step in (*fatal, ""):
            (folder / "steps").write_text("")
            code = await forks.run("tests.crash.steps:serve", **arguments, awaited=len(side.unacked), fatal=step)
            await side.wait_alone()
            if code == 0:
                break
            assert code == -signal.SIGKILL
            killed += 1
    assert code == 0
    return killed, side


def check_replies(
    side: OtherSide, kept: Mapping[str, OutgoingRow], parts: Mapping[str, Sequence[str]], keyed: bool
) -> None:
    assert kept.keys() == parts.keys()
    assert side.sent.keys() <= {key for keys in parts.values() for key in keys}
    for key, row in kept.items():
        seen = [side.sent.get(part, []) for part in parts[key]]
        assert all(len(set(texts)) <= 1 for texts in seen), "one key, one text"
        if keyed:
            assert all(seen)
            assert row.state == "sent"
        else:
            assert all(len(texts) <= 1 for texts in seen)
            assert row.state == "unknown" or (all(seen) and row.state == "sent")


def steps_in(folder: Path) -> list[str]:
    return (folder / "steps").read_text().splitlines()


async def check(side: OtherSide, folder: Path, handler: str, keyed: bool) -> None:
    """It came to a good end: the message is handled, its state saved once, and its replies as they should be."""
    left = await remains(folder)
    assert (left.waiting, left.in_hand, left.dead) == (0, 0, 0), folder.name
    assert left.state == ({"handled": 1} if handler == "transaction" else {}), folder.name
    check_replies(side, left.replies, KEYS[handler], keyed)


each_kind = pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "unkeyed"])


@each_kind
@pytest.mark.parametrize("handler", list(STEPS))
async def test_killed_at_every_step_a_message_is_answered_once(
    forks: Forks, folder: Path, handler: str, keyed: bool
) -> None:
    fatal = set()
    with trio.fail_after(120):
        whole = new_folder(folder, "whole")
        killed, side = await handled(forks, whole, handler, keyed=keyed)
        await check(side, whole, handler, keyed)
        assert not killed
        assert [len(texts) for texts in side.sent.values()] == [1] * sum(map(len, KEYS[handler].values()))
        steps = steps_in(whole)
        for step in steps[steps.index("before accept 1") :]:  # Before that the message has not touched the store.
            place = new_folder(folder, step)
            killed, side = await handled(forks, place, handler, step, keyed=keyed)
            await check(side, place, handler, keyed)
            if killed:  # Else tasks have overtaken each other, and it was not done so often.
                fatal.add(step)
    assert {f"{when} {step} 1" for step in STEPS[handler] for when in ("before", "after")} <= fatal


@each_kind
@pytest.mark.parametrize("first", ["after claim 1", "before send 1"])
async def test_killed_once_more_at_every_step_of_the_next_start_it_is_still_answered_once(
    forks: Forks, folder: Path, first: str, keyed: bool
) -> None:
    fatal = set()
    with trio.fail_after(120):
        whole = new_folder(folder, "whole")
        assert (await handled(forks, whole, "transaction", first, keyed=keyed))[0] == 1
        for step in steps_in(whole):
            place = new_folder(folder, step)
            killed, side = await handled(forks, place, "transaction", first, step, keyed=keyed)
            await check(side, place, "transaction", keyed)
            if killed == 2:
                fatal.add(step)
    assert {f"{when} {step} 1" for step in ("recover", "outgoing") for when in ("before", "after")} <= fatal
