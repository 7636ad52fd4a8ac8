"""``trio-bridge outbox list``."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.runner.stored import configure, fill, tell
from trio_bridge.engine.store import OutgoingRow
from trio_bridge.runner.outbox import as_object, as_row
from trio_bridge.stores.reading import Unsent


def row(state: str = "pending", not_before: float = 0.0) -> Unsent:
    reply = OutgoingRow(1, "m1/1", "c1", "target", "private", "", "[]", state, 1000.0, not_before=not_before)  # type: ignore[arg-type]
    return Unsent("sales", reply)


def test_what_is_not_sent_is_listed_without_a_word_of_it(tmp_path: Path) -> None:
    done = tell("outbox", "list", str(fill(tmp_path, time.time())))
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "account=sales  key=m1/1  conversation=lane  state=pending  attempts=3  age=2 h  next attempt=in 3 min  "
        "last error=no answer",
        "account=sales  key=m2/1  conversation=lane  state=unknown  attempts=0  age=2 h  "
        "next attempt=when somebody says so  last error=cut off",
        "account=support  key=m1/1  conversation=lane  state=pending  attempts=0  age=1 min  next attempt=now",
    ]


def test_it_is_json_for_programs(tmp_path: Path) -> None:
    done = tell("outbox", "list", str(fill(tmp_path)), "--json", "--account", "sales")
    assert done.exit_code == 0
    first, second = json.loads(done.stdout)["outbox"]
    assert first == {
        "account": "sales",
        "key": "m1/1",
        "conversation": "lane",
        "state": "pending",
        "attempts": 3,
        "created_at": "2026-09-21T12:11:40.000+00:00",
        "next_attempt_at": "2026-09-21T14:16:40.000+00:00",
        "error": "no answer",
    }
    assert (second["key"], second["state"], second["next_attempt_at"]) == ("m2/1", "unknown", None)


def test_texts_are_shown_on_demand(tmp_path: Path) -> None:
    config = str(fill(tmp_path))
    assert "text=private" in tell("outbox", "list", config, "--text").stdout
    assert '"text": "private"' in tell("outbox", "list", config, "--text", "--json").stdout


@pytest.mark.parametrize(
    ("unsent", "due"),
    [
        (row(), "now"),
        (row(not_before=2000.0), "now"),
        (row(not_before=2500.0), "in 8 min"),
        (row("open"), "is being written"),
        (row("sending"), "is under way"),
        (row("unknown", not_before=2500.0), "when somebody says so"),
    ],
)
def test_the_next_attempt_is_said_in_words(unsent: Unsent, due: str) -> None:
    assert as_row(unsent, 2000.0, with_text=False)[6] == due


def test_only_what_waits_for_the_clock_has_a_time() -> None:
    assert as_object(row("unknown", 2500.0), with_text=False)["next_attempt_at"] is None
    assert as_object(row(), with_text=False)["next_attempt_at"] is None


def test_nothing_is_said_in_words_too(tmp_path: Path) -> None:
    done = tell("outbox", "list", str(fill(tmp_path)), "--account", "nobody")
    assert (done.exit_code, done.stderr) == (1, "the store has no account nobody; it has sales, support\n")


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    config = configure(tmp_path)
    done = tell("outbox", "list", str(config))
    there = tmp_path / "bridge.db"
    assert done.exit_code == 78
    assert done.stderr == f"{config}: store.url: there is no store {there}: no bridge has run with it yet\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["bridge.toml"]


@pytest.mark.parametrize(
    ("store", "line"),
    [
        ('[store]\nurl = "memory:"\n', "store.url: memory: is seen by nobody but the bridge itself: use sqlite:PATH"),
        ('[store]\nurl = "pigeons:"\n', 'store.url: expected "memory:" or "sqlite:PATH", not "pigeons:"'),
        ("[stora]\n[store]\nurl = 5\n", "store.url: expected a string, not 5"),
    ],
)
def test_a_store_that_nobody_can_look_into_is_a_line(tmp_path: Path, store: str, line: str) -> None:
    config = configure(tmp_path, store)
    done = tell("outbox", "list", str(config))
    assert (done.exit_code, done.stderr) == (78, f"{config}: {line}\n")
