"""The same rules let the same messages through on every platform, and say the same to whoever is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs
import pytest

from tests.platforms.feishu import saying
from trio_bridge.bots.gate.gate import Gate
from trio_bridge.engine.environment import Environment
from trio_bridge.engine.platform import Services
from trio_bridge.messages import Conversation, Message, Sender
from trio_bridge.platforms.dingtalk.config import DingTalk
from trio_bridge.platforms.dingtalk.extract import Extracted
from trio_bridge.platforms.dingtalk.own import OwnMessages
from trio_bridge.platforms.feishu.gate import FeishuGate
from trio_bridge.stores.memory import MemoryAccount

Admits = Callable[[Message], Awaitable[bool]]

AT_DINGTALK = {
    "mei": "staff0001",
    "mei elsewhere": "$:staff0001",
    "tom": "staff0002",
    "the bot": "$:bot",
    "team": "cidTeam",
    "lobby": "cidLobby",
}
AT_FEISHU = {
    "mei": "ou_mei",
    "mei elsewhere": "on_mei",
    "tom": "ou_tom",
    "the bot": saying.BOT,
    "team": saying.TEAM,
    "lobby": "oc_lobby",
}


def services() -> Services:
    return Services(environment=Environment(), store=MemoryAccount("some"))


def dingtalk_gate(rules: Mapping[str, Any]) -> Admits:
    config = DingTalk(name="some", client_id="dingexample", client_secret="x", **rules)
    return Gate(config, config.labels, services(), OwnMessages(config.labels).have).admits


def dingtalk_message(name: str, who: str, group: bool, mentioned: bool, text: str, ear: saying.Ear) -> Message:
    id_, bot = AT_DINGTALK[who], AT_DINGTALK["the bot"]
    sender = {"senderId": bot} if id_ == bot else {"senderId": f"$:{id_}", "senderStaffId": id_}
    place = {"conversationType": "2" if group else "1", "conversationId": AT_DINGTALK["team"]}
    said = Extracted(data := {**sender, **place, "chatbotUserId": bot})
    return Message(
        platform="dingtalk",
        account="some",
        id=name,
        conversation=Conversation(said.chat_id, "group" if group else "direct"),
        sender=Sender(said.sender, known_as=said.also_known_as),
        text=text,
        mentioned=mentioned or not group,
        raw=data,
        context=ear,  # type: ignore[arg-type]
    )


def feishu_gate(rules: Mapping[str, Any]) -> Admits:
    return FeishuGate(saying.config(**rules), services(), lambda: saying.BOT).admits


def feishu_message(name: str, who: str, group: bool, mentioned: bool, text: str, ear: saying.Ear) -> Message:
    open_id = AT_FEISHU[who]
    sender = {"open_id": open_id, "union_id": open_id.replace("ou_", "on_")}
    chat, mentions = saying.TEAM if group else f"oc_{who}", saying.BOT if mentioned else ""
    return saying.read(saying.payload(text, chat=chat, mentions=mentions, sender=sender), name=name, ear=ear)


@attrs.frozen
class Side:
    """One platform: its gate, its messages, and its ids for the people and groups of the table."""

    gate: Callable[[Mapping[str, Any]], Admits]
    message: Callable[[str, str, bool, bool, str, saying.Ear], Message]
    ids: Mapping[str, str]

    def rules(self, rules: Any) -> Any:
        """The rules in the platform's own ids."""
        match rules:
            case Mapping():
                return {self.ids.get(key, key): self.rules(value) for key, value in rules.items()}
            case list():
                return [self.rules(each) for each in rules]
            case str():
                named = self.ids.get(rules.lower(), rules)
                return named.upper() if rules.isupper() else named
        return rules


SIDES = [Side(dingtalk_gate, dingtalk_message, AT_DINGTALK), Side(feishu_gate, feishu_message, AT_FEISHU)]

SAID = {
    "mei alone": ("mei", False, False, "hello"),
    "tom alone": ("tom", False, False, "hello"),
    "mei in the team": ("mei", True, False, "hello"),
    "tom in the team": ("tom", True, False, "hello"),
    "mei to the bot": ("mei", True, True, "hello"),
    "tom to the bot": ("tom", True, True, "hello"),
    "tom about ponies": ("tom", True, False, "a pony!"),
    "itself alone": ("the bot", False, False, "hello"),
    "itself to the bot": ("the bot", True, True, "hello"),
}

BY_THEMSELVES = {"mei alone", "tom alone"}
TO_THE_BOT = {"mei to the bot", "tom to the bot"}
IN_THE_TEAM = {"mei in the team", "tom in the team", "tom about ponies", *TO_THE_BOT}
OF_MEI = {"mei alone", "mei to the bot"}

TABLE: dict[str, tuple[dict[str, Any], set[str]]] = {
    "as it is": ({}, BY_THEMSELVES | TO_THE_BOT),
    "mei only": ({"allowed_users": ["mei"]}, OF_MEI),
    "mei by another id, in capitals": ({"allowed_users": ["MEI ELSEWHERE"]}, OF_MEI),
    "nobody": ({"allowed_users": []}, set()),
    "nobody alone": ({"dm_policy": "disabled"}, TO_THE_BOT),
    "mei alone": ({"dm_policy": "allowlist", "allow_from": ["mei"]}, {"mei alone", *TO_THE_BOT}),
    "mei is paired": ({"dm_policy": "pairing", "allow_from": ["mei"]}, {"mei alone", *TO_THE_BOT}),
    "no groups": ({"group_policy": "disabled"}, BY_THEMSELVES),
    "the team": ({"group_policy": "allowlist", "group_allow_from": ["team"]}, BY_THEMSELVES | TO_THE_BOT),
    "the lobby": ({"group_policy": "allowlist", "group_allow_from": ["lobby"]}, BY_THEMSELVES),
    "everything": ({"require_mention": False}, BY_THEMSELVES | IN_THE_TEAM),
    "everything in the team": ({"free_response_chats": ["team"]}, BY_THEMSELVES | IN_THE_TEAM),
    "everything in the lobby": ({"groups": {"lobby": {"require_mention": False}}}, BY_THEMSELVES | TO_THE_BOT),
    "mei in the team": (
        {"groups": {"team": {"allow_from": ["mei elsewhere"], "require_mention": False}}},
        {*BY_THEMSELVES, "mei in the team", "mei to the bot"},
    ),
    "nothing in the team": ({"groups": {"team": {"enabled": False}}, "require_mention": False}, BY_THEMSELVES),
    "ponies": ({"mention_patterns": ["^a pony"]}, {*BY_THEMSELVES, *TO_THE_BOT, "tom about ponies"}),
}


@pytest.mark.parametrize("rule", TABLE)
async def test_the_same_rules_have_the_same_verdict_and_say_the_same(rule: str) -> None:
    rules, heard = TABLE[rule]
    rules = {"denied_text": "not you", "group_denied_text": "not here", "pairing_text": "{code}", **rules}
    told = []
    for side in SIDES:
        admits, ear = side.gate(side.rules(rules)), saying.Ear()
        assert {name for name, said in SAID.items() if await admits(side.message(name, *said, ear))} == heard
        told.append([len(said) if rules.get("dm_policy") == "pairing" else said for said in ear.said])
    assert told[0] == told[1]
