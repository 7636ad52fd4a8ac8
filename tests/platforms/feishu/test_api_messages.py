"""What applications can have Feishu do with messages: say, answer, edit, take back, read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trio

import trio_bridge as tb
from tests.bots.media import PDF, PNG
from tests.platforms.feishu.account_stage import hearing, simulated
from trio_bridge.errors import ConnectionLost, OutcomeUnknown, RateLimited, RequestFailed
from trio_bridge.feishu import CardEntity, CardTemplate, Content, FeishuApi
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.feishu.gateway.messages import EDIT, PATCH, READ, RECALL, REPLY, SEND
from trio_bridge.platforms.feishu.gateway.rest import BOT, refused
from trio_bridge.platforms.feishu.sending.writing import TEXT_BYTES

GROUP, PERSON = "oc_group", "ou_84aad35d084aa403a838cf73ee18467"
CARD = {"config": {"update_multi": True}, "elements": [{"tag": "markdown", "content": "one"}]}
TEMPLATE = {"type": "template", "data": {"template_id": "AAq", "template_variable": {"n": 1}}}


async def test_a_text_is_said_as_an_answer_would_be(autojump_clock: object) -> None:
    async with simulated() as feishu, feishu.open_account() as account:
        sent = await account.api.send(GROUP, "hello")
        assert (sent.message_id, sent.chat_id, sent.ok) == (feishu.sent[0].message_id, feishu.sent[0].chat_id, True)
        sent.check()
        await account.api.send(f"chat:{GROUP}", "# Title\n\n**bold**", title="News")
        await account.api.send(PERSON, tb.Reply("plain"))
        said = [(each.msg_type, each.text) for each in feishu.sent]
        assert said[0] == ("text", "hello")
        assert said[1][0] == "post"
        assert "News" in json.dumps(feishu.sent[1].content)
        assert said[2] == ("text", "plain")
        assert feishu.sent[2].chat_id != feishu.sent[0].chat_id


async def test_a_chat_gets_no_more_than_it_may(autojump_clock: object) -> None:
    async with simulated() as feishu, feishu.open_account() as account:
        began = trio.current_time()
        for _ in range(9):
            await account.api.send(GROUP, "again")
        assert trio.current_time() - began == pytest.approx(2.0, abs=0.1)


async def test_a_long_text_is_said_in_pieces_and_files_come_after_it(autojump_clock: object, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(PDF)
    (tmp_path / "a.png").write_bytes(PNG)
    files = [tb.Attachment(tmp_path / "a.pdf"), tb.Attachment(tmp_path / "a.png", kind="image")]
    async with simulated() as feishu, feishu.open_account(reply_mode="text") as account:
        sent = await account.api.send(GROUP, tb.Reply("x" * (TEXT_BYTES + 10), files))
        assert [each.msg_type for each in feishu.sent] == ["text", "text", "file", "image"]
        assert sent.message_ids == tuple(each.message_id for each in feishu.sent)
        assert len({each.uuid for each in feishu.sent}) == 4


async def test_a_post_that_feishu_can_not_show_is_said_as_text(autojump_clock: object) -> None:
    async with simulated() as feishu, feishu.open_account(reply_mode="post") as account:
        feishu.rest.scripts.add(SEND, refused(230001, "bad content"))
        await account.api.send(GROUP, "**bold**")
        assert [(each.msg_type, each.text) for each in feishu.sent] == [("text", "**bold**")]


@pytest.mark.parametrize(
    ("message", "kind", "content"),
    [
        (Content.of("text", {"text": "as it is"}), "text", {"text": "as it is"}),
        (CARD, "interactive", CARD),
        (CardTemplate("AAq", {"n": 1}), "interactive", TEMPLATE),
    ],
    ids=["content", "card", "template"],
)  # fmt: skip
async def test_other_kinds_are_sent_as_they_are(
    autojump_clock: object, message: Any, kind: str, content: dict[str, Any]
) -> None:
    async with simulated() as feishu, feishu.open_account() as account:
        await account.api.send(GROUP, message)
        assert (feishu.sent[0].msg_type, feishu.sent[0].content) == (kind, content)


async def test_a_card_is_made_sent_once_and_changed_by_its_id(autojump_clock: object) -> None:
    async with simulated() as feishu, feishu.open_account() as account:
        api: FeishuApi = account.api
        whole = {"schema": "2.0", "body": {"elements": [{"tag": "markdown", "content": "one", "element_id": "text"}]}}
        card = await api.cards.create(whole)
        await api.send(GROUP, CardEntity(card))
        assert [(each.card, each.text) for each in feishu.sent] == [(card, "one")]
        await api.cards.replace(card, json.loads(json.dumps(whole).replace("one", "two")))
        assert [each.text for each in feishu.sent] == ["two"]
        with pytest.raises(RequestFailed):
            await api.send(GROUP, CardEntity(card))


async def test_a_reply_stands_below_its_message_or_in_a_thread(autojump_clock: object) -> None:
    async with simulated() as feishu, feishu.open_account() as account:
        first = await account.api.send(GROUP, "hello")
        below = await account.api.reply(first.message_id, "below")
        await account.api.reply(below.message_id, "in a thread", in_thread=True)
        _, one, two = feishu.sent
        assert (one.reply_to, one.in_thread, two.reply_to, two.in_thread) == (
            first.message_id,
            False,
            below.message_id,
            True,
        )


async def test_what_is_sent_with_a_key_is_seen_once(autojump_clock: object) -> None:
    async with simulated() as feishu, feishu.open_account() as account:
        feishu.rest.scripts.swallow(SEND)
        with pytest.raises(OutcomeUnknown):
            await account.api.send(GROUP, "once", key="order-7")
        again = await account.api.send(GROUP, "once", key="order-7")
        assert [each.message_id for each in feishu.sent] == [again.message_id]
        await account.api.send(GROUP, "once", key="order-8")
        await account.api.send(GROUP, "once")
        await account.api.send(GROUP, "once")
        assert len(feishu.sent) == 4


async def test_after_a_piece_that_failed_nothing_more_is_said_and_that_is_told(autojump_clock: object) -> None:
    async with simulated() as feishu, feishu.open_account(reply_mode="text") as account:
        feishu.rest.scripts.add(SEND, refused(230002, "Bot is NOT in the chat."))
        with pytest.raises(RequestFailed, match="a member has to add it") as caught:
            await account.api.send(GROUP, "x" * 2 * TEXT_BYTES)
        assert (caught.value.code, feishu.sent) == ("230002", [])
        feishu.rest.scripts.every(2, SEND, refused(230002))
        sent = await account.api.send(GROUP, "x" * 3 * TEXT_BYTES)
        assert (len(sent.message_ids), sent.ok, len(feishu.sent)) == (1, False, 1)
        with pytest.raises(RequestFailed):
            sent.check()


async def test_a_message_is_edited_taken_back_and_read(autojump_clock: object) -> None:
    async with simulated() as feishu, feishu.open_account() as account:
        api: FeishuApi = account.api
        sent = await api.send(GROUP, "hello")
        await trio.sleep(10)
        await api.edit(sent.message_id, "good bye")
        [told] = await api.message(sent.message_id)
        assert (told.id, told.type, told.text, told.chat_id) == (sent.message_id, "text", "good bye", sent.chat_id)
        assert (told.sender_type, told.is_edited, told.is_deleted) == ("app", True, False)
        await api.delete(sent.message_id)
        [told] = await api.message(sent.message_id)
        assert (told.is_deleted, told.text) == (True, "")


async def test_a_message_of_a_person_is_read_with_its_files(autojump_clock: object) -> None:
    async with simulated() as feishu, feishu.open_account(hearing([])) as account:
        pushed = await feishu.send_file(PDF, "报告.pdf", conversation=GROUP)
        [told] = await account.api.message(pushed.letter.message_id)
        assert (told.type, told.sender_id[:3], told.sender_type) == ("file", "ou_", "user")
        assert told.sent_at is not None
        path = await account.api.download(told.attachments[0])
        assert (path.read_bytes(), path.name[-7:]) == (PDF, "-报告.pdf")


async def test_messages_that_were_forwarded_together_are_told_with_the_one_that_holds_them(
    autojump_clock: object,
) -> None:
    tom = {"key": "@_user_1", "id": "ou_tom", "id_type": "open_id", "name": "Tom"}
    bot = {"key": "@_user_2", "id": "", "id_type": "open_id", "name": "Helper"}
    child = {
        "message_id": "om_2", "upper_message_id": "om_1", "msg_type": "text", "create_time": "1795161745640",
        "body": {"content": '{"text": "@_user_2 @_user_1 hi"}'}, "mentions": [tom, bot], "thread_id": "omt_1",
    }  # fmt: skip
    whole = {"message_id": "om_1", "msg_type": "merge_forward", "body": {"content": "Merged and Forwarded Message"}}
    items = [whole, child, 7, {"sender": 7, "body": [], "mentions": {}}]
    async with simulated() as feishu, feishu.open_account() as account:
        bot["id"] = (await account.api.bot()).open_id
        feishu.rest.scripts.add(READ, Answer(body=json.dumps({"code": 0, "data": {"items": items}})))
        first, second, third = await account.api.message("om_1")
        assert (first.id, first.type) == ("om_1", "merge_forward")
        assert (second.text, second.forwarded_in, second.thread_id) == ("@Tom hi", "om_1", "omt_1")
        assert second.sent_at is not None
        assert second.sent_at.year == 2026
        assert third.id == ""


async def test_a_card_that_was_sent_as_it_is_is_changed_in_its_message(autojump_clock: object) -> None:
    async with simulated() as feishu, feishu.open_account() as account:
        sent = await account.api.send(GROUP, CARD)
        await account.api.patch_card(sent.message_id, json.loads(json.dumps(CARD).replace("one", "two")))
        assert feishu.rest.reworded[-1].text == "two"
        with pytest.raises(RequestFailed, match="update_multi"):
            await account.api.patch_card(sent.message_id, {"elements": []})


@pytest.mark.parametrize("message", ["x" * 2 * TEXT_BYTES, "", Content.of("image", {"image_key": "img_1"})])
async def test_only_a_text_that_is_one_message_stands_in_place_of_another(autojump_clock: object, message: Any) -> None:
    async with simulated() as feishu, feishu.open_account(reply_mode="text") as account:
        with pytest.raises(RequestFailed, match="edited to one of text"):
            await account.api.edit("om_1", message)
        assert feishu.rest.calls[EDIT] == 0


@pytest.mark.parametrize(
    ("target", "message"), [("", "hello"), ("oc_a b", "hello"), (GROUP, ""), (GROUP, tb.Reply("  "))]
)
async def test_nothing_is_said_to_nobody_and_nobody_is_told_nothing(
    autojump_clock: object, target: str, message: Any
) -> None:
    async with simulated() as feishu, feishu.open_account() as account:
        with pytest.raises(RequestFailed):
            await account.api.send(target, message)
        assert feishu.rest.calls[SEND] == 0


async def test_what_may_be_asked_again_is_no_unknown_outcome(autojump_clock: object) -> None:
    async with simulated() as feishu, feishu.open_account() as account:
        api: FeishuApi = account.api
        sent = await api.send(GROUP, "hello")
        for call in (READ, EDIT, RECALL, PATCH):
            feishu.rest.scripts.swallow(call)
        feishu.rest.scripts.swallow(REPLY)
        for repeatable in (
            api.message(sent.message_id), api.edit(sent.message_id, "x"), api.delete(sent.message_id),
            api.patch_card(sent.message_id, CARD),
        ):  # fmt: skip
            with pytest.raises(ConnectionLost):
                await repeatable
        with pytest.raises(OutcomeUnknown):
            await api.reply(sent.message_id, "x")
        feishu.rest.scripts.swallow(REPLY)
        feishu.rest.scripts.swallow(BOT, times=2)
        for question in (api.bot(), api.call("GET", "/bot/v3/info")):
            with pytest.raises(ConnectionLost):
                await question
        with pytest.raises(OutcomeUnknown):
            await api.call("POST", "/im/v1/messages/:message_id/reply", {}, ids=[sent.message_id])


async def test_any_other_call_is_made_with_the_accounts_token(autojump_clock: object) -> None:
    async with simulated() as feishu, feishu.open_account() as account:
        api: FeishuApi = account.api
        answer = await api.call("GET", "/bot/v3/info")
        assert answer["bot"]["open_id"] == (await api.bot()).open_id
        sent = await api.call(
            "POST", "/im/v1/messages", {"receive_id": GROUP, "msg_type": "text", "content": '{"text":"hi"}'},
            params={"receive_id_type": "chat_id"},
        )  # fmt: skip
        assert sent["data"]["message_id"] == feishu.sent[0].message_id
        await api.call("DELETE", "/im/v1/messages/:message_id", ids=[feishu.sent[0].message_id])
        with pytest.raises(RequestFailed, match="is no id"):
            await api.call("DELETE", "/im/v1/messages/:message_id", ids=[".."])
        for path in ("im/v1/messages", "https://elsewhere.example/", "/im/v1/messages?x=1", "/im/v1#x"):
            with pytest.raises(RequestFailed, match="is no path"):
                await api.call("GET", path)
        feishu.rest.scripts.add(BOT, refused(99991400, "too often", status=400, wait=7))
        with pytest.raises(RateLimited) as caught:
            await api.bot()
        assert caught.value.retry_after == 7


async def test_an_id_of_another_app_is_refused_with_the_reason(autojump_clock: object) -> None:
    async with simulated() as feishu, feishu.open_account() as account:
        other = feishu.config("other")
        stranger = feishu.directory.open_id(other.app_id, feishu.directory.person(other.app_id, "ou_elsewhere"))
        with pytest.raises(RequestFailed, match="belongs to one app") as caught:
            await account.api.send(stranger, "hello")
        assert caught.value.code == "99992361"
