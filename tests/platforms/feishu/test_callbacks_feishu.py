"""Presses on cards, previews of links, and events: who is called, with what, and what the answer looks like."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from tests.platforms.feishu.recorded import payload
from trio_bridge.feishu import (
    BotAdded,
    BotRemoved,
    CardAction,
    CardTemplate,
    CardUpdate,
    ChatEntered,
    Event,
    MenuPressed,
    MessageRecalled,
    Person,
    Preview,
    PreviewRequest,
    ReactionAdded,
    ReactionRemoved,
    Toast,
)
from trio_bridge.platforms.feishu.events.callbacks import Callbacks
from trio_bridge.platforms.feishu.events.card_action import card_reply
from trio_bridge.platforms.feishu.events.replays import Replays
from trio_bridge.platforms.feishu.settings.callbacks import CallbackSettings
from trio_bridge.wire.protocol import Delivery

CHAT = "oc_5ce6d572455d361153b7cb51da133945"
SOMEBODY = Person("ou_84aad35d084aa403a838cf73ee18467", "on_8ed6aa67826108097d9ee143816345", "e33ggbyz")
AT = datetime(2026, 11, 20, 8, 2, 25, 628000, UTC)
CARD: Mapping[str, Any] = {"schema": "2.0", "body": {"elements": [{"tag": "markdown", "content": "完"}]}}


def delivery(sent: Mapping[str, Any]) -> Delivery:
    return Delivery("e1", "lane", sent["header"]["event_type"], json.dumps(sent))


class Ear:
    """Hears what it is called with, and returns ``answer``."""

    def __init__(self, answer: Any = None) -> None:
        self.heard: list[Any] = []
        self.answer = answer

    async def __call__(self, happened: Any) -> Any:
        self.heard.append(happened)
        return self.answer


async def told(name: str, **handlers: Any) -> Any:
    """What is answered to a recorded event."""
    call = Callbacks(CallbackSettings(**handlers)).of(delivery(payload(name)))
    assert call is not None
    return await call()


async def answered(update: Any) -> Any:
    return json.loads(await told("card_button_object_value", on_card_action=Ear(update)))


# Presses


async def test_a_press_says_what_was_pressed_and_by_whom() -> None:
    ear = Ear()
    assert await told("card_button_object_value", on_card_action=ear) == "{}"
    [action] = ear.heard
    sent = payload("card_button_object_value")
    assert action == CardAction(
        operator=SOMEBODY,
        message_id="om_card1",
        chat_id=CHAT,
        tag="button",
        name="ok",
        value={"cmd": "approve", "id": 7},
        timezone="Asia/Shanghai",
        host="im_message",
        token=sent["event"]["token"],
        tenant_key="2ca1d211f64f6438",
        event_id=sent["header"]["event_id"],
        raw=sent,
    )
    assert action.operator.ids == (SOMEBODY.open_id, SOMEBODY.union_id, SOMEBODY.user_id)
    assert action.token not in repr(action), "whoever has it can change the card"


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("card_button_object_value", {"cmd": "approve", "id": 7}),
        ("card_button_string_value", {}),
        ("card_button_no_value", {}),
    ],
)
async def test_what_the_card_gives_along_is_looked_into_safely(name: str, params: dict[str, Any]) -> None:
    ear = Ear()
    await told(name, on_card_action=ear)
    assert ear.heard[0].params == params


@pytest.mark.parametrize(
    ("update", "answer"),
    [
        (None, {}),
        (CardUpdate(), {}),
        (CardUpdate(toast="好"), {"toast": {"type": "info", "content": "好"}}),
        (
            CardUpdate(toast=Toast("no", "error", {"zh_cn": "不"})),
            {"toast": {"type": "error", "content": "no", "i18n": {"zh_cn": "不"}}},
        ),
        (CardUpdate(card=CARD), {"card": {"type": "raw", "data": CARD}}),
        (
            CardUpdate(card=CardTemplate("AAq1", {"a": 1}, "1.0.3")),
            {
                "card": {
                    "type": "template",
                    "data": {
                        "template_id": "AAq1",
                        "template_variable": {"a": 1},
                        "template_version_name": "1.0.3",
                    },
                }
            },
        ),
        (
            CardUpdate(toast="ok", card=CardTemplate("AAq1")),
            {
                "toast": {"type": "info", "content": "ok"},
                "card": {"type": "template", "data": {"template_id": "AAq1", "template_variable": {}}},
            },
        ),
        (CardUpdate(toast="a \ud83d b"), {"toast": {"type": "info", "content": "a \ufffd b"}}),
    ],
)
async def test_what_the_function_returns_is_the_answer(update: Any, answer: Any) -> None:
    assert await answered(update) == answer


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ({"toast": "ok"}, "on_card_action returns a CardUpdate or None, not dict"),
        (CardUpdate(card={}), "a card is a dict that is not empty, or a CardTemplate, not dict"),
        (CardUpdate(card="card"), "a card is a dict that is not empty, or a CardTemplate, not str"),  # type: ignore[arg-type]
        (CardUpdate(card={"a": {1, 2}}), "set is not JSON serializable"),
        (CardUpdate(card={"a": math.nan}), "not JSON compliant"),
    ],
)
async def test_what_people_would_see_as_an_error_is_the_failure_of_the_function(update: Any, said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        await answered(update)


def test_chinese_takes_three_bytes_and_not_six_of_those_that_a_card_may_have() -> None:
    assert card_reply(CardUpdate(toast="好")) == '{"toast":{"type":"info","content":"好"}}'


def test_a_toast_that_feishu_would_refuse_is_none() -> None:
    with pytest.raises(ValueError, match="type"):
        Toast("text", "loud")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="content"):
        Toast(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="toast"):
        CardUpdate(toast=7)  # type: ignore[arg-type]


# Previews


async def test_a_preview_is_asked_for_and_shown() -> None:
    ear = Ear(Preview(title="T", i18n_title={"en_us": "t"}, image_key="img_1", card=CARD))
    assert json.loads(await told("url_preview_get", on_url_preview=ear)) == {
        "inline": {"title": "T", "i18n_title": {"en_us": "t"}, "image_key": "img_1"},
        "card": {"type": "raw", "data": CARD},
    }
    sent = payload("url_preview_get")
    assert ear.heard == [
        PreviewRequest(
            url="https://x.test",
            operator=Person(SOMEBODY.open_id),
            message_id="om_9",
            chat_id=CHAT,
            preview_token="pt",
            host="im_message",
            tenant_key="2ca1d211f64f6438",
            event_id=sent["header"]["event_id"],
            raw=sent,
        )
    ]


async def test_without_a_preview_the_link_stays() -> None:
    assert await told("url_preview_get", on_url_preview=Ear()) == "{}"
    assert json.loads(await told("url_preview_get", on_url_preview=Ear(Preview(title="T")))) == {
        "inline": {"title": "T"}
    }
    with pytest.raises(TypeError, match="on_url_preview returns a Preview or None, not CardUpdate"):
        await told("url_preview_get", on_url_preview=Ear(CardUpdate()))


# Events

MEMBERSHIP = {"chat_id": CHAT, "chat_name": "群", "operator": SOMEBODY, "external": False}
REACTION = {"message_id": "om_dup", "emoji": "THUMBSUP", "reacted_at": AT}


@pytest.mark.parametrize(
    ("name", "cls", "fields"),
    [
        ("bot_added", BotAdded, MEMBERSHIP),
        ("bot_deleted", BotRemoved, MEMBERSHIP),
        (
            "message_recalled",
            MessageRecalled,
            {"message_id": "om_dup", "chat_id": CHAT, "reason": "message_owner", "recalled_at": AT},
        ),
        (
            "reaction_created",
            ReactionAdded,
            {**REACTION, "operator": SOMEBODY, "operator_type": "user", "operator_app_id": ""},
        ),
        (
            "reaction_deleted",
            ReactionRemoved,
            {**REACTION, "operator": Person(), "operator_type": "app", "operator_app_id": "cli_a1b2c3d4e5f60718"},
        ),
        ("bot_menu", MenuPressed, {"key": "help", "operator": SOMEBODY, "operator_name": "Tom"}),
        (
            "bot_p2p_chat_entered",
            ChatEntered,
            {"chat_id": CHAT, "operator": SOMEBODY, "last_message_id": "om_l", "last_message_at": AT},
        ),
        ("unregistered_event", Event, {}),
    ],
)
async def test_an_event_comes_as_what_it_is(name: str, cls: type[Event], fields: dict[str, Any]) -> None:
    ear, sent = Ear(), payload(name)
    assert await told(name, on_event=ear) is None
    [event] = ear.heard
    assert type(event) is cls
    assert attrs.asdict(event, recurse=False) == {
        "type": sent["header"]["event_type"],
        "id": sent["header"]["event_id"],
        "tenant_key": "2ca1d211f64f6438",
        "created_at": AT,
        "data": sent["event"],
        "raw": sent,
        **fields,
    }


@pytest.mark.parametrize(("told_us", "external"), [(True, True), ("yes", False), (None, False)])
async def test_a_group_is_external_where_feishu_says_so(told_us: Any, external: bool) -> None:
    ear, sent = Ear(), payload("bot_added")
    sent["event"]["external"] = told_us
    call = Callbacks(CallbackSettings(on_event=ear)).of(delivery(sent))
    assert call is not None
    await call()
    assert ear.heard[0].external is external


async def test_an_event_of_schema_1_comes_by_its_own_type() -> None:
    ear, sent = Ear(), payload("v1_other_event")
    call = Callbacks(CallbackSettings(events={"add_bot": ear})).of(Delivery("u", "lane", "add_bot", json.dumps(sent)))
    assert call is not None
    await call()
    [event] = ear.heard
    assert (event.type, event.id, event.data["open_chat_id"]) == ("add_bot", sent["uuid"], CHAT)
    assert event.created_at == AT.replace(microsecond=0)


async def test_whoever_names_a_type_gets_it_and_the_others_go_elsewhere() -> None:
    named, others = Ear(), Ear()
    for name in ("reaction_created", "reaction_deleted"):
        await told(name, events={"im.message.reaction.created_v1": named}, on_event=others)
    assert [type(event) for event in (*named.heard, *others.heard)] == [ReactionAdded, ReactionRemoved]


@pytest.mark.parametrize("name", ["text_p2p", "card_checker", "url_preview_get", "reaction_created"])
def test_what_nobody_handles_calls_nobody(name: str) -> None:
    assert Callbacks(CallbackSettings()).of(delivery(payload(name))) is None


@pytest.mark.parametrize("name", ["text_p2p", "card_checker", "url_preview_get"])
def test_messages_presses_and_previews_are_no_events(name: str) -> None:
    assert Callbacks(CallbackSettings(on_event=Ear())).of(delivery(payload(name))) is None


def test_as_many_presses_are_remembered_as_a_signature_may_outlive() -> None:
    replays = Replays(bound=3)
    assert [replays.is_known(key) for key in "abcabcdbcda"] == [*[False] * 3, *[True] * 3, False, *[True] * 3, False]
