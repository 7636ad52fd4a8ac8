"""The simulator's messages: sent, answered, edited, taken back, read, and which it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.platforms.feishu.desk_world import APP, GROUP, OTHER, TOM, World, card, code
from trio_bridge.platforms.feishu.gateway.letters import letter_of

POST = {"zh_cn": {"title": "Title", "content": [[{"tag": "text", "text": "one "}, {"tag": "a", "text": "two"}], []]}}
DAY = 86400.0


@pytest.fixture
def world() -> World:
    return World()


def test_a_message_is_told_as_it_was_sent(world: World) -> None:
    world.now = 1.5
    told = world.send("你好", uuid="u-1")["data"]
    assert told == {
        "message_id": told["message_id"],
        "msg_type": "text",
        "create_time": "1790000001500",
        "update_time": "1790000001500",
        "deleted": False,
        "updated": False,
        "chat_id": GROUP,
        "sender": {"id": APP, "id_type": "app_id", "sender_type": "app", "tenant_key": told["sender"]["tenant_key"]},
        "body": {"content": json.dumps({"text": "你好"})},
    }
    [sent] = world.rest.sent
    assert (sent.at, sent.app_id, sent.chat_id, sent.message_id) == (1.5, APP, GROUP, told["message_id"])
    assert (sent.msg_type, sent.text, sent.uuid, sent.reply_to, sent.card) == ("text", "你好", "u-1", "", "")
    assert world.about("GET", told["message_id"])["data"] == {"items": [told]}


# Whom it reaches.


def test_everything_that_names_a_person_leads_to_one_chat_with_each_bot(world: World) -> None:
    person = world.gateway.directory.person(APP, TOM)
    names = {
        "open_id": TOM,
        "union_id": person.union_id,
        "user_id": person.user_id,
        "email": f"{person.user_id}@example.com",
    }
    chats = {world.send(to=to, by=by)["data"]["chat_id"] for by, to in names.items()}
    assert len(chats) == 1
    [chat] = chats
    assert world.send(to=chat)["data"]["chat_id"] == chat
    assert world.send(to=person.union_id, by="union_id", app=OTHER)["data"]["chat_id"] != chat


def test_an_open_id_is_worth_nothing_in_another_app(world: World) -> None:
    world.send(to=TOM, by="open_id")
    assert code(world.send(to=TOM, by="open_id", app=OTHER)) == 99992361
    person = world.gateway.directory.person(APP, TOM)
    theirs = world.gateway.directory.open_id(OTHER, person)
    assert theirs != TOM
    assert code(world.send(to=theirs, by="open_id", app=OTHER)) == 0
    assert code(world.send(to=theirs, by="open_id")) == 99992361


@pytest.mark.parametrize(
    ("by", "to"),
    [
        ("chat_id", TOM),
        ("open_id", GROUP),
        ("open_id", "ou_nobody"),
        ("chat_id", "oc_nobody"),
        ("union_id", "on_nobody"),
        ("user_id", "stranger"),
        ("email", "stranger@example.com"),
        ("phone", "1234"),
        ("", GROUP),
    ],
)
def test_a_receiver_that_is_none_is_refused(world: World, by: str, to: str) -> None:
    world.gateway.directory.nobody |= {"ou_nobody", "oc_nobody", "on_nobody"}
    assert code(world.send(to=to, by=by)) == 230001
    assert world.rest.sent == []


def test_nobody_writes_into_chats_of_others(world: World) -> None:
    world.gateway.directory.closed_chats.add(GROUP)
    assert code(world.send()) == 230002
    direct = world.send(to=TOM, by="open_id")["data"]["chat_id"]
    assert code(world.send(to=direct, app=OTHER)) == 230002


def test_a_person_may_be_out_of_reach_and_a_bot_turned_off(world: World) -> None:
    world.gateway.directory.unavailable.add(TOM)
    assert code(world.send(to=TOM, by="open_id")) == 230013
    world.rest.messages.disabled.add(APP)
    assert code(world.send()) == 230006
    assert code(world.send(app=OTHER)) == 0


# What it says.


@pytest.mark.parametrize(
    ("kind", "content", "text"),
    [
        ("text", {"text": "hi"}, "hi"),
        ("post", POST, "Title\none two\n"),
        ("post", {"en_us": {"content": [[{"tag": "md", "text": "**b**"}]]}}, "**b**"),
        ("post", {"en_us": {"content": [[{"tag": "at", "user_id": "ou_1"}]]}}, "@ou_1"),
        ("share_chat", {"chat_id": "oc_1"}, "[share_chat oc_1]"),
        ("share_user", {"user_id": "ou_1"}, "[share_user ou_1]"),
        ("interactive", card("words", streaming=False), "words"),
        (
            "interactive",
            {"elements": [{"tag": "div", "text": {"tag": "lark_md", "content": "old"}}, {"tag": "hr"}]},
            "old",
        ),
    ],
    ids=["text", "post", "markdown", "mention", "chat", "person", "card", "older card"],
)
def test_what_it_says_is_kept_in_words(world: World, kind: str, content: Any, text: str) -> None:
    assert code(world.send(content, kind=kind)) == 0
    [sent] = world.rest.sent
    assert (sent.msg_type, sent.text, sent.content) == (kind, text, content)


@pytest.mark.parametrize(
    ("kind", "content", "number"),
    [
        ("text", "{}", 230001),
        ("text", '{"text": ""}', 230001),
        ("text", '{"text": 7}', 230001),
        ("text", "no json", 230001),
        ("text", "[]", 230001),
        ("text", {"text": "an object"}, 230001),
        ("post", '{"title": "no language", "content": [[]]}', 230001),
        ("post", '{"zh_cn": {"content": "no lines"}}', 230001),
        ("image", '{"image_key": "img_unknown"}', 230001),
        ("letter", '{"text": "hi"}', 230001),
        (7, '{"text": "hi"}', 230001),
        ("interactive", "no json", 230099),
        ("interactive", "{}", 230099),
        ("text", json.dumps({"text": "x" * 150 * 1024}), 230025),
        ("post", json.dumps({"zh_cn": {"content": [[{"tag": "text", "text": "x" * 30 * 1024}]]}}), 230025),
        ("interactive", json.dumps(card("x" * 30 * 1024)), 230025),
    ],
    ids=[
        "no text",
        "empty",
        "number",
        "no json",
        "list",
        "object",
        "no language",
        "no lines",
        "unknown picture",
        "unknown type",
        "type 7",
        "card of no json",
        "empty card",
        "long text",
        "long post",
        "long card",
    ],
)
def test_what_is_no_message_is_refused(world: World, kind: Any, content: Any, number: int) -> None:
    body = {"receive_id": GROUP, "msg_type": kind, "content": content}
    assert code(world.call("POST", "/im/v1/messages", body, query={"receive_id_type": "chat_id"})) == number
    assert world.rest.sent == []


def test_a_text_may_have_as_many_bytes_as_are_documented(world: World) -> None:
    frame = len(json.dumps({"text": ""}))
    assert code(world.send("x" * (150 * 1024 - frame))) == 0


@pytest.mark.parametrize(("tables", "number"), [(5, 0), (6, 230099)])
def test_a_card_has_five_tables_at_most(world: World, tables: int, number: int) -> None:
    table = {"tag": "table", "columns": [], "rows": []}
    grown = card("|a|b|\n|---|:-:|\n|1|2|\n", streaming=False, extra=[table] * (tables - 1))
    reply = world.send(grown, kind="interactive")
    assert code(reply) == number
    assert number == 0 or "ErrCode: 11310" in reply["msg"]


def test_unsafe_words_are_held_back() -> None:
    world = World(unsafe_words=frozenset({"secret plan"}))
    assert code(world.send("our secret plan")) == 230028
    assert code(world.send("our plan")) == 0


# Once.


def test_a_uuid_sends_one_message_within_an_hour(world: World) -> None:
    first = world.send("one", uuid="u")["data"]["message_id"]
    world.now = 3599.0
    assert world.send("two", uuid="u")["data"]["message_id"] == first
    assert world.reply(first, "three", uuid="u")["data"]["message_id"] == first
    assert [sent.text for sent in world.rest.sent] == ["one"]
    assert [(sent.message_id, sent.uuid, sent.at) for sent in world.rest.repeated] == [(first, "u", 3599.0)] * 2
    assert world.send("other app", uuid="u", app=OTHER)["data"]["message_id"] != first
    world.now = 3600.0
    assert world.send("four", uuid="u")["data"]["message_id"] != first


def test_a_uuid_of_a_refused_message_is_free(world: World) -> None:
    world.gateway.directory.closed_chats.add(GROUP)
    assert code(world.send(uuid="u")) == 230002
    world.gateway.directory.closed_chats.clear()
    assert code(world.send(uuid="u")) == 0
    assert len(world.rest.sent) == 1


def test_without_a_uuid_every_call_sends(world: World) -> None:
    ids = {world.send(uuid=uuid)["data"]["message_id"] for uuid in ("", "", None)}
    assert len(ids) == 3


@pytest.mark.parametrize(("uuid", "number"), [("u" * 50, 0), ("u" * 51, 230001), (7, 230001)])
def test_a_uuid_has_fifty_characters_at_most(world: World, uuid: Any, number: int) -> None:
    assert code(world.send(uuid=uuid)) == number


# Replies.


def test_a_reply_stands_below_what_it_answers(world: World) -> None:
    pushed = world.said()
    first = world.reply("om_of_tom")["data"]
    assert (first["root_id"], first["parent_id"], "thread_id" in first) == ("om_of_tom", "om_of_tom", False)
    second = world.reply(first["message_id"])["data"]
    assert (second["root_id"], second["parent_id"]) == ("om_of_tom", first["message_id"])
    assert [(sent.reply_to, sent.answers) for sent in world.rest.sent] == [
        ("om_of_tom", pushed),
        (first["message_id"], pushed),
    ]


def test_a_reply_in_a_thread_stands_below_its_root(world: World) -> None:
    world.said()
    first = world.reply("om_of_tom", reply_in_thread=True)["data"]
    assert first["thread_id"].startswith("omt_")
    second = world.reply(first["message_id"])["data"]
    assert (second["root_id"], second["parent_id"]) == ("om_of_tom", "om_of_tom")
    assert second["thread_id"] == first["thread_id"]
    assert [sent.in_thread for sent in world.rest.sent] == [True, True]


def test_a_reply_goes_to_what_it_names_and_a_message_to_what_waits_longest(world: World) -> None:
    first, second, third = (world.said(message_id=f"om_{number}") for number in range(3))
    world.reply("om_1")
    world.send()
    world.send()
    world.send("into the blue", to="oc_elsewhere")
    assert [sent.answers for sent in world.rest.sent] == [second, first, third, None]
    summary = world.gateway.ledger.summary()
    assert (summary.answered, summary.answered_twice, summary.unmatched_replies) == (3, 0, 1)


def test_nobody_reads_in_chats_of_others(world: World) -> None:
    direct = world.send(to=TOM, by="open_id")["data"]["message_id"]
    assert code(world.about("GET", direct, app=OTHER)) == 230002
    assert code(world.reply(direct, app=OTHER)) == 230002
    assert code(world.about("GET", direct)) == 0


def test_a_reply_needs_a_message_that_the_bot_can_see(world: World) -> None:
    assert code(world.reply("om_unknown")) == 230001
    world.said(message_id="om_theirs", app=OTHER)
    assert code(world.reply("om_theirs")) == 230001
    world.said()
    world.gateway.directory.closed_chats.add(GROUP)
    assert code(world.reply("om_of_tom")) == 230002


def test_a_message_of_schema_1_can_be_answered_and_read(world: World) -> None:
    event = {"type": "message", "open_message_id": "om_old", "open_chat_id": GROUP, "msg_type": "text", "text": "hi"}
    letter = letter_of({"uuid": "u", "event": {**event, "open_id": TOM}})
    world.gateway.ledger.pushed(APP, letter, 0.0)
    assert world.reply("om_old")["data"]["parent_id"] == "om_old"
    [told] = world.about("GET", "om_old")["data"]["items"]
    assert (told["sender"]["id"], told["body"]["content"]) == (TOM, '{"text":"hi"}')


@pytest.mark.parametrize("event", [{"sender": 7}, {"sender": {"sender_id": []}}], ids=["number", "list"])
def test_a_message_of_a_strange_sender_can_be_answered(world: World, event: dict[str, Any]) -> None:
    message = {"message_id": "om_odd", "chat_id": GROUP, "content": 7}
    header = {"event_id": "e", "event_type": "im.message.receive_v1"}
    world.gateway.ledger.pushed(APP, letter_of({"header": header, "event": {"message": message, **event}}), 0.0)
    assert code(world.reply("om_odd")) == 0


# Changes.


def test_texts_and_posts_are_edited_and_the_ledger_has_the_newer_words(world: World) -> None:
    pushed = world.said()
    world.send("another", to="oc_elsewhere")
    message_id = world.reply("om_of_tom", "one")["data"]["message_id"]
    world.now = 2.0
    told = world.about("PUT", message_id, {"msg_type": "post", "content": json.dumps(POST)})["data"]
    assert (told["updated"], told["update_time"], told["msg_type"]) == (True, "1790000002000", "post")
    assert [sent.text for sent in world.rest.sent] == ["another", "Title\none two\n"]
    assert [(sent.text, sent.at) for sent in world.rest.reworded] == [("Title\none two\n", 2.0)]
    [reply] = world.gateway.ledger.record(pushed).replies
    assert reply.text == "Title\none two\n"


def test_the_same_words_again_are_no_other_words(world: World) -> None:
    message_id = world.send("one")["data"]["message_id"]
    assert code(world.about("PUT", message_id, {"msg_type": "text", "content": '{"text": "one"}'})) == 0
    assert world.rest.reworded == []


def test_a_message_is_edited_twenty_times(world: World) -> None:
    message_id = world.send()["data"]["message_id"]
    body = {"msg_type": "text", "content": '{"text": "again"}'}
    codes = [code(world.about("PUT", message_id, body)) for _ in range(21)]
    assert codes == [0] * 20 + [230072]


def test_a_card_is_not_edited_and_a_text_not_patched(world: World) -> None:
    shown = world.send(card("a", streaming=False), kind="interactive")["data"]["message_id"]
    assert code(world.about("PUT", shown, {"msg_type": "text", "content": '{"text": "b"}'})) == 230001
    text = world.send()["data"]["message_id"]
    assert code(world.about("PUT", text, {"msg_type": "interactive", "content": json.dumps(card())})) == 230001
    assert code(world.about("PATCH", text, {"content": json.dumps(card())})) == 230001


def test_only_the_bot_that_sent_a_message_changes_it(world: World) -> None:
    message_id = world.send()["data"]["message_id"]
    body = {"msg_type": "text", "content": '{"text": "mine"}'}
    assert code(world.about("PUT", message_id, body, app=OTHER)) == 230026
    assert code(world.about("DELETE", message_id, app=OTHER)) == 230026
    world.said()
    assert code(world.about("DELETE", "om_of_tom")) == 230026


def test_what_was_taken_back_is_gone(world: World) -> None:
    message_id = world.send()["data"]["message_id"]
    assert world.about("DELETE", message_id) == {"code": 0, "msg": "success", "data": {}}
    [told] = world.about("GET", message_id)["data"]["items"]
    assert (told["deleted"], told["body"]["content"]) == (True, "")
    assert code(world.about("DELETE", message_id)) == 230011
    assert code(world.about("PUT", message_id, {"msg_type": "text", "content": '{"text": "b"}'})) == 230011
    assert code(world.reply(message_id)) == 230011


# Cards that are sent as they are.


def test_a_card_is_patched_and_the_ledger_has_the_newer_words(world: World) -> None:
    pushed = world.said()
    message_id = world.reply("om_of_tom", card("one", streaming=False), kind="interactive")["data"]["message_id"]
    world.now = 1.0
    assert code(world.about("PATCH", message_id, {"content": json.dumps(card("two", streaming=False))})) == 0
    [shown] = world.rest.cards.shown
    assert (shown.id, shown.entity, shown.texts, shown.ended) == (message_id, False, ["one", "two"], True)
    assert [look.by for look in shown.history] == ["send", "patch"]
    assert [(sent.text, sent.card, sent.answers) for sent in world.rest.sent] == [("two", message_id, pushed)]
    [reply] = world.gateway.ledger.record(pushed).replies
    assert reply.text == "two"


@pytest.mark.parametrize(("before", "after"), [(False, True), (True, False)])
def test_a_card_is_patched_if_everybody_sees_the_same_before_and_afterwards(
    world: World, before: bool, after: bool
) -> None:
    shown = world.send(card("a", streaming=False, shared=before), kind="interactive")["data"]["message_id"]
    body = {"content": json.dumps(card("b", streaming=False, shared=after))}
    assert code(world.about("PATCH", shown, body)) == 230001


def test_a_card_that_was_sent_as_it_is_never_streams(world: World) -> None:
    assert code(world.send(card("a", streaming=True), kind="interactive")) == 0
    assert [(sent.text, sent.msg_type) for sent in world.rest.sent] == [("a", "interactive")]
    assert world.rest.cards.unfinished == []


def test_a_card_is_patched_for_two_weeks(world: World) -> None:
    shown = world.send(card("a", streaming=False), kind="interactive")["data"]["message_id"]
    world.now = 14 * DAY
    world.tokens[APP] = world.token()
    body = {"content": json.dumps(card("b", streaming=False))}
    assert code(world.about("PATCH", shown, body)) == 230031
    world.now -= 1
    assert code(world.about("PATCH", shown, body)) == 0


def test_what_stands_on_a_card_is_not_told(world: World) -> None:
    shown = world.send(card("private", streaming=False), kind="interactive")["data"]
    assert "private" not in json.dumps(shown)
