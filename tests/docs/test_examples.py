"""Every example in docs/examples does what its page says. A name of a file in here is a promise that it is run."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import date
from functools import partial
from pathlib import Path
from shutil import copy

import attrs
import pytest
import trio

import trio_bridge
from tests.docs.conftest import DOCS, Import
from tests.docs.real import SECRET, move, moved, supply_secrets
from trio_bridge import ConfigError, Secret, open_account, open_bridge
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.dingtalk.gateway.frames import GRAPH
from trio_bridge.platforms.dingtalk.gateway.rest import DIRECT
from trio_bridge.runner.loading import RunnerConfig, load_config
from trio_bridge.testing.dingtalk import DingTalkSimulator
from trio_bridge.testing.openclaw import OpenClawSimulator

EXAMPLES = DOCS / "examples"
PATIENCE = 30
"""Real seconds for what takes one or two."""

Shown = pytest.CaptureFixture[str]


@pytest.mark.parametrize("name", ["first_bot", "bot_in_trouble"])
async def test_the_tutorial_shows_what_its_programs_print(example: Import, name: str, capsys: Shown) -> None:
    program = example(f"{name}.py")
    with trio.fail_after(PATIENCE):
        await program.main()
    _command, *shown = (EXAMPLES / f"{name}.txt").read_text().splitlines()
    assert capsys.readouterr().out.splitlines() == shown


async def test_the_bot_for_the_real_platform_answers(
    example: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DINGTALK_CLIENT_ID", "dingreal")
    monkeypatch.setenv("DINGTALK_SECRET", SECRET)
    program = example("real_bot.py")
    with trio.fail_after(PATIENCE):
        async with DingTalkSimulator() as dingtalk, trio.open_nursery() as nursery:
            dingtalk.add_app("dingreal", SECRET)
            move(dingtalk, monkeypatch)
            nursery.start_soon(program.main)
            assert await dingtalk.ask("hello") == "you said hello"
            nursery.cancel_scope.cancel()
    assert (tmp_path / "bridge.db").exists()


@pytest.mark.parametrize(
    ("handler", "answers"),
    [
        ("returning", ["you said good day"]),
        ("replying", ["let me see…", "## Found\n\nit was on the shelf"]),
        ("generating", ["GOOD DAY "]),
        ("streaming", ["GOOD DAY ", "that were 9 characters"]),
    ],
)
async def test_every_way_to_answer(
    autojump_clock: object, dingtalk: DingTalkSimulator, example: Import, handler: str, answers: list[str]
) -> None:
    async with dingtalk.open_account(getattr(example("answering.py"), handler)):
        await dingtalk.say("good day")
        assert [(await dingtalk.next_reply()).text for _ in answers] == answers


async def test_files_are_sent_after_the_text(
    autojump_clock: object,
    dingtalk: DingTalkSimulator,
    example: Import,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    sending = example("sending_files.py")
    sending.REPORTS.mkdir()
    (sending.REPORTS / "w7.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (sending.REPORTS / "w7.pdf").write_bytes(b"%PDF-1.7")
    async with dingtalk.open_account(sending.report) as account:
        await dingtalk.say("w7")
        seen = [(await dingtalk.next_reply()).text for _ in range(3)]
        await sending.circulate(account, sending.REPORTS / "w7.pdf", ["staff0001", "staff0002"])
    assert seen == ["**Report w7**", "[image w7.png]", "[file Report w7.pdf]"]
    assert [sent.text for sent in dingtalk.sent[3:]] == ["[file w7.pdf]", "[file w7.pdf]"]
    assert len(dingtalk.rest.media.uploaded) == 3


async def test_a_conversation_is_remembered(
    autojump_clock: object, dingtalk: DingTalkSimulator, example: Import
) -> None:
    async with dingtalk.open_account(example("counting.py").count):
        assert await dingtalk.ask("hello") == "that was message 1"
        assert await dingtalk.ask("hello") == "that was message 2"
        assert await dingtalk.ask("hello", sender="staff0002") == "that was message 1"


async def test_what_was_sent_is_looked_at_and_not_kept(
    autojump_clock: object, dingtalk: DingTalkSimulator, example: Import, tmp_path: Path
) -> None:
    settings = {"media_max_bytes": 1000, "reply_mode": "text"}
    config, handler = dingtalk.config(**settings), example("looking.py").look
    async with open_account(config, handler, files=tmp_path, environment=dingtalk.environment):
        assert await dingtalk.ask("hello") == "Send me a picture."
        await dingtalk.send_file(b"x" * 500)
        assert (await dingtalk.next_reply()).text == "500 bytes, png"
        await dingtalk.send_file(b"x" * 1001, "large.zip")
        assert (await dingtalk.next_reply()).text.startswith("I can't look at that: the file is larger")
    assert os.listdir(tmp_path) == []


async def test_a_reminder_is_sent_once_and_says_how_it_ended(
    autojump_clock: object, dingtalk: DingTalkSimulator, example: Import, capsys: Shown
) -> None:
    remind, today = example("reminding.py").remind, date(2030, 1, 1)
    dingtalk.rest.invalid_staff.add("gone")
    async with dingtalk.open_account() as account:
        await remind(account, "staff0001", today)
        await remind(account, "staff0001", today)
        assert [sent.target for sent in dingtalk.sent] == ["staff0001"]
        assert capsys.readouterr().out == ""
        await remind(account, "gone", today)
        dingtalk.rest.scripts.swallow(DIRECT)
        await remind(account, "staff0002", today)
    refused, unknown = capsys.readouterr().out.splitlines()
    assert refused.startswith("refused for good: ")
    assert unknown.startswith("nobody knows")


async def test_many_are_told_and_it_is_taken_back(
    autojump_clock: object, dingtalk: DingTalkSimulator, example: Import, capsys: Shown
) -> None:
    telling, people = example("telling.py"), [f"staff{number:04d}" for number in range(50)]
    log = dingtalk.rest.docs.add("space1", "whom it did not reach")
    dingtalk.rest.flow_controlled.add("staff0001")
    dingtalk.rest.scripts.add(DIRECT, Answer(body='{"processQueryKey":"forgotten"}'), Answer(status=504))
    async with dingtalk.open_account() as account:
        invited = await telling.invite(account, people, log.id)
        assert log.paragraphs == []
        assert len(capsys.readouterr().out.splitlines()) == 20
        await telling.cancel(account, invited)
        assert [sent.target for sent in dingtalk.sent] == [*people[40:], "cidTeam"]
        assert len(dingtalk.rest.recalls.recalled) == 1
        await telling.invite(account, people, log.id)
        (line,) = log.paragraphs
        assert line.startswith("staff0001: limited, ")


async def test_accounts_come_and_go(
    autojump_clock: object, dingtalk: DingTalkSimulator, example: Import, capsys: Shown
) -> None:
    watching = example("watching.py")
    stranger = attrs.evolve(dingtalk.config("stranger"), client_secret=Secret.of("a wrong one"))
    async with (
        open_bridge([dingtalk.config("sales")], None, environment=dingtalk.environment) as bridge,
        trio.open_nursery() as nursery,
    ):
        sales = bridge.account("sales")
        nursery.start_soon(watching.watch, sales)
        await sales.wait_ready()
        await watching.add(bridge, stranger)
        with dingtalk.hanging_open_calls():
            await watching.add(bridge, dingtalk.config("slow"))
        await watching.pause(bridge, "sales")
        await sales.wait_ready()
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    shown = capsys.readouterr().out.splitlines()
    assert shown[:1] == ["sales ready"] or shown[:2] == ["sales connecting", "sales ready"]
    assert any(line.startswith("stranger: auth: ") for line in shown)
    assert "slow: not yet, and it goes on trying" in shown
    assert shown.index("sales stopped") < len(shown) - 1
    assert shown[-1] == "sales ready"


def write_words(directory: Path) -> Path:
    file = directory / "words.db"
    with closing(sqlite3.connect(file)) as words:
        words.execute("CREATE TABLE words AS SELECT 'lane' AS word, 'the messages of one conversation' AS meaning")
        words.commit()
    return file


async def test_an_agent_of_ones_own_is_opened_and_answers(
    autojump_clock: object, dingtalk: DingTalkSimulator, example: Import, tmp_path: Path
) -> None:
    glossary = example("glossary.py").Glossary
    async with dingtalk.open_account(glossary(write_words(tmp_path))):
        assert await dingtalk.ask("lane") == "the messages of one conversation"
        assert await dingtalk.ask("train") == "never heard of it"
    with pytest.raises(ConfigError, match="unable to open"):
        async with dingtalk.open_account(glossary(tmp_path / "nothing.db")):
            pass


# Files


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory with what the files name; what is imported from there is forgotten afterwards."""
    for name in ("shop.py", "glossary.py", "stopping.py", "noticing.py", "answer"):
        copy(EXAMPLES / name, tmp_path)
    write_words(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for module in ("shop", "glossary", "stopping", "noticing"):
        sys.modules.pop(module, None)


@pytest.fixture
def load(at_home: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    def load(name: str) -> RunnerConfig:
        text = (EXAMPLES / name).read_text(encoding="utf-8")
        supply_secrets(text, at_home, monkeypatch)
        (at_home / name).write_text(text, encoding="utf-8")
        return load_config(at_home / name)

    return load


@pytest.mark.parametrize("name", sorted(file.name for file in EXAMPLES.glob("*.toml")))
async def test_every_file_is_understood_and_its_accounts_run(
    autojump_clock: object, dingtalk: DingTalkSimulator, load: Import, name: str
) -> None:
    config = load(name)
    accounts = moved(config, dingtalk)
    agents = config.build_agent()
    async with open_bridge(accounts, agents, environment=dingtalk.environment) as bridge:
        for account in bridge.accounts.values():
            await account.wait_ready()


async def test_the_file_of_the_tutorial_answers_with_its_function(
    autojump_clock: object, dingtalk: DingTalkSimulator, load: Import
) -> None:
    config = load("bridge.toml")
    async with open_bridge(moved(config, dingtalk), config.build_agent(), environment=dingtalk.environment):
        assert await dingtalk.ask("hello") == "you said hello"


async def test_the_agent_of_a_file_answers(autojump_clock: object, dingtalk: DingTalkSimulator, load: Import) -> None:
    config = load("glossary.toml")
    async with open_bridge(moved(config, dingtalk), config.build_agent(), environment=dingtalk.environment):
        assert await dingtalk.ask("lane") == "the messages of one conversation"


async def test_the_program_of_a_file_answers(dingtalk: DingTalkSimulator, load: Import) -> None:
    config = load("command.toml")
    async with open_bridge(moved(config, dingtalk), config.build_agent(), environment=dingtalk.environment):
        assert await dingtalk.ask("the price?", sender="ada") == "Ada asked: the price?"


async def test_the_bindings_of_a_file_choose_who_answers(
    autojump_clock: object, dingtalk: DingTalkSimulator, load: Import
) -> None:
    config = load("bindings.toml")
    async with open_bridge(moved(config, dingtalk), config.build_agent(), environment=dingtalk.environment):
        await dingtalk.wait_until(lambda: len(dingtalk.connections) == 2)
        asked = [
            ("dingsales", "cidTeam", "staff0001", "the messages of one conversation"),
            ("dingsupport", "cidTeam", "100001", "the messages of one conversation"),
            ("dingsales", "cidOther", "staff0001", "you said lane"),
            ("dingsales", None, "100001", "lane"),
            ("dingsales", None, "staff0001", "the messages of one conversation"),
            ("dingsupport", None, "staff0001", "you said lane"),
        ]
        for client_id, conversation, sender, answer in asked:
            text = await dingtalk.ask("lane", client_id=client_id, conversation=conversation, sender=sender)
            assert text.removeprefix(f"@{sender}").strip() == answer


@asynccontextmanager
async def gateway_of(dingtalk: DingTalkSimulator) -> AsyncGenerator[OpenClawSimulator]:
    """An OpenClaw Gateway where one is by default, with an agent for operations."""
    world = dingtalk.environment
    async with OpenClawSimulator(network=world.network, wall=world.wall, port=18789, token=SECRET) as gateway:
        gateway.rooms.sessions.agents.append("ops")
        yield gateway


async def test_the_gateway_of_a_file_answers(autojump_clock: object, dingtalk: DingTalkSimulator, load: Import) -> None:
    config = load("openclaw.toml")
    async with (
        gateway_of(dingtalk) as gateway,
        open_bridge(moved(config, dingtalk), config.build_agent(), environment=dingtalk.environment),
    ):
        await dingtalk.wait_until(lambda: len(dingtalk.connections) == 2)
        assert await dingtalk.ask("hello", client_id="dingsales") == "you said hello"
        assert await dingtalk.ask("hello", client_id="dingsupport") == "you said hello"
        assert "you said" in await dingtalk.ask("hello", client_id="dingsales", conversation="cidTeam")
        assert len(gateway.connections) == 1
    agents = [question.session_key.split(":")[1] for question in gateway.questions]
    assert agents == ["main", "main", "ops"]


async def test_both_sides_may_be_simulated(autojump_clock: object, dingtalk: DingTalkSimulator, load: Import) -> None:
    config, world = load("simulated.toml"), dingtalk.environment
    async with (
        OpenClawSimulator(network=world.network, wall=world.wall, port=8790),
        open_bridge(moved(config, dingtalk), config.build_agent(), environment=world),
    ):
        await dingtalk.wait_until(lambda: dingtalk.connections)
        assert await dingtalk.ask("hello") == "you said hello"


async def test_a_bot_asks_a_gateway(
    autojump_clock: object, dingtalk: DingTalkSimulator, example: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALES_SECRET", SECRET)
    monkeypatch.setenv("OPENCLAW_TOKEN", SECRET)
    dingtalk.add_app("dingsales", SECRET)
    move(dingtalk, monkeypatch)
    in_memory = partial(open_bridge, environment=dingtalk.environment)
    monkeypatch.setattr(trio_bridge, "open_bridge", lambda accounts, agent, store: in_memory(accounts, agent))
    program = example("asking_openclaw.py")
    async with gateway_of(dingtalk), trio.open_nursery() as nursery:
        nursery.start_soon(program.main)
        assert await dingtalk.ask("hello") == "you said hello"
        nursery.cancel_scope.cancel()


async def test_a_router_chooses_who_answers(
    autojump_clock: object, dingtalk: DingTalkSimulator, example: Import
) -> None:
    async with dingtalk.open_account(example("choosing.py").router):
        assert (await dingtalk.ask("tea", conversation="cidTeam")).endswith("tea? We have plenty.")
        assert (await dingtalk.ask("tea", conversation="cidOther")).endswith(" tea")


async def test_the_file_with_policies_hears_whom_its_comments_say(
    autojump_clock: object, dingtalk: DingTalkSimulator, load: Import
) -> None:
    config = load("heard.toml")
    async with open_bridge(moved(config, dingtalk), config.build_agent(), environment=dingtalk.environment) as bridge:
        told = await dingtalk.ask("a stranger", sender="staff0002")
        [request] = await bridge.account("sales").api.pairing.requests()
        assert request.code in told
        await dingtalk.say("elsewhere", conversation="cidOther")
        await dingtalk.say("not to the robot", conversation="cidTeam", mention=False)
        await dingtalk.say("not to you", conversation="cidLobby", sender="staff0003")
        await dingtalk.ask("alone")
        await dingtalk.ask("in the team", conversation="cidTeam", sender="staff0003")
        await dingtalk.ask("by the door", conversation="cidLobby", sender="staff0002", mention=False)
    answers = [sent.text for sent in dingtalk.sent]
    assert answers == [told, "alone", "@staff0003 in the team", "@staff0002 by the door"]


async def test_the_file_for_dingtalk_hears_whom_its_comments_say(
    autojump_clock: object, dingtalk: DingTalkSimulator, load: Import
) -> None:
    config = load("dingtalk.toml")
    async with open_bridge(moved(config, dingtalk), config.build_agent(), environment=dingtalk.environment):
        await dingtalk.wait_until(lambda: bool(dingtalk.connections))
        await dingtalk.say("by a stranger", sender="staff0003")
        await dingtalk.say("not to the robot", conversation="cidTeam", mention=False)
        await dingtalk.ask("bot: price?", conversation="cidTeam", mention=False)
        await dingtalk.ask("just so", conversation="cidQuietRoom", mention=False)
        await dingtalk.ask("hello", conversation="cidTeam")
    heard = [sent.text.removeprefix("@staff0001").strip() for sent in dingtalk.sent]
    assert heard == ["bot: price?", "just so", "hello"]


async def test_whoever_asked_can_stop_an_answer_and_nobody_else(
    autojump_clock: object, dingtalk: DingTalkSimulator, load: Import
) -> None:
    config = load("callbacks.toml")
    async with open_bridge(moved(config, dingtalk), config.build_agent(), environment=dingtalk.environment):
        await dingtalk.wait_until(lambda: bool(dingtalk.connections))
        await dingtalk.say("count", sender="staff0007", conversation="cidTeam")
        await dingtalk.wait_until(lambda: any(card.shown for card in dingtalk.cards))
        [card] = dingtalk.cards
        await trio.sleep(5)
        answer = await dingtalk.press(card, "stop", user="staff0001")
        notice = {"notice": "Only whoever asked can stop this."}
        assert answer.response["userPrivateData"]["cardParamMap"] == notice
        await trio.sleep(5)
        answer = await dingtalk.press(card, "stop", user="staff0007")
        assert answer.response["cardData"]["cardParamMap"] == {"stopped": "true"}
        assert (await dingtalk.next_reply()).text.endswith("11 … stopped")


async def test_people_who_come_are_counted_once(
    autojump_clock: object, dingtalk: DingTalkSimulator, load: Import
) -> None:
    config = load("callbacks.toml")
    async with open_bridge(moved(config, dingtalk), config.build_agent(), environment=dingtalk.environment):
        await dingtalk.wait_until(lambda: bool(dingtalk.connections))
        dingtalk.event("user_add_org", {"userId": ["staff0001", "staff0002"]})
        await trio.sleep(1)
        dingtalk.event("user_leave_org", {"userId": ["staff0001"]})
        dingtalk.event("user_add_org", {"userId": ["staff0001"]})
        await trio.sleep(1)
        counted = {}
        for uri in ("/people", "/weather"):
            called = dingtalk.push({"requestLine": {"method": "GET", "uri": uri}}, topic=GRAPH)
            await dingtalk.wait_acked(called)
            [ack] = dingtalk.ledger.record(called).acks
            counted[uri] = json.loads(ack.data)["response"]
        assert counted["/people"]["body"] == '{"count": 2}'
        assert counted["/weather"]["statusLine"]["code"] == 404
