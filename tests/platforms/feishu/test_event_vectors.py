"""Every recorded event means what it is expected to mean."""

from __future__ import annotations

from typing import Any

import pytest

from tests.platforms.feishu.recorded import lines
from trio_bridge.messages import Attachment
from trio_bridge.platforms.feishu.events.card_action import read_card_action
from trio_bridge.platforms.feishu.events.envelope import Envelope, milliseconds, read_envelope
from trio_bridge.platforms.feishu.events.extract import Extracted
from trio_bridge.platforms.feishu.events.happened import TYPED
from trio_bridge.platforms.feishu.events.topics import ANSWERED, CARD_ACTION, MESSAGES

SCHEMAS = {"2.0": "v2", "1.0": "v1"}

ROWS = lines("events.jsonl")
UNDERSTOOD = [row for row in ROWS if row["expect"]["kind"] in ("message", "card_action", "event")]


def of_kind(kind: str) -> pytest.MarkDecorator:
    rows = [row for row in ROWS if row["expect"]["kind"] == kind]
    return pytest.mark.parametrize("row", rows, ids=[row["name"] for row in rows])


def test_all_of_them_are_there() -> None:
    assert len(ROWS) == len({row["name"] for row in ROWS}) == 90


@pytest.mark.parametrize("row", UNDERSTOOD, ids=[row["name"] for row in UNDERSTOOD])
def test_the_envelope_says_what_is_expected(row: dict[str, Any]) -> None:
    expect, envelope = row["expect"], read_envelope(row["payload"])
    assert envelope is not None
    seen = {
        "schema": SCHEMAS[envelope.schema],
        "event_id": envelope.event_id,
        "event_type": envelope.event_type,
        "app_id": envelope.app_id,
        "tenant_key": envelope.tenant_key,
    }
    assert seen == {name: expect[name] for name in seen}
    if expect["kind"] != "message":
        assert milliseconds(envelope.created_at) == expect["create_time_ms"]


@of_kind("message")
def test_the_message_says_what_is_expected(row: dict[str, Any]) -> None:
    expect, said = row["expect"], Extracted(row["payload"], row["ctx"]["bot_open_id"])
    sent_at = said.sent_at
    seen = {
        "message_id": said.message_id,
        "chat_id": said.chat_id,
        "chat_type": said.chat_type,
        "thread_id": said.thread_id or None,
        "root_id": said.root_id or None,
        "parent_id": said.parent_id or None,
        "sender_open_id": said.sender.open_id or None,
        "sender_type": said.sender_type,
        "message_type": said.message_type,
        "text": said.text,
        "mentions": [[each.key, each.person.open_id, each.name, each.is_bot] for each in said.mentions],
        "is_mention_bot": said.mentions_bot,
        "is_mention_all": said.mentions_everybody,
        "media": [medium(item, said.message_id) for item in said.media],
        "degraded": said.degraded,
        "create_time_ms": None if sent_at is None else round(sent_at.timestamp() * 1000),
    }
    assert seen == {name: expect[name] for name in seen}


def medium(item: Attachment, message_id: str) -> dict[str, Any]:
    """A file in the words of the recorded expectations."""
    source = dict(item.source)
    assert source.pop("message_id") == message_id
    wanted = source.pop("type")
    kind = "sticker" if wanted == "sticker" else item.kind
    name = {"file_name": item.name} if item.name else {}
    return {"kind": kind, **name, **source, "download_type": None if wanted == "sticker" else wanted}


@of_kind("card_action")
def test_the_press_says_what_is_expected(row: dict[str, Any]) -> None:
    expect, action = row["expect"], read_card_action(row["payload"])
    seen = {
        "operator_open_id": action.operator.open_id,
        "message_id": action.message_id,
        "chat_id": action.chat_id,
        "token": action.token,
        "tag": action.tag,
        "value": action.value,
        "name": action.name or None,
        "option": action.option or None,
        "options": list(action.options) or None,
        "checked": action.checked,
        "input_value": action.input_value,
        "form_value": dict(action.form_value) or None,
        "host": action.host,
    }
    assert seen == {name: expect[name] for name in seen}


@of_kind("event")
def test_the_event_names_what_is_expected(row: dict[str, Any]) -> None:
    expect, envelope = row["expect"], read_envelope(row["payload"])
    assert envelope is not None
    places = [envelope.body.get("chat_id", envelope.body.get("open_chat_id")), envelope.body.get("message_id")]
    assert places == [expect["chat_id"], expect["message_id"]]
    known = envelope.event_type in {*TYPED, *ANSWERED}
    assert known is (expect["action"] == "process")


@pytest.mark.parametrize("kind", ["url_verification", "legacy_card", "invalid"])
def test_what_is_no_event_has_no_envelope(kind: str) -> None:
    rows = [row for row in ROWS if row["expect"]["kind"] == kind]
    assert rows
    assert [read_envelope(row["payload"]) for row in rows] == [None] * len(rows)


def test_the_same_pass_as_are_expected_to_in_the_order_in_which_they_came() -> None:
    """With one memory of what has come to each app, which is empty at the beginning."""
    seen: set[tuple[str, str, str]] = set()
    passed = [row for row in ROWS if row["expect"]["kind"] in ("message", "card_action")]
    assert [verdict(row, seen) for row in passed] == [row["expect"]["action"] for row in passed]


def verdict(row: dict[str, Any], seen: set[tuple[str, str, str]]) -> str:
    """What becomes of an event, in the order in which that is decided."""
    context, envelope = row["ctx"], read_envelope(row["payload"])
    assert isinstance(envelope, Envelope)
    if envelope.app_id != context["app_id"]:
        return "drop:wrong_app"
    said = Extracted(row["payload"], context["bot_open_id"])
    keys = [(envelope.app_id, "event", envelope.event_id)]
    if envelope.event_type in MESSAGES:
        keys.append((envelope.app_id, "message", said.message_id))
    for key in keys:
        if key in seen:
            return f"drop:duplicate_{key[1]}"
    seen.update(keys)
    if envelope.event_type == CARD_ACTION:
        return "process"
    if said.sender.open_id == context["bot_open_id"]:
        return "drop:self"
    if said.sender_type in ("app", "bot"):
        return "drop:bot_sender"
    sent_at = said.sent_at
    assert sent_at is not None
    age = context["now_ms"] - round(sent_at.timestamp() * 1000)
    return "drop:stale" if age > context["stale_after_ms"] else "process"
