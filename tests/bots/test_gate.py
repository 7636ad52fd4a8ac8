"""Who is heard."""

from __future__ import annotations

from typing import Any, ClassVar

import attrs
import pytest
import trio

from trio_bridge.bots.gate.gate import Gate
from trio_bridge.bots.settings.groups import Group
from trio_bridge.bots.settings.policies import PolicySettings
from trio_bridge.engine.environment import Environment
from trio_bridge.engine.platform import Services
from trio_bridge.messages import Conversation, Message, Reply, Sender
from trio_bridge.stores.memory import MemoryAccount

MEI, ALSO_MEI = "Staff0001", "$:LWCP_v1:$user"
OUR_OWN = "what the bot itself said"

LISTS = {
    "empty": ([], False),
    "nothing": ([""], False),
    "hit": (["somebody", "ocSOMEWHERE", "STAFF0001", "ocG"], True),
    "also known as": ([ALSO_MEI.upper(), "ocG"], True),
    "miss": (["somebody", "ocg"], False),
    "everybody": (["*"], True),
}
"""Of people and of groups at once: each policy reads its own."""


@attrs.frozen(kw_only=True)
class Rules(PolicySettings):
    """What a platform makes of the settings, without a platform."""

    group_ids: ClassVar[str] = "oc"


class Ear:
    """Hears what is said to whoever is refused."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def reply(self, reply: Reply) -> None:
        self.said.append(reply.text)


def gate(**rules: Any) -> Gate:
    services = Services(environment=Environment(), store=MemoryAccount("sales"))
    return Gate(Rules(**rules), {"account": "sales"}, services, lambda message: message.text == OUR_OWN)


def message(
    *,
    group: bool = True,
    mentioned: bool = False,
    text: str = "hello",
    ear: Ear | None = None,
    name: str = "m",
    sender: Sender | None = None,
) -> Message:
    return Message(
        platform="some",
        account="sales",
        id=name,
        conversation=Conversation("ocG" if group else MEI, "group" if group else "direct"),
        sender=sender or Sender(MEI, "Mei", (ALSO_MEI,)),
        text=text,
        mentioned=mentioned or not group,
        context=ear or Ear(),  # type: ignore[arg-type]
    )


async def said_of(gate: Gate, message: Message) -> bool:
    """Whether the message is heard, by both ways to ask."""
    surely = gate.surely_admits(message)
    assert await gate.admits(message) is surely
    return surely


async def test_direct_messages_and_mentions_are_heard() -> None:
    assert await gate().admits(message(group=False))
    assert await gate().admits(message(mentioned=True))
    assert not await gate().admits(message())


@pytest.mark.parametrize("group", [True, False])
async def test_what_is_passed_over_is_heard_by_nobody_and_told_nothing(group: bool) -> None:
    ear = Ear()
    assert not await said_of(gate(require_mention=False), message(group=group, text=OUR_OWN, ear=ear))
    assert not await gate(dm_policy="disabled", group_policy="disabled", group_denied_text="no").admits(
        message(group=group, mentioned=True, text=OUR_OWN, ear=ear)
    )
    assert ear.said == []


@pytest.mark.parametrize("group", [True, False])
@pytest.mark.parametrize(
    ("allowed", "heard"),
    [
        (["*"], True),
        (["staff0001"], True),
        ([ALSO_MEI.upper()], True),
        (["other", "*"], True),
        (["other"], False),
        ([], False),
        ([""], False),
    ],
)
async def test_only_allowed_users_are_heard(allowed: list[str], heard: bool, group: bool) -> None:
    subject = gate(allowed_users=allowed, require_mention=False, free_response_chats=["ocG"])
    assert await subject.admits(message(group=group)) is heard
    assert await subject.admits(message(group=group, mentioned=True)) is heard


async def test_nobody_is_not_somebody() -> None:
    nobody = message(group=False, sender=Sender("", "", ("",)))
    assert not await gate(allowed_users=["", "staff0001"]).admits(nobody)


async def test_everything_is_heard_in_free_chats_or_without_the_rule() -> None:
    assert await gate(free_response_chats=["ocG"]).admits(message())
    assert not await gate(free_response_chats=["ocg"]).admits(message())
    assert await gate(require_mention=False).admits(message())


async def test_a_pattern_counts_as_a_mention() -> None:
    subject = gate(mention_patterns=["^(hey )?pony\\b", "小马"])
    assert await subject.admits(message(text="Hey PONY, are you there?"))
    assert await subject.admits(message(text="问问小马"))
    assert not await subject.admits(message(text="ponytail"))


async def test_a_bad_pattern_is_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    subject = gate(mention_patterns=["(", r"(a)\1", "pony"])
    assert [record.pattern for record in caplog.records] == ["(", r"(a)\1"]
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert await subject.admits(message(text="pony"))


async def test_an_unlucky_pattern_does_not_hold_the_loop(autojump_clock: trio.abc.Clock) -> None:
    """Others run while a long text is searched, and the search of an exponential pattern ends."""
    subject = gate(mention_patterns=["(a+)+$", "(a|a)*b"])
    assert not await subject.admits(message(text="a" * 40 + "!"))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as others:
        others.start_soon(count)
        assert not await subject.admits(message(text="a" * 100_000 + "!"))
        others.cancel_scope.cancel()
    assert turns >= 2000 // 50


# Policies: an empty list is nobody.


@pytest.mark.parametrize("listed", LISTS)
@pytest.mark.parametrize(
    ("policy", "heard"), [("open", True), ("allowlist", None), ("pairing", None), ("disabled", False)]
)
async def test_who_is_heard_alone(policy: str, heard: bool | None, listed: str) -> None:
    ids, hit = LISTS[listed]
    subject = gate(dm_policy=policy, allow_from=ids, group_policy="disabled")
    assert await said_of(subject, message(group=False)) is (hit if heard is None else heard)
    assert not await said_of(subject, message(mentioned=True))


@pytest.mark.parametrize("listed", LISTS)
@pytest.mark.parametrize(("policy", "heard"), [("open", True), ("allowlist", None), ("disabled", False)])
async def test_which_groups_are_heard(policy: str, heard: bool | None, listed: str) -> None:
    ids, hit = LISTS[listed]
    subject = gate(group_policy=policy, group_allow_from=ids, dm_policy="disabled")
    assert await said_of(subject, message(mentioned=True)) is (hit if heard is None else heard)
    assert not await said_of(subject, message(group=False))


@pytest.mark.parametrize("group", [True, False])
async def test_a_policy_lets_nobody_in_whom_allowed_users_refuses(group: bool) -> None:
    ear = Ear()
    subject = gate(allowed_users=["other"], allow_from=["*"], group_allow_from=["*"], dm_policy="allowlist")
    assert not await subject.admits(message(group=group, mentioned=True, ear=ear))
    assert ear.said == []


async def test_a_group_policy_comes_before_free_chats_and_mentions() -> None:
    subject = gate(group_policy="allowlist", group_allow_from=["ocOther"], free_response_chats=["ocG"])
    assert not await subject.admits(message(mentioned=True))
    assert not await gate(group_policy="disabled", require_mention=False).admits(message())


async def test_a_listed_group_has_to_be_addressed_like_any_other() -> None:
    subject = gate(group_policy="allowlist", group_allow_from=["ocG"])
    assert not await subject.admits(message())
    assert await subject.admits(message(mentioned=True))


# Single groups.


async def test_a_group_can_be_switched_off() -> None:
    subject = gate(groups={"ocG": {"enabled": False}}, group_policy="allowlist", group_allow_from=["*"])
    assert not await subject.admits(message(mentioned=True))
    assert await gate(groups={"ocOther": {"enabled": False}}).admits(message(mentioned=True))


async def test_a_group_is_not_heard_because_it_has_a_table() -> None:
    subject = gate(groups={"ocG": {"require_mention": False}}, group_policy="allowlist")
    assert not await subject.admits(message(mentioned=True))


async def test_a_group_may_need_a_mention_or_not_whatever_the_account_says() -> None:
    assert await gate(groups={"ocG": Group(require_mention=False)}).admits(message())
    assert not await gate(groups={"ocG": {"require_mention": True}}, require_mention=False).admits(message())
    assert await gate(groups={"ocG": {}}, require_mention=False).admits(message())


@pytest.mark.parametrize("listed", LISTS)
async def test_a_group_may_have_a_list_of_its_own(listed: str) -> None:
    ids, hit = LISTS[listed]
    subject = gate(groups={"ocG": {"allow_from": ids}}, require_mention=False)
    assert await said_of(subject, message()) is hit
    assert await gate(groups={"ocOther": {"allow_from": ids}}).admits(message(mentioned=True))


# What is said to those who are not heard.


@pytest.mark.parametrize("policy", ["allowlist", "disabled"])
async def test_whoever_is_refused_alone_is_told_once_a_day(policy: str) -> None:
    ear = Ear()
    subject = gate(dm_policy=policy, denied_text="not you")
    for name in "abc":
        assert not await subject.admits(message(group=False, ear=ear, name=name))
    assert ear.said == ["not you"]


async def test_there_is_a_notice_unless_it_is_empty() -> None:
    ear = Ear()
    await gate(dm_policy="allowlist", denied_text="").admits(message(group=False, ear=ear))
    assert ear.said == []
    await gate(dm_policy="allowlist").admits(message(group=False, ear=ear))
    assert len(ear.said) == 1


async def test_groups_are_refused_in_silence_unless_a_key_says_what_to_say() -> None:
    ear = Ear()
    await gate(group_policy="disabled").admits(message(mentioned=True, ear=ear))
    assert ear.said == []
    subject = gate(group_policy="disabled", group_denied_text="not here")
    await subject.admits(message(ear=ear))
    assert ear.said == [], "nobody had asked"
    for name in "abc":
        await subject.admits(message(mentioned=True, ear=ear, name=name))
    assert ear.said == ["not here"]


# Pairing.


async def test_a_stranger_gets_a_code_and_is_heard_when_it_is_approved() -> None:
    ear = Ear()
    subject = gate(dm_policy="pairing", pairing_text="show {code}")
    assert not await subject.admits(message(group=False, ear=ear))
    assert not await subject.admits(message(group=False, ear=ear, name="m2"))
    [request] = await subject.pairing.requests()
    assert ear.said == [f"show {request.code}"]
    assert request.sender == MEI
    assert await subject.pairing.approve(request.code)
    assert await subject.admits(message(group=False, ear=ear))
    assert await subject.pairing.revoke(MEI)
    assert not await subject.admits(message(group=False, ear=ear))


async def test_the_default_text_has_the_code_in_it() -> None:
    ear = Ear()
    subject = gate(dm_policy="pairing")
    await subject.admits(message(group=False, ear=ear))
    [request] = await subject.pairing.requests()
    assert ear.said[0].count(request.code) == 2


@pytest.mark.parametrize("sender", ["", "x" * 300])
async def test_nobody_and_endless_ids_are_not_paired(sender: str) -> None:
    ear = Ear()
    subject = gate(dm_policy="pairing")
    stranger = attrs.evolve(message(group=False, ear=ear), sender=Sender(sender))
    assert not await subject.admits(stranger)
    assert ear.said == []
    assert await subject.pairing.requests() == []


async def test_pairing_says_nothing_of_groups() -> None:
    assert await gate(dm_policy="pairing").admits(message(mentioned=True))
