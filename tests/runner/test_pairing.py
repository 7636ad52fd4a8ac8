"""``trio-bridge pairing``: list, approve, revoke."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from tests.runner.stored import configure, tell
from trio_bridge.engine.pairing import Paired, Pairing
from trio_bridge.engine.store import Store
from trio_bridge.errors import ConfigError
from trio_bridge.messages import Message
from trio_bridge.platforms.registry import PLATFORMS
from trio_bridge.runner.loading import load_config
from trio_bridge.stores.sqlite import inline, open_sqlite
from trio_bridge.testing.dingtalk import DingTalkSimulator
from trio_bridge.testing.fixtures import dingtalk

__all__ = ["dingtalk"]


@pytest.fixture
def config(tmp_path: Path) -> str:
    return str(configure(tmp_path))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """What a bridge holds that runs in this very process."""
    async with open_sqlite(tmp_path / "bridge.db", executor=inline) as opened:
        yield opened


async def asked(store: Store, *people: str, account: str = "sales", now: float | None = None) -> list[str]:
    """The codes of people who asked."""
    part = await store.open_account(account, platform="dingtalk")
    pairing = Pairing(part, lambda: time.time() if now is None else now)
    requests = [await pairing.ask(person, person.title(), "m", tell_every=600) for person in people]
    return [request.code for request in requests if request is not None]


async def answer(message: Message) -> str:
    return f"you said {message.text}"


async def test_a_stranger_is_let_in_beside_a_running_bridge_and_out_again(
    autojump_clock: trio.abc.Clock, dingtalk: DingTalkSimulator, store: Store, config: str
) -> None:
    tuning = {"name": "sales", "dm_policy": "pairing", "pairing_text": "show {code}"}
    async with dingtalk.open_account(answer, store=store, **tuning):
        code = (await dingtalk.ask("hello?")).removeprefix("show ")
        listed = json.loads(tell("pairing", "list", config, "--json").stdout)
        assert [(one["sender"], one["code"]) for one in listed["requests"]] == [("staff0001", code)]
        done = tell("pairing", "approve", config, "sales", code.lower())
        assert (done.exit_code, done.stdout.split()[:3]) == (0, ["approved:", "sales", "staff0001"])
        assert await dingtalk.ask("hello") == "you said hello"
        assert "let in" in tell("pairing", "list", config).stdout
        assert tell("pairing", "revoke", config, "sales", "STAFF0001").exit_code == 0
        await trio.sleep(1)
        again = await dingtalk.ask("and now?")
        assert again.startswith("show ")
        assert again != f"show {code}"


async def test_whoever_was_let_in_is_known_after_a_restart(
    autojump_clock: trio.abc.Clock, dingtalk: DingTalkSimulator, store: Store
) -> None:
    async with dingtalk.open_account(answer, store=store, name="sales", dm_policy="pairing") as account:
        await dingtalk.ask("hello?")
        pairing = Pairing(await store.open_account("sales", platform="dingtalk"), time.time)
        [request] = await pairing.requests()
        assert isinstance(await pairing.approve(request.code), Paired)
    async with dingtalk.open_account(answer, store=store, name="sales", dm_policy="pairing") as account:
        assert await dingtalk.ask("hello") == "you said hello"
        assert account.counters.gated == 0


async def test_who_asks_and_who_was_let_in_are_listed(store: Store, config: str) -> None:
    mei, bo = await asked(store, "mei", "bo")
    await asked(store, "old", account="support", now=time.time() - 3600)
    tell("pairing", "approve", config, "sales", mei)
    first, second = tell("pairing", "list", config).stdout.splitlines()
    assert first == f"account=sales  sender=bo  name=Bo  code={bo}  state=asks, 59 min left"
    assert second.startswith("account=sales  sender=mei  name=Mei  state=let in 2")
    listed = json.loads(tell("pairing", "list", config, "--json", "--account", "sales").stdout)
    assert listed["requests"][0].keys() == {"account", "sender", "name", "code", "asked_at", "expires_at"}
    assert listed["paired"][0].keys() == {"account", "sender", "name", "approved_at"}
    assert tell("pairing", "list", config, "--account", "support").stdout == "nobody asks, and nobody was let in\n"


async def test_a_change_is_json_for_programs(store: Store, config: str) -> None:
    [code] = await asked(store, "mei")
    mei = {"account": "sales", "sender": "mei", "name": "Mei"}
    assert json.loads(tell("pairing", "approve", config, "sales", code, "--json").stdout) == {"approved": mei}
    assert json.loads(tell("pairing", "revoke", config, "sales", "mei", "--json").stdout) == {"revoked": mei}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["approve", "sales", "AAAAAAAA"],
            "nobody asks with the code AAAAAAAA in the account sales; a code is good for an hour",
        ),
        (["approve", "hr", "AAAAAAAA"], "the store has no account hr; it has sales"),
        (["revoke", "sales", "mei"], "nobody was let in as mei in the account sales"),
        (["revoke", "sales", "a\x1b[2J"], r"nobody was let in as a\x1b[2J in the account sales"),
    ],
)
async def test_what_is_not_there_is_a_line_and_1(store: Store, config: str, arguments: list[str], line: str) -> None:
    await asked(store, "mei")
    act, *names = arguments
    done = tell("pairing", act, config, *names)
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", f"{line}\n")


@pytest.mark.parametrize("arguments", [["list"], ["approve", "sales", "AAAAAAAA"], ["revoke", "sales", "mei"]])
def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, config: str, arguments: list[str]) -> None:
    act, *names = arguments
    done = tell("pairing", act, config, *names)
    assert done.exit_code == 78
    assert "there is no store" in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["bridge.toml"]


async def test_a_name_is_only_text(store: Store, config: str) -> None:
    await asked(store, "mei\x1b[2J")
    assert "\x1b" not in tell("pairing", "list", config).stdout


def test_pairing_is_refused_where_nobody_could_approve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOBODY_SET_THIS", "x")
    config = configure(tmp_path, '[store]\nurl = "memory:"\n')
    text = config.read_text()
    assert load_config(config, PLATFORMS).store == "memory:"
    config.write_text(text + 'dm_policy = "pairing"\n')
    with pytest.raises(ConfigError) as caught:
        load_config(config, PLATFORMS)
    assert caught.value.problems == (
        f"{config}: accounts.sales.dm_policy: pairing needs an operator, who can't get at memory: "
        "use sqlite:PATH as store.url",
    )
