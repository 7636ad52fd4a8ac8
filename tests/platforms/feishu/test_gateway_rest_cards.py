"""The simulator's cards: what their readers see, and which calls about them it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.platforms.feishu.desk_world import APP, GROUP, OTHER, World, card, code
from trio_bridge.platforms.feishu.gateway.callbacks import Callback
from trio_bridge.platforms.feishu.gateway.card import Card
from trio_bridge.platforms.feishu.gateway.desk import Sent
from trio_bridge.platforms.feishu.gateway.letters import letter_of

DAY = 86400.0


@pytest.fixture
def world() -> World:
    return World()


def new(world: World, **changes: Any) -> Card:
    return world.rest.cards.known[world.create(**changes)["data"]["card_id"]]


def shown(world: World, **changes: Any) -> Card:
    made = new(world, **changes)
    assert code(world.show(made.id)) == 0
    return made


def cards_sent(world: World) -> list[Sent]:
    return [sent for sent in world.rest.sent if sent.card]


def replace(world: World, made: Card, body: dict[str, Any] | None = None, *, sequence: int = 1, **changes: Any) -> int:
    data = {"type": "card_json", "data": json.dumps(card(**changes))} if body is None else body
    return code(world.call("PUT", f"/cardkit/v1/cards/{made.id}", {"card": data, "sequence": sequence}))


def test_a_card_grows_and_is_one_reply_when_it_rests(world: World) -> None:
    pushed = world.said()
    made = new(world)
    content = {"type": "card", "data": {"card_id": made.id}}
    message_id = world.reply("om_of_tom", content, kind="interactive", uuid="u")["data"]["message_id"]
    assert world.rest.cards.unfinished == [made]
    for number, text in enumerate(("Hel", "Hello", "Hello, you"), start=1):
        world.now = number * 0.7
        assert world.stream(made.id, text, number, uuid=str(number)) == 0
    assert (cards_sent(world), made.ended, made.streaming) == ([], False, True)
    world.now = 3.0
    assert world.settle(made.id, 4) == 0
    assert (made.ended, made.streaming, made.texts) == (True, False, ["", "Hel", "Hello", "Hello, you"])
    assert made.intervals == pytest.approx([0.7, 0.7])
    assert (made.jumps, made.went_back) == (0, False)
    assert made.calls == {"create": 1, "send": 1, "stream": 3, "settings": 1}
    [sent] = world.rest.sent
    assert (sent.at, sent.text, sent.card, sent.message_id) == (3.0, "Hello, you", made.id, message_id)
    assert (sent.reply_to, sent.answers, sent.uuid, sent.chat_id) == ("om_of_tom", pushed, "u", GROUP)
    assert world.gateway.ledger.summary().answered == 1
    assert world.rest.cards.unfinished == []


def test_a_card_that_is_taken_up_again_is_the_same_reply_with_other_words(world: World) -> None:
    pushed = world.said()
    made = shown(world)
    world.stream(made.id, "one", 1)
    world.settle(made.id, 2)
    world.settle(made.id, 3, streaming=True)
    world.stream(made.id, "one more", 4)
    assert [sent.text for sent in cards_sent(world)] == ["one"]
    world.settle(made.id, 5)
    assert [sent.text for sent in cards_sent(world)] == ["one more"]
    assert [sent.text for sent in world.rest.reworded] == ["one more"]
    assert [reply.text for reply in world.gateway.ledger.record(pushed).replies] == ["one more"]


def test_what_rested_keeps_what_stood_there(world: World) -> None:
    made = shown(world)
    world.stream(made.id, "one", 1)
    world.settle(made.id, 2)
    [sent] = cards_sent(world)
    world.settle(made.id, 3, streaming=True)
    world.stream(made.id, "two", 4)
    assert sent.content["body"]["elements"][0]["content"] == "one"


def test_a_card_that_does_not_stream_rests_at_once(world: World) -> None:
    made = shown(world, text="done", streaming=False)
    assert made.ended
    assert [sent.text for sent in cards_sent(world)] == ["done"]


def test_another_text_is_no_typing(world: World) -> None:
    made = shown(world)
    for number, text in enumerate(("one", "two", "tw"), start=1):
        world.stream(made.id, text, number)
    assert (made.jumps, made.went_back) == (2, True)


def test_a_whole_card_takes_the_place_of_another(world: World) -> None:
    made = shown(world)
    world.stream(made.id, "one", 1)
    assert replace(world, made, sequence=2, text="other", streaming=False) == 0
    assert (made.texts, made.ended, made.data) == (["", "one", "other"], True, card("other", streaming=False))
    assert [sent.text for sent in cards_sent(world)] == ["other"]


# What is refused.


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ({"type": "template", "data": "{}"}, 10002),
        ({"type": "card_json"}, 10002),
        ({"type": "card_json", "data": {"an": "object"}}, 10002),
        ({"type": "card_json", "data": "no json"}, 200220),
        ({"type": "card_json", "data": "[]"}, 200220),
        ({"type": "card_json", "data": "{}"}, 300307),
        ({"type": "card_json", "data": json.dumps(card(schema="1.0"))}, 300303),
        ({"type": "card_json", "data": json.dumps(card(shared=False))}, 300302),
        ({"type": "card_json", "data": json.dumps(card(twin={"element_id": "words"}))}, 300301),
        ({"type": "card_json", "data": json.dumps(card("x" * 30 * 1024))}, 200860),
        ({"type": "card_json", "data": json.dumps(card(extra=[{"tag": "table"}] * 6))}, 230099),
    ],
    ids=["template", "none", "object", "text", "list", "empty", "old", "private", "twin", "large", "tables"],
)
def test_a_card_that_is_none_is_refused(world: World, body: dict[str, Any], number: int) -> None:
    assert code(world.call("POST", "/cardkit/v1/cards", body)) == number
    made = shown(world)
    assert replace(world, made, body) == number
    assert list(world.rest.cards.known) == [made.id]
    assert made.texts == [""]


@pytest.mark.parametrize("body", [b"no json", {"card": "no object", "sequence": 1}], ids=["no json", "no object"])
def test_a_body_that_is_none_is_refused(world: World, body: Any) -> None:
    made = new(world)
    assert code(world.call("PUT", f"/cardkit/v1/cards/{made.id}", body)) == 10002


@pytest.mark.parametrize(
    ("sequence", "number"),
    [(6, 0), (2**31 - 1, 0), (5, 300317), (4, 300317), (0, 10002), (2**31, 10002), ("6", 10002), (True, 10002)],
)
def test_sequences_grow_strictly_over_all_kinds_of_calls(world: World, sequence: Any, number: int) -> None:
    made = shown(world)
    assert world.stream(made.id, "one", 5) == 0
    assert world.settle(made.id, sequence) == number
    assert made.sequence == (5 if number else sequence)


def test_a_refused_call_uses_no_number(world: World) -> None:
    made = shown(world)
    assert world.stream(made.id, "one", 1, element="unknown") == 300313
    assert world.stream(made.id, "one", 1, element="ok") == 300310
    assert world.stream(made.id, "", 1) == 10002
    assert world.stream(made.id, "one", 1) == 0


def test_text_is_streamed_while_the_card_says_so(world: World) -> None:
    made = shown(world, streaming=False)
    assert world.stream(made.id, "one", 1) == 300309
    assert world.settle(made.id, 2, streaming=True) == 0
    world.now = 599.0
    assert world.stream(made.id, "one", 3) == 0
    world.now = 600.0
    assert world.stream(made.id, "two", 4) == 200850
    assert world.settle(made.id, 5, streaming=True) == 0
    assert world.stream(made.id, "two", 6) == 0
    assert world.stream(made.id, "x" * 30 * 1024 + "x", 7) == 200860


@pytest.mark.parametrize(
    ("settings", "number"),
    [
        ("no json", 200220),
        ('{"config": 7}', 10002),
        ('{"config": {"update_multi": false}}', 300302),
        ("", 10002),
        ("{}", 0),
    ],
)
def test_settings_that_are_none_are_refused(world: World, settings: str, number: int) -> None:
    made = shown(world)
    path = f"/cardkit/v1/cards/{made.id}/settings"
    assert code(world.call("PATCH", path, {"settings": settings, "sequence": 1})) == number


def test_a_uuid_that_comes_again_changes_nothing_and_conflicts_with_another_call(world: World) -> None:
    made = shown(world)
    assert [world.stream(made.id, "one", 1, uuid="u") for _ in range(2)] == [0, 0]
    assert (made.calls["stream"], made.texts) == (1, ["", "one"])
    assert world.stream(made.id, "two", 2, uuid="u") == 200770
    assert [replace(world, made, sequence=3), replace(world, made, sequence=4)] == [0, 0]
    assert world.settle(made.id, 5, uuid="v" * 64) == 0
    assert world.settle(made.id, 5, uuid="v" * 64) == 0
    assert world.settle(made.id, 6, uuid="v" * 65) == 10002
    assert made.calls["settings"] == 1
    body = {"card": {"type": "card_json", "data": json.dumps(card("new"))}, "sequence": 6, "uuid": "w"}
    assert [code(world.call("PUT", f"/cardkit/v1/cards/{made.id}", body)) for _ in range(2)] == [0, 0]
    assert made.calls["replace"] == 3


def test_every_uuid_that_comes_again_may_be_refused() -> None:
    world = World(card_uuid_once=True)
    made = shown(world)
    assert [world.stream(made.id, "one", 1, uuid="u") for _ in range(2)] == [0, 200770]


def test_a_card_belongs_to_one_app_for_two_weeks(world: World) -> None:
    made = shown(world)
    assert world.stream("7000000000000000000", "one", 1) == 200740
    assert world.stream(made.id, "one", 1, app=OTHER) == 300311
    assert code(world.show(new(world).id, app=OTHER)) == 300311
    world.now = 14 * DAY
    world.tokens[APP] = world.token()
    assert world.stream(made.id, "one", 1) == 200750


def test_a_card_is_sent_once(world: World) -> None:
    made = shown(world)
    assert code(world.show(made.id)) == 230001
    assert code(world.show("7000000000000000000")) == 200740
    assert code(world.send({"type": "card", "data": 7}, kind="interactive")) == 200740


def test_a_card_of_a_message_is_none_of_the_kit_and_the_other_way_round(world: World) -> None:
    message_id = world.send(card("a", streaming=False), kind="interactive")["data"]["message_id"]
    assert world.stream(message_id, "b", 1) == 200740
    made = shown(world)
    assert code(world.about("PATCH", made.message_id, {"content": json.dumps(card("b"))})) == 230001


def test_a_card_takes_ten_calls_a_second(world: World) -> None:
    made, other = shown(world), shown(world)
    codes = [world.stream(made.id, "x" * number, number) for number in range(1, 12)]
    assert codes == [0] * 10 + [99991400]
    assert (world.answer.status, world.answer.headers["x-ogw-ratelimit-reset"]) == (400, "1")
    assert world.stream(other.id, "one", 1) == 0
    world.now = 1.0
    assert world.stream(made.id, "x" * 11, 11) == 0


def test_a_card_whose_button_is_being_pressed_takes_no_calls(world: World) -> None:
    made = shown(world)
    world.rest.cards.in_interaction.add(made.id)
    assert world.stream(made.id, "one", 1) == 200810
    world.rest.cards.in_interaction.clear()
    assert world.stream(made.id, "one", 1) == 0


# After a press.


def press(world: World, made: Card, *, answered: bool = True, app: str = APP) -> str:
    token = world.rest.updates.issue(app, made.message_id, world.now)
    world.rest.updates.presses[token].answered = answered
    return token


def update(world: World, token: Any, content: Any, *, app: str = APP) -> int:
    return code(world.call("POST", "/interactive/v1/card/update", {"token": token, "card": content}, app=app))


def test_the_token_of_a_press_changes_its_card_twice(world: World) -> None:
    made = shown(world, text="before", streaming=False)
    token = press(world, made)
    codes = [update(world, token, card(text, streaming=False)) for text in ("one", "two", "three")]
    assert codes == [0, 0, 300040]
    assert made.texts == ["before", "one", "two"]
    assert [look.by for look in made.history] == ["send", "update", "update"]
    assert [sent.text for sent in cards_sent(world)] == ["two"]
    assert world.gateway.ledger.faults == []


def test_the_token_of_a_press_is_good_for_half_an_hour(world: World) -> None:
    made = shown(world, streaming=False)
    token = press(world, made)
    world.now = 1799.0
    assert update(world, token, card("late", streaming=False)) == 0
    world.now = 1800.0
    assert update(world, token, card("too late", streaming=False)) == 300030


def test_a_change_before_the_answer_is_undone_by_it_and_a_fault(world: World) -> None:
    made = shown(world, text="before", streaming=False)
    token = press(world, made, answered=False)
    assert update(world, token, card("early", streaming=False)) == 0
    assert made.texts == ["before"]
    assert [(fault.kind, fault.app_id) for fault in world.gateway.ledger.faults] == [("card_update_early", APP)]
    assert world.rest.updates.presses[token].uses == 1


@pytest.mark.parametrize(
    ("content", "number"),
    [
        ({}, 10002),
        ("no object", 10002),
        (card("b", shared=False), 300090),
        ({**card("b", shared=False, streaming=False), "open_ids": ["ou_tom"]}, 0),
        (card("x" * 30 * 1024), 100000),
    ],
    ids=["empty", "text", "nobody", "somebody", "large"],
)
def test_a_card_for_a_token_is_as_it_should_be(world: World, content: Any, number: int) -> None:
    made = shown(world, streaming=False)
    assert update(world, press(world, made), content) == number
    assert len(made.history) == (1 if number else 2)


def test_a_token_that_is_none_is_refused(world: World) -> None:
    made = shown(world, streaming=False)
    assert update(world, "d-token", card("b")) == 300020
    assert update(world, 7, card("b")) == 300020
    assert update(world, "c-token", card("b")) == 300030
    assert update(world, press(world, made), card("b"), app=OTHER) == 200310


def test_the_answer_to_a_press_changes_a_card_that_rests(world: World) -> None:
    resting, growing = shown(world, text="a", streaming=False), shown(world, text="a")
    answer = card("b", streaming=False)
    assert world.rest.cards.answered(resting.message_id, answer, 1.0)
    assert not world.rest.cards.answered(growing.message_id, answer, 1.0)
    assert not world.rest.cards.answered("om_unknown", answer, 1.0)
    assert (resting.texts, growing.texts) == (["a", "b"], ["a"])


def test_what_was_answered_stays_what_it_was(world: World) -> None:
    made, answer = shown(world, streaming=False), card("b", streaming=False)
    world.rest.cards.answered(made.message_id, answer, 1.0)
    world.settle(made.id, 1, streaming=True)
    world.stream(made.id, "c", 2)
    assert answer == card("b", streaming=False)


@pytest.mark.parametrize(
    ("code_shown", "kind", "texts"),
    [(0, "raw", ["a", "b"]), (0, "template", ["a"]), (200341, "raw", ["a"])],
    ids=["answered", "template", "late"],
)
def test_an_answer_frees_the_token_and_brings_its_card(
    world: World, code_shown: int, kind: str, texts: list[str]
) -> None:
    made = shown(world, text="a", streaming=False)
    token = press(world, made, answered=False)
    letter = letter_of({"header": {"event_type": "card.action.trigger"}, "event": {"token": token}})
    pushed = world.gateway.ledger.pushed(APP, letter, 0.0).pushed
    answer = {"card": {"type": kind, "data": card("b", streaming=False)}}
    world.rest.answered(Callback(pushed, code_shown, answer), 1.0)
    assert (made.texts, world.rest.updates.presses[token].answered) == (texts, code_shown == 0)


def test_an_answer_to_nothing_known_changes_nothing(world: World) -> None:
    pushed = world.gateway.ledger.pushed(APP, letter_of({"event": {"token": "c-unknown"}}), 0.0).pushed
    world.rest.answered(Callback(pushed, 0, {}), 1.0)
