"""Who is heard on Feishu: what is nobody's word is passed over, and the ids of people and groups are Feishu's."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import MockClock

from tests.platforms.feishu.recorded import lines
from tests.platforms.feishu.recorded import payload as recorded
from tests.platforms.feishu.saying import ALONE, BOT, MEI, TEAM, Ear, config, payload, read
from trio_bridge.engine.environment import Environment
from trio_bridge.engine.platform import Services
from trio_bridge.errors import Postponed
from trio_bridge.platforms.feishu.gate import PATIENCE, WARN_EVERY, FeishuGate
from trio_bridge.stores.memory import MemoryAccount

UNKNOWN = "nobody can tell whether a message mentions the bot: its own open id is unknown"


def gate(*, open_id: str = BOT, **settings: Any) -> FeishuGate:
    services = Services(environment=Environment(), store=MemoryAccount("hr"))
    return FeishuGate(config(**settings), services, lambda: open_id)


# What is nobody's word.


@pytest.mark.parametrize("sender_type", ["user", "app", "bot"])
@pytest.mark.parametrize("chat", [TEAM, ALONE])
@pytest.mark.parametrize("allow", [True, False])
async def test_the_bot_never_hears_itself(chat: str, sender_type: str, allow: bool) -> None:
    own = read(payload(chat=chat, sender={"open_id": BOT}, sender_type=sender_type))
    subject = gate(allow_bot_senders=allow, require_mention=False)
    assert subject.filtered(own) == "self"
    assert not await subject.admits(own)


@pytest.mark.parametrize("sender_type", ["app", "bot"])
@pytest.mark.parametrize("chat", [TEAM, ALONE])
async def test_bots_are_heard_only_where_a_key_says_so(chat: str, sender_type: str) -> None:
    said = read(payload(chat=chat, sender={"open_id": "ou_other"}, sender_type=sender_type, mentions=BOT))
    assert gate().filtered(said) == "bot_sender"
    assert not await gate(dm_policy="disabled", denied_text="no").admits(said)
    assert await gate(allow_bot_senders=True).admits(said)
    assert not await gate(allow_bot_senders=True, allowed_users=["ou_mei"]).admits(said)


@pytest.mark.parametrize(("own", "sender"), [("", {"open_id": "ou_other"}), (BOT, {}), (BOT, {"union_id": "on_other"})])
async def test_a_bot_that_may_be_this_one_is_not_heard(own: str, sender: dict[str, str]) -> None:
    """Which bot is itself, one bot knows of others by open ids only."""
    said = read(payload(sender=sender, sender_type="bot"), open_id=own)
    subject = gate(open_id=own, allow_bot_senders=True, require_mention=False)
    assert subject.filtered(said) == "bot_sender"
    assert not await subject.admits(said)


async def test_a_person_whose_open_id_is_not_told_is_not_the_bot() -> None:
    said = read(payload(chat=ALONE, sender={"user_id": "e33ggbyz"}), open_id="")
    assert await gate(open_id="").admits(said)


async def test_whoever_is_passed_over_is_told_nothing() -> None:
    ear = Ear()
    subject = gate(dm_policy="pairing", group_policy="disabled", group_denied_text="no")
    for sender in (BOT, "ou_other"):
        for chat in (ALONE, TEAM):
            said = payload(chat=chat, sender={"open_id": sender}, sender_type="bot", mentions=BOT)
            assert not await subject.admits(read(said, ear=ear))
    assert ear.said == []
    assert await subject.pairing.requests() == []


ACTIONS = {"process": None, "drop:self": "self", "drop:bot_sender": "bot_sender"}
"""Of those that get as far as the gate."""
MESSAGES = [
    row
    for row in lines("events.jsonl")
    if row["expect"].get("kind") == "message" and row["expect"]["action"] in ACTIONS
]


@pytest.mark.parametrize("row", MESSAGES, ids=[row["name"] for row in MESSAGES])
async def test_what_was_recorded_of_the_bot_itself_and_of_others_is_passed_over(row: dict[str, Any]) -> None:
    expected, bot = ACTIONS[row["expect"]["action"]], row["ctx"]["bot_open_id"]
    said = read(row["payload"], open_id=bot)
    subject = gate(open_id=bot, require_mention=False)
    assert subject.filtered(said) == expected
    assert await subject.admits(said) is (expected is None)


# People and groups, by Feishu's ids.


@pytest.mark.parametrize("name", [*MEI.values(), "OU_MEI", "On_Mei", "E33GGBYZ"])
@pytest.mark.parametrize("key", ["allowed_users", "allow_from"])
async def test_people_are_named_by_any_id_in_any_case(key: str, name: str) -> None:
    rules: dict[str, Any] = {"dm_policy": "allowlist", "allow_from": ["*"]}
    assert await gate(**{**rules, key: [name]}).admits(read(payload(chat=ALONE)))
    somebody = {id_: f"{value}2" for id_, value in MEI.items()}
    assert not await gate(**{**rules, key: [name]}).admits(read(payload(chat=ALONE, sender=somebody)))


async def test_people_in_a_group_are_named_so_too() -> None:
    subject = gate(groups={TEAM: {"allow_from": ["on_mei"], "require_mention": False}})
    assert await subject.admits(read(payload()))
    assert not await subject.admits(read(payload(sender={"open_id": "ou_tom", "union_id": "on_tom"})))


async def test_older_messages_are_heard_by_the_same_rules() -> None:
    said = read(recorded("v1_message_group_mention"), open_id="")
    assert said.mentioned, "older messages say so themselves"
    assert await gate(open_id="").admits(said)
    assert not await gate(allowed_users=["ou_nobody"]).admits(said)


# Mentions, while the bot does not know who it is.


async def test_what_may_mention_the_bot_waits_until_it_knows_who_it_is(autojump_clock: MockClock) -> None:
    known = ""
    services = Services(environment=Environment(), store=MemoryAccount("hr"))
    subject = FeishuGate(config(), services, lambda: known)
    said = payload(mentions=BOT)
    for _ in range(2):
        with pytest.raises(Postponed):
            await subject.admits(read(said, open_id=known))
        autojump_clock.jump(PATIENCE / 3)
    known = BOT
    assert await subject.admits(read(said, open_id=known))
    assert not await subject.admits(read(payload(mentions="ou_tom"), open_id=known))


async def test_nothing_else_waits(autojump_clock: MockClock) -> None:
    subject = gate(open_id="")
    assert not await subject.admits(read(payload(), open_id=""))
    assert await subject.admits(read(payload(chat=ALONE, mentions=BOT), open_id=""))


async def test_what_waited_in_vain_is_passed_over_with_a_warning_an_hour(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    subject, ear = gate(open_id="", group_policy="disabled", group_denied_text="no"), Ear()
    autojump_clock.jump(PATIENCE)
    for _ in range(3):
        assert not await subject.admits(read(payload(mentions=BOT), open_id="", ear=ear))
    assert [(record.message, record.account) for record in caplog.records] == [(UNKNOWN, "hr")]
    autojump_clock.jump(WARN_EVERY)
    await subject.admits(read(payload(mentions=BOT), open_id=""))
    assert len(caplog.records) == 2
    assert ear.said == []


async def test_an_answer_that_can_not_wait_is_given_of_what_is_known(autojump_clock: MockClock) -> None:
    assert not await gate(open_id="").answers(read(payload(mentions=BOT), open_id=""))
    assert await gate(open_id="", require_mention=False).answers(read(payload(mentions=BOT), open_id=""))


async def test_groups_in_which_everything_is_heard_wait_too_so_that_the_text_is_right(
    autojump_clock: MockClock,
) -> None:
    subject = gate(open_id="", require_mention=False)
    with pytest.raises(Postponed):
        await subject.admits(read(payload(mentions=BOT), open_id=""))
    autojump_clock.jump(PATIENCE)
    assert await subject.admits(read(payload(mentions=BOT), open_id=""))
