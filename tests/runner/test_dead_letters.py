"""``trio-bridge dead-letters``: list, replay, purge."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runner.stored import configure, fill, tell
from trio_bridge.runner.letters import Selection, carry_out
from trio_bridge.stores import _sqlite_file
from trio_bridge.stores.reading import StoreReader, read_sqlite
from trio_bridge.stores.sqlite import inline, open_sqlite


@pytest.fixture
def config(tmp_path: Path) -> str:
    return str(fill(tmp_path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bridge.db"


@pytest.fixture
def held(config: str, path: Path) -> Iterator[None]:
    """A bridge, as far as the store can tell, has it."""
    descriptor = _sqlite_file.lock(path)
    yield
    os.close(descriptor)


def letters(path: Path) -> list[tuple[str, str, str]]:
    return [(letter.account, letter.box, letter.key) for letter in read_sqlite(path, StoreReader.dead_letters)]


def unsent(path: Path) -> list[tuple[str, str, str]]:
    return [(row.account, row.reply.key, row.reply.state) for row in read_sqlite(path, StoreReader.unsent)]


ALL = [("sales", "outbox", "m3/1"), ("sales", "inbox", "m9"), ("support", "inbox", "m9")]


@pytest.mark.usefixtures("held")
def test_what_was_given_up_is_listed_while_a_bridge_runs(config: str) -> None:
    done = tell("dead-letters", "list", config)
    assert done.exit_code == 0
    first, *_ = lines = done.stdout.splitlines()
    assert first.startswith("account=sales  box=outbox  key=m3/1  conversation=lane  attempts=0  when=2026-09-21 ")
    assert first.endswith("  error=refused")
    assert len(lines) == 3


def test_letters_are_json_for_programs(config: str) -> None:
    done = tell("dead-letters", "list", config, "--json", "--box", "inbox", "--account", "support")
    assert json.loads(done.stdout) == {
        "dead_letters": [
            {
                "account": "support",
                "box": "inbox",
                "key": "m9",
                "conversation": "lane",
                "attempts": 1,
                "at": "2026-09-21T14:13:21.000+00:00",
                "error": "no use",
            }
        ]
    }


def test_a_replayed_reply_is_to_be_sent(config: str, path: Path) -> None:
    done = tell("dead-letters", "replay", config, "m3/1")
    assert (done.exit_code, done.stdout) == (0, "replayed: sales outbox m3/1\n")
    assert ("sales", "m3/1", "pending") in unsent(path)
    [age] = [row.reply.created_at for row in read_sqlite(path, StoreReader.unsent) if row.reply.key == "m3/1"]
    assert age > 1_790_000_000, "it has its 24 hours again"
    assert letters(path) == ALL[1:]


def test_a_purged_letter_is_forgotten(config: str, path: Path) -> None:
    done = tell("dead-letters", "purge", config, "m9", "--account", "sales", "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (
        0,
        {"purged": [{"account": "sales", "box": "inbox", "key": "m9"}]},
    )
    assert letters(path) == [ALL[0], ALL[2]]


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        ([], []),
        (["--account", "sales"], ALL[2:]),
        (["--box", "inbox"], ALL[:1]),
        (["--box", "outbox", "--account", "support"], ALL),
    ],
)
def test_all_are_all_that_the_filters_let_through(config: str, path: Path, filters: list[str], left: list[Any]) -> None:
    done = tell("dead-letters", "purge", config, "--all", *filters)
    assert done.exit_code == 0
    assert done.stdout.count("purged: ") == len(ALL) - len(left)
    assert letters(path) == left
    assert ("sales", "m2/1", "unknown") in unsent(path), "for a person to say"


def test_nothing_to_do_is_no_failure(config: str) -> None:
    tell("dead-letters", "purge", config, "--all")
    assert tell("dead-letters", "replay", config, "--all").stdout == "no dead letters\n"
    assert tell("dead-letters", "list", config).stdout == "no dead letters\n"


@pytest.mark.parametrize(("act", "state"), [("replay", [("sales", "m2/1", "pending")]), ("purge", [])])
def test_a_reply_of_unknown_outcome_can_be_named(config: str, path: Path, act: str, state: list[Any]) -> None:
    assert tell("dead-letters", act, config, "m2/1").exit_code == 0
    assert [row for row in unsent(path) if row[1] == "m2/1"] == state


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["m7"], "no dead letter has the key m7"),
        (["m1/1"], "no dead letter has the key m1/1"),
        (["m9", "--box", "outbox"], "no dead letter has the key m9"),
        (["m2/1", "--box", "inbox"], "no dead letter has the key m2/1"),
        (["m2/1", "--account", "support"], "no dead letter has the key m2/1"),
        (
            ["m9"],
            "several have the key m9 (sales inbox, support inbox): say which with --account and --box",
        ),
        (["m9", "--account", "hr"], "the store has no account hr; it has sales, support"),
        (["a\x1b[2J"], r"no dead letter has the key a\x1b[2J"),
    ],
)
@pytest.mark.parametrize("act", ["replay", "purge"])
def test_what_is_not_there_is_a_line_and_1(config: str, path: Path, act: str, arguments: list[str], line: str) -> None:
    done = tell("dead-letters", act, config, *arguments)
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", f"{line}\n")
    assert letters(path) == ALL


@pytest.mark.parametrize("arguments", [[], ["m9", "--all"], ["--all", "--box", "mailbox"]])
def test_a_key_or_all_has_to_be_named(config: str, path: Path, arguments: list[str]) -> None:
    assert tell("dead-letters", "purge", config, *arguments).exit_code == 2
    assert letters(path) == ALL


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("act", ["replay", "purge"])
def test_while_a_bridge_runs_nothing_is_changed(config: str, path: Path, act: str) -> None:
    done = tell("dead-letters", act, config, "--all")
    line = f"the store {path} is in use by process {os.getpid()}: stop that one first, or name another file"
    assert (done.exit_code, done.stdout, done.stderr) == (78, "", f"{config}: store.url: {line}\n")
    assert letters(path) == ALL


@pytest.mark.parametrize("act", ["list", "replay", "purge"])
def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, act: str) -> None:
    done = tell("dead-letters", act, str(configure(tmp_path)), *([] if act == "list" else ["--all"]))
    assert done.exit_code == 78
    assert "there is no store" in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["bridge.toml"]


async def test_what_the_store_knows_of_accounts_stays_as_it_was(path: Path) -> None:
    async with open_sqlite(path, executor=inline) as store:
        await store.open_account("sales", platform="dingtalk", owner="mei", enabled=False)
        await store.want("sales", "stopped")
        before = await store.accounts()
    assert await carry_out("replay", path, Selection()) == []
    async with open_sqlite(path, executor=inline) as store:
        assert await store.accounts() == before
