"""Which rule decides about a message."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from trio_bridge.agents.rules import Rule, plan_for
from trio_bridge.errors import ConfigError
from trio_bridge.messages import Conversation, ConversationKind, Message, Sender


@attrs.frozen(kw_only=True)
class Named(Rule):
    name: str


def rule(name: str, **about: Any) -> Named:
    return Named(name=name, **about)


def said(conversation: str, kind: ConversationKind = "direct", *, account: str = "sales", **sender: Any) -> Message:
    return Message(
        platform="letters",
        account=account,
        id="1",
        conversation=Conversation(conversation, kind),
        sender=Sender(**{"id": conversation, **sender}),
        text="hello",
    )


def decides(message: Message, *rules: Named) -> str | None:
    found = plan_for(message.account, message.platform, rules).rule_for(message)
    return None if found is None else found.name


def test_the_nearest_rule_decides_wherever_it_is_written() -> None:
    rules = [
        rule("all"),
        rule("platform", platform="letters"),
        rule("account", account="sales"),
        rule("kind", peer_kind="group"),
        rule("everybody", peer_id="*", peer_kind="group"),
        rule("peer", peer_id="cidA"),
    ]
    message = said("cidA", "group", id="mei")
    while rules:
        assert decides(message, *rules) == decides(message, *reversed(rules)) == rules[-1].name
        rules.pop()
    assert decides(message) is None


@pytest.mark.parametrize(
    "about",
    [{"peer_id": "mei"}, {"peer_id": "*"}, {"peer_kind": "direct"}, {"account": "sales"}, {"platform": "letters"}, {}],
)
def test_of_equally_near_rules_the_first_decides(about: dict[str, Any]) -> None:
    first, second = rule("first", **about), rule("second", **about)
    assert decides(said("mei"), first, second) == "first"
    assert plan_for("sales", "letters", [first, second]).rules() == [first]


def test_everything_that_a_rule_asks_about_has_to_be_so() -> None:
    for about in ({"account": "hr"}, {"platform": "pigeons"}, {"peer_kind": "group"}, {"peer_id": "Mei"}):
        assert decides(said("mei"), rule("it", **about)) is None
        assert decides(said("mei"), rule("it", **{"peer_id": "mei", **about})) is None
    every = {"account": "sales", "platform": "letters", "peer_kind": "direct", "peer_id": "mei"}
    assert decides(said("mei"), rule("it", **every)) == "it"


def test_trap_15_a_group_is_known_by_its_conversation_and_never_by_who_speaks() -> None:
    message = said("cidA", "group", id="mei", known_as=("$:mei",))
    for peer in ("mei", "$:mei", "cida", "cidA_mei"):
        assert decides(message, rule("it", peer_id=peer)) is None
    assert decides(message, rule("it", peer_id="cidA")) == "it"
    assert decides(message, rule("it", peer_id="cidA", peer_kind="direct")) is None


def test_a_person_is_known_by_every_id() -> None:
    message = said("mei", id="mei", known_as=("$:LWCP_v1:$mei",))
    inside, outside = rule("inside", peer_id="mei"), rule("outside", peer_id="$:LWCP_v1:$mei")
    assert decides(message, inside) == decides(message, inside, outside) == "inside"
    assert decides(message, outside) == decides(message, outside, inside) == "outside"


def test_rules_for_both_kinds_are_rules_for_everything() -> None:
    group, direct = rule("group", peer_kind="group"), rule("direct", peer_id="*", peer_kind="direct")
    assert not plan_for("sales", "letters", [group, rule("mei", peer_id="mei")]).is_complete
    plan = plan_for("sales", "letters", [group, direct, rule("idle", account="sales")])
    assert plan.is_complete
    assert plan.rules() == [direct, group]


def test_an_id_may_be_a_number_and_has_no_space_around_it() -> None:
    assert rule("it", peer_id=100001).peer_id == "100001"
    for peer in ("", " mei", "mei\n", True, 1.5):
        with pytest.raises(ConfigError, match="expected"):
            rule("it", peer_id=peer)
    with pytest.raises(ValueError, match="peer_kind"):
        rule("it", peer_kind="room")
