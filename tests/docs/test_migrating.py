"""Who comes from another bridge finds every key of theirs, and is served as the page says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.docs.conftest import DOCS, Import, dingtalk, example
from tests.docs.real import SECRET, moved, supply_secrets
from trio_bridge import open_account, open_bridge
from trio_bridge.runner.loading import RunnerConfig, load_config
from trio_bridge.testing.dingtalk import DingTalkSimulator
from trio_bridge.testing.openai import OpenAISimulator, Says

__all__ = ["dingtalk", "example"]

EXAMPLES = DOCS / "examples"
CONNECTOR = """
    accounts ackText allowFrom apiEndpoint asyncMode chatbotCorpId chatbotUserId clientId clientSecret commandPolicy
    debug defaultAccount dmCommandAllowlist dmCommandPolicy dmHistoryLimit dmPolicy enableMediaUpload enabled
    endpoint gatewayBaseUrl gatewayEndpoint gatewayPassword gatewayToken groupAllowFrom groupAtDefaultMobile
    groupAtMemberMap groupAtSystemPrompt groupPolicy groupReplyMode groupSessionScope groupWebhookUrl groups
    historyLimit mediaMaxMb name oapiEndpoint requireMention resolveSenderNames separateSessionByConversation
    sessionTimeout sharedMemoryAcrossConversations supportCaseRouter systemPrompt textChunkLimit tokenEndpoint tools
    typingIndicator
"""
"""All that its schemas have had, from 0.7.10 to 0.8.21."""
FLOCKS = """
    accounts allowFrom allowedUsers appKey appSecret clientId clientSecret dedupTtlSeconds defaultAgent
    dispatchQueueSize dispatchWorkers dmPolicy enabled freeResponseChats groupTrigger groups inboundDebounceMs
    mentionContextMessages mentionPatterns name rateBurst rateLimit reactionNotifications requireMention robotCode
    streaming streamingCoalesceMs textChunkLimit workspaceDir
"""
"""All that it reads for DingTalk, or has beside that."""
PAGE = (DOCS / "migrating.md").read_text(encoding="utf-8")


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Import:
    def load(name: str) -> RunnerConfig:
        text = (EXAMPLES / name).read_text(encoding="utf-8")
        supply_secrets(text, tmp_path, monkeypatch)
        (tmp_path / name).write_text(text, encoding="utf-8")
        return load_config(tmp_path / name)

    return load


def model_at(dingtalk: DingTalkSimulator, port: int, *models: str, token: str | None = SECRET) -> OpenAISimulator:
    """Whatever the files take for their model, where they look for it."""
    return OpenAISimulator(network=dingtalk.environment.network, port=port, token=token, models=models)


def keys_of(theirs: Mapping[str, Any]) -> Iterator[str]:
    """Every key, without the names that people give."""
    for key, value in theirs.items():
        yield key
        if key in ("accounts", "groups"):
            for named in value.values():
                yield from keys_of(named)


@pytest.mark.parametrize(("name", "known"), [("connector", CONNECTOR), ("flocks", FLOCKS)])
def test_every_key_of_theirs_has_a_row(name: str, known: str) -> None:
    theirs = json.loads((EXAMPLES / f"from_{name}.json").read_text(encoding="utf-8"))
    [channel] = theirs["channels"].values()
    section = PAGE.partition(f"### Every key of {'the ' * (name == 'connector')}{name}")[2].partition("\n## ")[0]
    rows = "\n".join(re.findall(r"^\| (`.*?) \|", section, re.MULTILINE))
    told = set(re.findall(r"`(?:groups\.ID\.)?(\w+)`", rows))
    assert {*known.split(), *keys_of(channel)} - told == set()


async def test_people_of_the_connector_reach_the_agents_and_sessions_that_they_had(
    autojump_clock: object, dingtalk: DingTalkSimulator, load: Import
) -> None:
    config = load("from_connector.toml")
    said = [
        ("one", "staff0001", None),
        ("two", "staff0001", None),
        ("/new", "staff0001", None),
        ("three", "staff0001", None),
        ("four", "staff0001", "cidTeam"),
        ("five", "staff0002", "cidTeam"),
        ("six", "staff0001", "cidSupport"),
        ("seven", "staff0002", "cidSupport"),
    ]
    async with (
        model_at(dingtalk, 18789, "openclaw", "openclaw/support") as gateway,
        open_bridge(moved(config, dingtalk), config.build_agent(), environment=dingtalk.environment),
    ):
        await dingtalk.wait_until(lambda: len(dingtalk.connections) == 2)
        await dingtalk.say("elsewhere", sender="staff0001", conversation="cidOther", client_id="dingsales")
        assert "Give the code" in await dingtalk.ask("who?", sender="staff0002", client_id="dingsales")
        for text, sender, conversation in said:
            await dingtalk.ask(text, sender=sender, conversation=conversation, client_id="dingsales")
    sessions = [asked.body["user"] for asked in gateway.asked]
    assert [asked.text for asked in gateway.asked] == ["one", "two", "three", "four", "five", "six", "seven"]
    assert [sessions.index(session) for session in sessions] == [0, 0, 2, 3, 4, 5, 5]
    assert {asked.body["model"] for asked in gateway.asked[:5]} == {"openclaw"}
    assert {asked.body["model"] for asked in gateway.asked[5:]} == {"openclaw/support"}
    prompts = [asked.messages[0][1].partition("\n")[0] for asked in gateway.asked]
    assert prompts == ["You answer in a bookshop."] * 5 + ["You mend tills."] * 2
    assert len(dingtalk.cards) == 3  # those who spoke alone; groups are answered in markdown


async def test_what_takes_long_is_begun_with_the_words_of_before(
    autojump_clock: object, dingtalk: DingTalkSimulator, load: Import
) -> None:
    config = load("from_connector.toml")
    async with (
        model_at(dingtalk, 18789, "openclaw", "openclaw/support") as gateway,
        open_bridge(moved(config, dingtalk), config.build_agent(), environment=dingtalk.environment),
    ):
        gateway.script(Says("here it is", pause=10))
        await dingtalk.wait_until(lambda: len(dingtalk.connections) == 2)
        await dingtalk.say("the report, please", client_id="dingreports")
        assert [(await dingtalk.next_reply()).text for _ in range(2)] == ["On it.", "here it is"]


async def test_people_of_flocks_are_heard_as_before(
    autojump_clock: object, dingtalk: DingTalkSimulator, load: Import
) -> None:
    config = load("from_flocks.toml")
    async with (
        model_at(dingtalk, 11434, "qwen3:8b", token=None) as model,
        open_bridge(moved(config, dingtalk), config.build_agent(), environment=dingtalk.environment),
    ):
        await dingtalk.wait_until(lambda: bool(dingtalk.connections))
        await dingtalk.say("by a stranger", sender="staff0003")
        await dingtalk.say("by one in a group", sender="staff0003", conversation="cidTeam")
        await dingtalk.say("not to the robot", conversation="cidTeam", mention=False)
        await dingtalk.ask("alone", sender="staff0002")
        await dingtalk.ask("机器人，在吗", conversation="cidTeam", mention=False)
        await dingtalk.ask("just so", conversation="cidLobby", mention=False)
        await dingtalk.ask("to the robot", conversation="cidTeam")
    assert [asked.text for asked in model.asked] == ["alone", "机器人，在吗", "just so", "to the robot"]
    assert not dingtalk.cards


def read(path: str) -> bytes:
    return Path(path).read_bytes()


async def test_a_gateway_is_told_where_files_lie_and_what_is_quoted(
    dingtalk: DingTalkSimulator, example: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCLAW_GATEWAY_TOKEN", SECRET)
    agent, config = example("with_files.py").agent, dingtalk.config(media_max_bytes=1000)
    async with (
        model_at(dingtalk, 18789, "openclaw") as gateway,
        open_account(config, agent, files=tmp_path, environment=dingtalk.environment),
    ):
        await dingtalk.wait_until(lambda: bool(dingtalk.connections))
        for content, name in ((b"x" * 500, ""), (b"a plan", "plan.txt"), (b"\0\1", "plan.bin")):
            await dingtalk.send_file(content, name)
            await dingtalk.next_reply()
        await dingtalk.send_file(b"x" * 1001, "large.zip")
        await dingtalk.next_reply()
        said = {"content": "is it?", "isReplyMsg": True, "repliedMsg": {"msgType": "text", "content": {"text": "a\nb"}}}
        await dingtalk.say("is it?", changes={"text": said})
        await dingtalk.next_reply()
        assert await agent.probe(dingtalk.environment)
    picture, text, unread, large, quoting = [asked.text for asked in gateway.asked]
    [shown] = re.findall(r"^!\[image\]\(file://(.+)\)$", picture)
    assert read(shown) == b"x" * 500
    assert re.fullmatch(r"\[file plan\.txt: .+-plan\.txt\]\na plan", text)
    assert read(unread.removeprefix("[file plan.bin: ").removesuffix("]")) == b"\0\1"
    assert large.startswith("[large.zip: the file is larger")
    assert quoting == "> a\n> b\n\nis it?"
