"""Answers on their way: where they stand, how they look, and that each is seen once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from tests.platforms.feishu.house import APP, GROUP, MESSAGES, REPLY, Account, House, open_account, open_house, refused
from trio_bridge.bots.media.markers import Named
from trio_bridge.engine.platform import Outgoing
from trio_bridge.errors import NotSent, OutcomeUnknown, RateLimited, RequestFailed
from trio_bridge.gateways.calls import Answer
from trio_bridge.messages import Attachment, Reply
from trio_bridge.platforms.feishu.gateway.desk import Sent
from trio_bridge.platforms.feishu.sending.courier import Courier
from trio_bridge.platforms.feishu.sending.messenger import uuid_of
from trio_bridge.platforms.feishu.sending.targets import Target, address


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as subject:
        yield subject


@pytest.fixture
async def account(house: House) -> AsyncIterator[Account]:
    async with open_account(house) as subject:
        yield subject


async def said_by_bot(account: Account, **target: Any) -> Target:
    """A message that can be answered: here the bot itself said it."""
    [message_id] = await account.say(Target(id=GROUP), "hello", key="first")
    assert message_id is not None
    return Target(**{"id": GROUP, "group": True, "message": message_id, "sender": "ou_tom", **target})


async def sent(house: House, account: Account, target: Target, text: str = "hi", **reply: Any) -> list[Sent]:
    """What a reply came to."""
    before = len(house.rest.sent)
    await account.say(target, text, **reply)
    return house.rest.sent[before:]


@pytest.mark.parametrize("name", ["oc_other", "ou_tom", "on_tom"])
async def test_an_application_reaches_chats_and_people(
    autojump_clock: trio.abc.Clock, house: House, account: Account, name: str
) -> None:
    [message] = await sent(house, account, address(name))
    assert (message.msg_type, message.text, message.reply_to) == ("text", "hi", "")
    assert house.heard[-1].query == {"receive_id_type": address(name).id_type}


async def test_an_answer_in_a_group_quotes_its_message(
    autojump_clock: trio.abc.Clock, house: House, account: Account
) -> None:
    target = await said_by_bot(account)
    [message] = await sent(house, account, target)
    assert (message.reply_to, message.in_thread) == (target.message, False)


@pytest.mark.parametrize(
    ("quote", "group", "expected"),
    [
        ("groups", True, True),
        ("groups", False, False),
        ("always", True, True),
        ("always", False, True),
        ("never", True, False),
        ("never", False, False),
    ],
)
async def test_answers_quote_where_the_account_wants_it(
    autojump_clock: trio.abc.Clock, house: House, quote: str, group: bool, expected: bool
) -> None:
    async with open_account(house, quote=quote) as account:
        target = await said_by_bot(account, group=group)
        [message] = await sent(house, account, target)
    assert bool(message.reply_to) is expected


async def test_only_the_first_of_several_messages_quotes_and_mentions(
    autojump_clock: trio.abc.Clock, house: House
) -> None:
    async with open_account(house, at_sender=True) as account:
        target = await said_by_bot(account)
        first, *others = await sent(house, account, target, "line\n" * 9000)
    assert first.reply_to == target.message
    assert '<at user_id="ou_tom"></at>' in str(first.content)
    assert others
    assert not any(other.reply_to or "<at" in str(other.content) for other in others)


async def test_nobody_is_mentioned_alone_with_the_bot(autojump_clock: trio.abc.Clock, house: House) -> None:
    async with open_account(house, at_sender=True) as account:
        [message] = await sent(house, account, Target(id="oc_p2p", sender="ou_tom"))
    assert message.text == "hi"


async def test_what_is_said_in_a_thread_is_answered_there(autojump_clock: trio.abc.Clock, house: House) -> None:
    async with open_account(house, quote="never") as account:
        target = await said_by_bot(account, thread="omt_1")
        messages = await sent(house, account, target, "line\n" * 9000)
    assert len(messages) > 1
    assert {(message.reply_to, message.in_thread) for message in messages} == {(target.message, True)}


async def test_answers_may_begin_a_thread(autojump_clock: trio.abc.Clock, house: House) -> None:
    async with open_account(house, reply_in_thread=True, quote="never") as account:
        target = await said_by_bot(account)
        messages = await sent(house, account, target, "line\n" * 9000)
        assert all(message.in_thread for message in messages)
        [alone] = await sent(house, account, Target(id="oc_p2p", message=target.message), key="m/2")
        assert not alone.in_thread
    assert house.rest.repeated == []


@pytest.mark.parametrize("code", [230071, 230072])
async def test_where_no_thread_can_begin_the_answer_quotes(
    autojump_clock: trio.abc.Clock, house: House, code: int
) -> None:
    async with open_account(house, reply_in_thread=True) as account:
        target = await said_by_bot(account)
        house.rest.scripts.add(f"POST {REPLY}", refused(code))
        [message] = await sent(house, account, target)
    assert (message.reply_to, message.in_thread) == (target.message, False)


@pytest.mark.parametrize("code", [230011, 230019, 230050, 230054, 230110, 230111])
async def test_what_can_t_be_answered_any_more_is_answered_without_a_quote(
    autojump_clock: trio.abc.Clock, house: House, account: Account, code: int
) -> None:
    target = await said_by_bot(account)
    house.rest.scripts.add(f"POST {REPLY}", refused(code))
    [message] = await sent(house, account, target)
    assert (message.chat_id, message.reply_to) == (GROUP, "")


async def test_a_recalled_message_is_recalled(autojump_clock: trio.abc.Clock, house: House, account: Account) -> None:
    target = await said_by_bot(account)
    await account.rest.call("DELETE", "/im/v1/messages/:message_id", ids=[target.message])
    house.heard.clear()
    await account.say(target, "hi")
    assert house.routes == [f"POST {MESSAGES}/{target.message}/reply", f"POST {MESSAGES}"]


async def test_without_a_chat_there_is_no_second_way(
    autojump_clock: trio.abc.Clock, house: House, account: Account
) -> None:
    target = await said_by_bot(account, id="")
    house.rest.scripts.add(f"POST {REPLY}", refused(230011))
    with pytest.raises(RequestFailed, match="230011"):
        await account.say(target, "hi")


async def test_markdown_is_a_post_and_words_are_a_text(
    autojump_clock: trio.abc.Clock, house: House, account: Account
) -> None:
    [plain] = await sent(house, account, Target(id=GROUP), "just words", key="a")
    [post] = await sent(house, account, Target(id=GROUP), "# Head\n* item", key="b", title="News")
    assert (plain.msg_type, plain.text) == ("text", "just words")
    assert post.msg_type == "post"
    assert post.content == {"zh_cn": {"title": "News", "content": [[{"tag": "md", "text": "**Head**\n- item"}]]}}


@pytest.mark.parametrize("code", [230001, 230025])
async def test_a_post_that_feishu_can_t_show_goes_as_text(
    autojump_clock: trio.abc.Clock, house: House, account: Account, code: int
) -> None:
    house.rest.scripts.add(f"POST {MESSAGES}", refused(code, "invalid message content"))
    [message] = await sent(house, account, Target(id=GROUP), "**a**\n| b |")
    assert (message.msg_type, message.text) == ("text", "**a**\n| b |")
    house.rest.scripts.add(f"POST {MESSAGES}", refused(code, "invalid receive_id"))
    with pytest.raises(RequestFailed):
        await account.say(Target(id=GROUP), "a text can't be put any simpler", key="m/2")


async def test_a_group_has_its_own_look(autojump_clock: trio.abc.Clock, house: House) -> None:
    async with open_account(house, group_reply_mode="post", groups={"oc_1": {"reply_mode": "text"}}) as account:
        looks = [
            (await sent(house, account, Target(id=chat, group=group), "**hi**", key=chat))[0].msg_type
            for chat, group in (("oc_1", True), ("oc_2", True))
        ]
        [alone] = await sent(house, account, address("ou_tom"), "hi", key="c")
    assert (looks, alone.msg_type) == (["text", "post"], "text")


async def test_an_empty_answer_is_not_sent(autojump_clock: trio.abc.Clock, house: House, account: Account) -> None:
    with pytest.raises(RequestFailed) as raised:
        await account.say(Target(id=GROUP), "  ")
    assert raised.value.code == "empty"
    assert house.heard == []


# Once.


def test_an_uuid_is_short_and_says_which_message_it_is() -> None:
    known = {uuid_of(app, key) for app in (APP, "cli_2") for key in ("m/1", "m/1#1", "m/2", "x" * 999)}
    assert len(known) == 8
    assert all(len(uuid) <= 50 for uuid in known)
    assert uuid_of(APP, "m/1") == "2a4bbbd9-f293-58aa-ac26-dc6e6b8aed1f"


@pytest.mark.parametrize("quoted", [True, False])
async def test_a_message_whose_answer_was_lost_is_seen_once(
    autojump_clock: trio.abc.Clock, house: House, account: Account, quoted: bool
) -> None:
    target = await said_by_bot(account) if quoted else Target(id=GROUP)
    await account.rest.token.get()
    before = len(house.rest.sent)
    house.rest.scripts.swallow(f"POST {REPLY if quoted else MESSAGES}")
    with pytest.raises(OutcomeUnknown):
        await account.say(target, "hi")
    [again] = await account.say(target, "hi")
    assert [message.message_id for message in house.rest.sent[before:]] == [again]
    assert len(house.rest.repeated) == 1


async def test_parts_are_known_apart(autojump_clock: trio.abc.Clock, house: House, account: Account) -> None:
    messages = await sent(house, account, Target(id=GROUP), "line\n" * 9000)
    assert len({message.uuid for message in messages}) == len(messages) > 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(status=502, body="<html>"), OutcomeUnknown),
        (Answer(status=200, body="<html>"), OutcomeUnknown),
        (refused(230049), RateLimited),
        (refused(99991663), None),
        (refused(230002), RequestFailed),
    ],
)
async def test_what_feishu_says_decides_what_follows(
    autojump_clock: trio.abc.Clock, house: House, account: Account, answer: Answer, error: type[Exception] | None
) -> None:
    house.rest.scripts.add(f"POST {MESSAGES}", answer)
    if error is None:
        await account.say(Target(id=GROUP), "hi")
    else:
        with pytest.raises(error):
            await account.say(Target(id=GROUP), "hi")


@pytest.mark.parametrize("quoted", [True, False])
async def test_a_conversation_gets_no_more_than_it_takes(
    autojump_clock: trio.abc.Clock, house: House, quoted: bool
) -> None:
    house.gateway.rules = attrs.evolve(house.gateway.rules, chat_rate=5)
    async with open_account(house) as account:
        target = await said_by_bot(account) if quoted else Target(id=GROUP)
        before = len(house.rest.sent)
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(lambda key: account.say(target, "hi", key=key), f"m/{number}")
    assert len(house.rest.sent) == before + 20
    assert account.rest.standing.throttles == 0


# Files.


async def test_files_follow_the_text(autojump_clock: trio.abc.Clock, house: House, account: Account) -> None:
    target = await said_by_bot(account)
    file = Attachment(Path("/a.pdf"), name="a.pdf")
    messages = await sent(house, account, target, "here", attachments=(file,))
    assert [(message.text, bool(message.reply_to)) for message in messages] == [("here", True), ("<a.pdf>", False)]
    [alone] = await sent(house, account, target, "", attachments=(file,), key="m/2")
    assert (alone.text, bool(alone.reply_to)) == ("<a.pdf>", True)
    assert account.files == [file, file]


async def test_files_that_an_answer_names_are_sent_where_that_is_allowed(
    autojump_clock: trio.abc.Clock, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    said = 'Here: ![plan](/srv/plan.png) and [FEISHU_FILE]{"path": "/srv/a.pdf"}[/FEISHU_FILE]'
    async with open_account(house, media_roots=["/srv"]) as account:
        messages = await sent(house, account, Target(id=GROUP), said)
        assert [message.text for message in messages] == ["Here: and ", "<plan.png>", "<a.pdf>"]
        assert all(isinstance(file, Named) for file in account.files)
    async with open_account(house) as account:
        [message] = await sent(house, account, Target(id=GROUP), said, key="m/2")
        assert message.text == "Here: (file plan.png could not be sent) and (file a.pdf could not be sent)"
    assert [record.getMessage() for record in caplog.records] == ["an answer names files, and media_roots allows none"]


@pytest.mark.parametrize("named", [True, False])
async def test_a_file_that_can_t_be_sent_leaves_a_note_or_fails(
    autojump_clock: trio.abc.Clock, house: House, account: Account, named: bool
) -> None:
    async def refuse(file: Attachment) -> Any:
        raise RequestFailed("too large", code="file")

    courier = Courier(account.config, account.messenger, refuse)
    file = Named(Path("/a.pdf"), name="a.pdf") if named else Attachment(Path("/a.pdf"), name="a.pdf")
    [part] = courier.parts(Reply(attachments=(file,)))
    outgoing = Outgoing(key="m/1", target=Target(id=GROUP).dump(), reply=part)
    if not named:
        with pytest.raises(RequestFailed, match="too large"):
            await courier.send(outgoing)
        return
    await courier.send(outgoing)
    assert [message.text for message in house.rest.sent] == ["(file a.pdf could not be sent)"]


async def test_a_file_waits_like_every_message(autojump_clock: trio.abc.Clock, house: House, account: Account) -> None:
    async def fail(file: Attachment) -> Any:
        raise NotSent("later")

    courier = Courier(account.config, account.messenger, fail)
    [part] = courier.parts(Reply(attachments=(Named(Path("/a.pdf")),)))
    with pytest.raises(NotSent):
        await courier.send(Outgoing(key="m/1", target=Target(id=GROUP).dump(), reply=part))
