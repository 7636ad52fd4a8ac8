"""A delivery becomes a message, whatever it holds."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.platforms.feishu.recorded import lines, payload
from trio_bridge.messages import Attachment, Conversation, Message, Quote, Sender
from trio_bridge.platforms.feishu.config import Feishu
from trio_bridge.platforms.feishu.events.card_action import read_card_action
from trio_bridge.platforms.feishu.events.content import READERS
from trio_bridge.platforms.feishu.events.extract import Extracted
from trio_bridge.platforms.feishu.events.happened import TYPED, read_event
from trio_bridge.platforms.feishu.events.message import message_of
from trio_bridge.platforms.feishu.events.preview import read_preview_request
from trio_bridge.wire.protocol import Delivery

NEW = "im.message.receive_v1"
RECORDED_BOT = "ou_b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0"
CHAT = "oc_5ce6d572455d361153b7cb51da133945"


def config(**settings: Any) -> Feishu:
    return Feishu(name="hr", app_id="cli_a1b2c3d4e5f60718", app_secret="not shown", **settings)


def read(sent: Any, topic: str = NEW, bot: str = RECORDED_BOT) -> Message | None:
    return message_of(config(), Delivery("e1", "lane", topic, json.dumps(sent)), bot, None)


def heard(sent: Any, topic: str = NEW, bot: str = RECORDED_BOT) -> Message:
    message = read(sent, topic, bot)
    assert message is not None
    return message


def group(said: dict[str, Any], kind: str = "text", **more: Any) -> dict[str, Any]:
    """Something said in a group."""
    message = {"message_id": "om_1", "chat_id": "oc_1", "chat_type": "group", "message_type": kind, **more}
    return {"schema": "2.0", "header": {}, "event": {"message": {**message, "content": json.dumps(said)}}}


def named(number: int, name: str, open_id: str) -> dict[str, Any]:
    return {"key": f"@_user_{number}", "id": {"open_id": open_id}, "name": name}


def test_a_direct_message_says_who_where_and_when() -> None:
    sent = payload("text_p2p")
    assert heard(sent) == Message(
        platform="feishu",
        account="hr",
        id="e1",
        conversation=Conversation(CHAT, "direct"),
        sender=Sender("ou_84aad35d084aa403a838cf73ee18467", known_as=("on_8ed6aa67826108097d9ee143816345", "e33ggbyz")),
        text="hello 世界",
        mentioned=True,
        sent_at=datetime(2026, 11, 20, 8, 2, 25, 628000, UTC),
    )
    assert heard(sent).raw == sent


def test_a_message_of_schema_1_says_the_same() -> None:
    message = heard(payload("v1_message_private"), "message")
    assert message.conversation == Conversation(CHAT, "direct")
    assert message.sender.id == "ou_84aad35d084aa403a838cf73ee18467"
    assert message.sender.known_as == ("on_8ed6aa67826108097d9ee143816345", "e33ggbyz")
    assert (message.text, message.mentioned) == ("hello v1", True)
    assert message.sent_at == datetime(2026, 11, 20, 8, 2, 25, 428000, UTC)


@pytest.mark.parametrize(
    ("name", "mentioned"),
    [("text_group_mention_bot_last", True), ("text_mention_other_bot", False), ("text_mention_all_with_list", False)],
)
def test_in_a_group_the_bot_is_addressed_by_its_own_id_only(name: str, mentioned: bool) -> None:
    message = heard(payload(name))
    assert (message.conversation.kind, message.mentioned) == ("group", mentioned)


def test_who_does_not_know_the_bot_does_not_know_that_it_is_mentioned() -> None:
    message = heard(payload("text_group_mention_bot_first"), bot="")
    assert (message.text, message.mentioned) == ("@助手 总结一下", False)
    nobody = heard(group({"text": "@_user_1 hi"}, mentions=[named(1, "Nobody", "")]), bot="")
    assert not nobody.mentioned, "an id that is missing is not the one that is unknown"


def test_schema_1_says_itself_that_the_bot_is_mentioned() -> None:
    sent = payload("v1_message_group_mention")
    for bot in (RECORDED_BOT, ""):
        message = heard(sent, "message", bot)
        assert (message.text, message.mentioned) == ("go @张三", True)


def test_a_post_of_schema_1_has_its_title() -> None:
    sent = payload("v1_message_private")
    sent["event"].update(msg_type="post", title="Report", text='see <at open_id="ou_y">张三</at>')
    assert heard(sent, "message").text == "Report\nsee @张三"
    sent["event"].update(msg_type="image", image_key="img_1")
    [picture] = heard(sent, "message").attachments
    assert picture.source == {"message_id": "om_v1", "file_key": "img_1", "type": "image"}


def test_a_kind_of_conversation_that_nobody_knows_is_a_group() -> None:
    message = heard(payload("text_unknown_chat_type"))
    assert (message.conversation.kind, message.mentioned) == ("group", False)


@pytest.mark.parametrize("created", ["999999999999999", "nan", "-1", "x", "", None, [], "1e400"])
def test_a_time_that_is_none_is_left_out(created: Any) -> None:
    sent = payload("text_p2p")
    sent["event"]["message"]["create_time"] = created
    assert heard(sent).sent_at is None


def test_a_reply_names_what_it_answers() -> None:
    assert heard(payload("text_reply_chain")).reply_to == Quote(id="om_msg2")
    assert heard(payload("text_p2p")).reply_to is None


def test_somebody_without_an_open_id_is_known_by_the_next_best() -> None:
    sent = payload("text_p2p")
    sent["event"]["sender"]["sender_id"] = {"union_id": "on_1", "user_id": "u1"}
    assert heard(sent).sender == Sender("on_1", known_as=("u1",))


@pytest.mark.parametrize("user_id", ["ou_boss", "on_boss", "OU_BOSS"])
def test_what_a_company_chose_as_an_id_is_nobody_elses(user_id: str) -> None:
    sent = payload("text_p2p")
    sent["event"]["sender"]["sender_id"] = {"open_id": "ou_1", "user_id": user_id}
    assert heard(sent).sender == Sender("ou_1")
    sent["event"]["sender"]["sender_id"] = {"user_id": user_id}
    assert heard(sent).sender == Sender("")
    sent["event"]["sender"] = None
    assert heard(sent).sender == Sender("")


def test_files_say_what_fetches_them() -> None:
    assert heard(payload("media_video")).attachments == (
        Attachment(
            kind="video",
            name="a.mp4",
            source={
                "message_id": payload("media_video")["event"]["message"]["message_id"],
                "file_key": "file_v3_0004",
                "type": "file",
                "cover_key": "img_v3_0004",
                "duration_ms": 61000,
            },
        ),
    )
    [sticker] = heard(payload("sticker")).attachments
    assert (sticker.kind, sticker.source["type"]) == ("image", "sticker")


def test_no_kind_of_message_is_left_out() -> None:
    """Also one without words, and one that nobody can read, is somebody who wants something."""
    names = [row["name"] for row in lines("events.jsonl") if row["expect"]["kind"] == "message"]
    assert len(names) > 60
    for name in names:
        sent = payload(name)
        assert read(sent, NEW if "schema" in sent else "message") is not None, name


def test_what_is_no_message_is_none() -> None:
    sent = payload("text_p2p")
    assert read(sent, "im.message.recalled_v1") is None
    assert message_of(config(), Delivery("e1", "lane", NEW, "{oops"), "ou_bot", None) is None
    nowhere = {"schema": "2.0", "event": {"message": {"chat_id": []}}}
    broken: Any
    for broken in (None, [], "text", {}, {"schema": "2.0"}, nowhere):
        assert read(broken) is None


def test_a_group_has_its_own_system_prompt() -> None:
    told = config(system_prompt="all", groups={CHAT: {"system_prompt": "these"}})
    delivery = Delivery("e1", "lane", NEW, json.dumps(payload("text_group_no_mention")))
    message = message_of(told, delivery, "", None)
    assert message is not None
    assert message.system_prompt == told.system_prompt_in(CHAT) != told.system_prompt_in("oc_other")


# Mentions


def test_trap_29_a_key_is_no_part_of_a_longer_one() -> None:
    people = [named(1, "Ann", "ou_1"), named(11, "Bob", "ou_11")]
    assert heard(group({"text": "@_user_11 @_user_1 @_user_111"}, mentions=people)).text == "@Bob @Ann @_user_111"
    assert heard(payload("text_mention_prefix_trap")).text == "@U11 and go"


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("@_user_1\u00a0go", "go"),
        ("@_user_1  go", "go"),
        ("say @_user_1\u00a0hi", "say hi"),
        ("say\u00a0@_user_1 hi", "say\u00a0hi"),
        ("say @_user_1  hi", "say  hi"),
        ("say\n@_user_1 hi", "say\nhi"),
        ("@_user_1 @_user_1 hi", "hi"),
        ("say @_user_1\thi", "say \thi"),
        ("(@_user_1 )", "( )"),
        ("@_user_1@_all", "@all"),
        ("\u3000@_user_1 hi\u00a0\n", "hi"),
    ],
)
def test_a_mention_of_the_bot_takes_one_space_with_it(typed: str, text: str) -> None:
    assert heard(group({"text": typed}, mentions=[named(1, "Bot", RECORDED_BOT)])).text == text


def test_everybody_is_no_person() -> None:
    everybody = {"key": "@_user_1", "id": {"user_id": "all"}, "name": "所有人"}
    said = Extracted(group({"text": "hi"}, mentions=[everybody]), "ou_bot")
    assert (said.mentions, said.mentions_everybody, said.mentions_bot) == ((), True, False)


def test_whoever_has_the_name_of_a_key_is_still_named_once() -> None:
    people = [named(1, "@_user_2", "ou_1"), named(2, "Bob", RECORDED_BOT)]
    assert heard(group({"text": "@_user_1 hi"}, mentions=people)).text == "@@_user_2 hi"


def test_nothing_that_is_typed_passes_for_the_bot() -> None:
    """In the text the bot is a sign that no text can hold."""
    message = heard(group({"text": "a \udcff b \x00 c"}))
    assert (message.text, message.mentioned) == ("a \ufffd b \x00 c", False)


def test_a_name_is_not_longer_than_names_are() -> None:
    people = [named(1, "x" * 100_000, "ou_1")]
    assert len(heard(group({"text": "@_user_1 " * 1000}, mentions=people)).text) < 200_000


# Anything at all

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
WORDS = (
    "text title content tag user_id user_name key id name open_id image_key file_key file_name duration template"
    " elements header body i18n href language emoji_type zh_cn latitude chat_id value options option"
)
FIELDS = st.sampled_from(re.findall(r"\w+", WORDS))
TAGS = st.sampled_from(
    ["text", "a", "at", "img", "media", "emotion", "hr", "code_block", "md", "plain_text", "@_all", "@_user_1", "all"]
)
anything = st.recursive(
    scalars | TAGS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS | st.text(), inner, max_size=5)
)
contents = anything | anything.map(lambda value: json.dumps(value, default=str))
messages = st.fixed_dictionaries(
    {"chat_id": st.just("oc_1")},
    optional={
        "message_id": anything,
        "message_type": st.sampled_from([*READERS, "todo", ""]) | anything,
        "content": contents,
        "mentions": anything | st.lists(st.fixed_dictionaries({"key": TAGS, "id": anything, "name": anything})),
        "chat_type": st.sampled_from(["p2p", "group"]) | anything,
        "create_time": anything,
        "parent_id": anything,
        "thread_id": anything,
    },
)
olds = st.fixed_dictionaries(
    {"open_chat_id": st.just("oc_1")},
    optional={
        "msg_type": st.sampled_from([*READERS, "todo"]) | anything,
        "text": anything | st.just('<at open_id="ou_bot">@x</at> y'),
        "text_without_at_bot": anything,
        "is_mention": anything,
        "chat_type": anything,
        "open_id": anything,
    },
)


@settings(max_examples=25)
@given(messages, anything)
def test_whatever_a_message_holds_it_is_one(message: dict[str, Any], sender: Any) -> None:
    heard({"schema": "2.0", "header": {}, "event": {"message": message, "sender": sender}}, bot="ou_bot")


@settings(max_examples=25)
@given(olds, anything)
def test_whatever_a_message_of_schema_1_holds_it_is_one(event: dict[str, Any], sent_at: Any) -> None:
    heard({"uuid": "u", "event": event, "ts": sent_at}, "message", "ou_bot")


@settings(max_examples=25)
@given(anything)
def test_whatever_the_data_everything_about_it_can_be_asked(data: Any) -> None:
    for value in (data, {"schema": data, "event": data}, {"event": {"message": data}}, {"event": data}):
        said = Extracted(value, "ou_bot")
        for name in dir(said):
            getattr(said, name)


@settings(max_examples=25)
@given(st.sampled_from([*TYPED, "im.chat.updated_v1"]), anything, anything)
def test_whatever_an_event_holds_it_is_one(kind: str, event: Any, created_at: Any) -> None:
    sent = {"schema": "2.0", "header": {"event_type": kind, "create_time": created_at}, "event": event}
    assert read_event(json.dumps(sent)).type == kind
    assert read_event(json.dumps(event)).id == ""


@settings(max_examples=25)
@given(anything, anything, anything)
def test_whatever_a_callback_holds_it_can_be_read(action: Any, context: Any, operator: Any) -> None:
    sent = {"schema": "2.0", "event": {"action": action, "context": context, "operator": operator}}
    for value in (sent, {"event": action}, {"header": action}):
        read_card_action(value)
        read_preview_request(value)
