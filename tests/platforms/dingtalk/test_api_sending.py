"""What an application sends by ``account.api``: once, with a word on what became of it for each recipient."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

import trio_bridge as tb
from tests.platforms.dingtalk.conftest import lines
from tests.platforms.dingtalk.stage import Stage, simulated
from trio_bridge.dingtalk import ActionCard, DingTalkApi, Image, Kind, Link, Markdown, SendResult, Text
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.dingtalk.codes import SEND_TO_GROUP, SEND_TO_PEOPLE, TOKEN
from trio_bridge.platforms.dingtalk.gateway.recall import FROM_GROUP, FROM_PEOPLE

CLASSES: dict[str, type[tb.BridgeError]] = {
    "throttled": tb.RateLimited,
    "quota": tb.RequestFailed,
    "permission": tb.RequestFailed,
    "bad_target": tb.RequestFailed,
    "bad_request": tb.RequestFailed,
    "partial": tb.BridgeError,
    "unknown_outcome": tb.OutcomeUnknown,
}
NAMED = ("invalid", "limited", "filtered")
THROTTLED = Answer(status=403, body='{"code":"Forbidden.AccessDenied.QpsLimitForAppkeyAndApi","message":"too fast"}')
NO_SCOPE = Answer(
    status=403,
    body='{"code":"Forbidden.AccessDenied.AccessTokenPermissionDenied","requestid":"r-1","message":"no scope",'
    '"accessdenieddetail":{"requiredScopes":["qyapi_robot_sendmsg"]}}',
)


@asynccontextmanager
async def opened(**tuning: Any) -> AsyncIterator[tuple[Stage, DingTalkApi]]:
    """An account at the simulator, and what it can be told to do."""
    async with simulated() as stage, stage.account(**tuning) as account:
        await account.wait_ready()
        yield stage, account.api


def calls(stage: Stage, path: str) -> int:
    return stage.dingtalk.rest.calls[path]


def params(stage: Stage) -> list[dict[str, str]]:
    """The parameters of what was sent, with the kind of message."""
    return [{"key": sent.body["msgKey"], **json.loads(sent.body["msgParam"])} for sent in stage.dingtalk.sent]


# Who gets it.


async def test_a_person_gets_a_text(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        result = await api.send_to_user("staff0001", "hello")
        (sent,) = stage.dingtalk.sent
        assert (sent.via, sent.target, sent.text) == ("direct", "staff0001", "hello")
        (delivered,) = result.delivered
        assert (delivered.recipient, delivered.state, delivered.error) == ("staff0001", "sent", None)
        assert delivered.process_query_key.startswith("pqk-")
        assert result.ok
        assert not result.conversation_id


async def test_forty_five_people_take_three_calls(autojump_clock: trio.abc.Clock) -> None:
    people = [f"Staff{number:04d}" for number in range(45)]
    async with opened() as (stage, api):
        result = await api.send_to_user([*people, people[0]], "hello")
        assert calls(stage, SEND_TO_PEOPLE) == 3
        assert sorted(sent.target for sent in stage.dingtalk.sent) == people
        assert [each.recipient for each in result.delivered] == people
        assert len(result.process_query_keys) == 3
        assert result.ok


async def test_each_person_has_a_fate_of_their_own(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        rest = stage.dingtalk.rest
        rest.invalid_staff.add("gone")
        rest.flow_controlled.add("busy")
        rest.filtered_staff.add("blocked")
        result = await api.send_to_user(["ann", "gone", "busy", "blocked", "$:LWCP_v1:$x", "", "cidX", "bob"], "hi")
        assert [each.state for each in result.delivered] == [
            "sent", "invalid", "limited", "filtered", "invalid", "invalid", "invalid", "sent",
        ]  # fmt: skip
        assert [type(each.error) for each in result.delivered[1:4]] == [
            tb.RequestFailed, tb.RateLimited, tb.RequestFailed,
        ]  # fmt: skip
        assert [sent.target for sent in stage.dingtalk.sent] == ["ann", "bob"]
        assert calls(stage, SEND_TO_PEOPLE) == 1
        assert not result.ok
        with pytest.raises(tb.RequestFailed, match="gone"):
            result.check()


@pytest.mark.parametrize("user_id", ["gone", "$:LWCP_v1:$x", ""])
async def test_what_goes_wrong_for_one_alone_is_raised(autojump_clock: trio.abc.Clock, user_id: str) -> None:
    async with opened() as (stage, api):
        stage.dingtalk.rest.invalid_staff.add("gone")
        with pytest.raises(tb.RequestFailed):
            await api.send_to_user(user_id, "hi")
        assert not stage.dingtalk.sent


async def test_an_outsider_costs_no_call(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        with pytest.raises(tb.RequestFailed, match="staff id"):
            await api.send("user:$:LWCP_v1:$x", "hi")
        assert calls(stage, SEND_TO_PEOPLE) == calls(stage, TOKEN) == 0


async def test_nobody_is_nobody(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (_, api):
        with pytest.raises(tb.RequestFailed, match="nobody"):
            await api.send_to_user([], "hi")


async def test_a_group_gets_a_text(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        result = await api.send_to_group("cidTeam+/=", "hello")
        (sent,) = stage.dingtalk.sent
        assert (sent.via, sent.target, sent.text) == ("group", "cidTeam+/=", "hello")
        assert (result.conversation_id, result.ok, len(result.process_query_keys)) == ("cidTeam+/=", True, 1)


@pytest.mark.parametrize(
    ("target", "via", "reached"),
    [
        ("user:StaffA", "direct", "StaffA"),
        ("dingtalk:user:StaffA", "direct", "StaffA"),
        ("group:cidTeam", "group", "cidTeam"),
        ("ding:chat:cidTeam", "group", "cidTeam"),
        ("dd:cidTeam", "group", "cidTeam"),
        ("cidTeam", "group", "cidTeam"),
        ("StaffA", "direct", "StaffA"),
    ],
)
async def test_a_target_says_who_it_is(autojump_clock: trio.abc.Clock, target: str, via: str, reached: str) -> None:
    async with opened() as (stage, api):
        assert (await api.send(target, "hello", title="T")).ok
        assert [(sent.via, sent.target) for sent in stage.dingtalk.sent] == [(via, reached)]


@pytest.mark.parametrize("target", ["", "group:", "user:", "dingtalk:"])
async def test_a_target_without_a_name_is_refused(autojump_clock: trio.abc.Clock, target: str) -> None:
    async with opened() as (_, api):
        with pytest.raises(tb.RequestFailed):
            await api.send(target, "hello")


# What it says.


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("plain", {"key": "sampleText", "content": "plain"}),
        ("# Head\nand **body**", {"key": "sampleMarkdown", "title": "Head", "text": "# Head\nand **body**"}),
        (tb.Reply("a\nb", title="Mine"), {"key": "sampleMarkdown", "title": "Mine", "text": "a\nb"}),
        (Text("**as it is**\n"), {"key": "sampleText", "content": "**as it is**\n"}),
        (
            Markdown("see\n|a|\n|-|\n|1|"),
            {"key": "sampleMarkdown", "title": "see", "text": "see\n\n|a|\n|-|\n|1|"},
        ),
        (Markdown("plain"), {"key": "sampleMarkdown", "title": "plain", "text": "plain"}),
        (Markdown("***", title=" "), {"key": "sampleMarkdown", "title": "通知", "text": "***"}),
        (
            Link("words", "https://example.com", title="Read"),
            {"key": "sampleLink", "title": "Read", "text": "words", "messageUrl": "https://example.com"},
        ),
        (
            Link("words", "https://example.com", picture_url="https://example.com/p.png"),
            {
                "key": "sampleLink",
                "title": "words",
                "text": "words",
                "messageUrl": "https://example.com",
                "picUrl": "https://example.com/p.png",
            },
        ),
        (
            ActionCard("**choose**", "Open", "https://example.com"),
            {
                "key": "sampleActionCard",
                "title": "choose**",
                "text": "**choose**",
                "singleTitle": "Open",
                "singleURL": "https://example.com",
            },
        ),
        (Image("https://example.com/p.png"), {"key": "sampleImageMsg", "photoURL": "https://example.com/p.png"}),
    ],
)
async def test_every_kind_of_message(
    autojump_clock: trio.abc.Clock, message: str | tb.Reply | Kind, expected: dict[str, str]
) -> None:
    async with opened() as (stage, api):
        await api.send_to_user("ann", message)
        await api.send_to_group("cidTeam", message)
        assert params(stage) == [expected, expected]


async def test_a_title_is_for_texts_that_have_none(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        for message in ("a\nb", Markdown("c"), Markdown("d", title="own"), tb.Reply("e\nf", title="own")):
            await api.send("ann", message, title="given")
        assert [each["title"] for each in params(stage)] == ["given", "given", "own", "own"]


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("", "nothing to send"),
        (" \n ", "nothing to send"),
        (Text(""), "nothing to send"),
        (Markdown("\n"), "nothing to send"),
        (tb.Reply(), "nothing to send"),
        (Image(" "), "photoURL must not be empty"),
        (Link("words", ""), "messageUrl must not be empty"),
        (ActionCard("", "", "https://example.com"), "text, singleTitle must not be empty"),
        (Link("x" * 20_000, "https://example.com"), "more than 15,000 bytes"),
        (tb.Reply("see", attachments=[tb.Attachment(path="a.txt")]), "attachments"),
    ],
)
async def test_what_can_not_be_sent_costs_no_call(
    autojump_clock: trio.abc.Clock, message: str | tb.Reply | Kind, why: str
) -> None:
    async with opened() as (stage, api):
        for send in (api.send_to_user("ann", message), api.send_to_group("cidTeam", message)):
            with pytest.raises(tb.RequestFailed, match=why):
                await send
        assert calls(stage, SEND_TO_PEOPLE) == calls(stage, SEND_TO_GROUP) == 0


@pytest.mark.parametrize("kind", [str, Text, Markdown, tb.Reply])
async def test_a_long_text_is_sent_in_pieces(autojump_clock: trio.abc.Clock, kind: Any) -> None:
    text = "".join(f"line {number} 测试\n" for number in range(100))
    async with opened(chunk_limit=500) as (stage, api):
        result = await api.send_to_group("cidTeam", kind(text))
        assert len(stage.dingtalk.sent) == len(result.process_query_keys) > 2
        assert "".join(sent.text for sent in stage.dingtalk.sent) == text


async def test_a_piece_is_never_longer_than_dingtalk_takes(autojump_clock: trio.abc.Clock) -> None:
    text = "测" * 20_000
    async with opened(chunk_limit=50_000) as (stage, api):
        assert (await api.send_to_group("cidTeam", Markdown(text))).ok
        assert "".join(sent.text for sent in stage.dingtalk.sent) == text
        assert all(len(sent.body["msgParam"].encode()) <= 15_000 for sent in stage.dingtalk.sent)


async def test_lone_surrogates_are_replaced(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        for message in ("a\ud800", Text("a\ud800"), Markdown("a\ud800"), Link("a\ud800", "https://example.com")):
            await api.send_to_user("ann", message)
        assert {sent.text for sent in stage.dingtalk.sent} == {"a\ufffd"}


# What goes wrong.


async def test_after_a_piece_that_failed_nothing_more_is_sent(autojump_clock: trio.abc.Clock) -> None:
    async with opened(chunk_limit=100) as (stage, api):
        fine = Answer(body='{"processQueryKey":"k1"}')
        stage.dingtalk.rest.scripts.add(SEND_TO_GROUP, fine, THROTTLED)
        result = await api.send_to_group("cidTeam", "word " * 100)
        assert calls(stage, SEND_TO_GROUP) == 2
        (delivered,) = result.delivered
        assert (delivered.state, delivered.process_query_keys) == ("failed", ("k1",))
        assert isinstance(delivered.error, tb.RateLimited)


async def test_whoever_did_not_get_a_piece_gets_no_further_one(autojump_clock: trio.abc.Clock) -> None:
    async with opened(chunk_limit=100) as (stage, api):
        stage.dingtalk.rest.invalid_staff.add("gone")
        result = await api.send_to_user(["ann", "gone"], "word " * 50)
        assert [each.state for each in result.delivered] == ["sent", "invalid"]
        assert len(result.delivered[0].process_query_keys) == calls(stage, SEND_TO_PEOPLE) > 2
        assert result.delivered[1].process_query_keys == ()
        users = [sent.body["userIds"] for sent in stage.dingtalk.sent]
        assert users == [["ann", "gone"], *[["ann"]] * (len(users) - 1)]


async def test_a_send_that_may_have_arrived_is_never_made_again(autojump_clock: trio.abc.Clock) -> None:
    async with opened(http_timeout=5.0) as (stage, api):
        scripts = stage.dingtalk.rest.scripts
        scripts.swallow(SEND_TO_PEOPLE)
        with pytest.raises(tb.OutcomeUnknown):
            await api.send_to_user("ann", "hi")
        scripts.hang(SEND_TO_PEOPLE, carried_out=True)
        result = await api.send_to_user([f"p{number}" for number in range(30)], "hi")
        assert [each.state for each in result.delivered] == ["unknown"] * 20 + ["sent"] * 10
        assert isinstance(result.error, tb.OutcomeUnknown)
        assert calls(stage, SEND_TO_PEOPLE) == 3
        scripts.add(SEND_TO_PEOPLE, Answer(status=504))
        result = await api.send_to_user([f"p{number}" for number in range(30)], "hi")
        assert [each.state for each in result.delivered] == ["unknown"] * 20 + ["sent"] * 10


@pytest.mark.parametrize("answer", [THROTTLED, NO_SCOPE], ids=["throttled", "no scope"])
async def test_what_would_meet_everybody_ends_the_send(autojump_clock: trio.abc.Clock, answer: Answer) -> None:
    async with opened() as (stage, api):
        stage.dingtalk.rest.scripts.add(SEND_TO_PEOPLE, answer)
        result = await api.send_to_user([f"p{number}" for number in range(30)], "hi")
        assert {each.state for each in result.delivered} == {"failed"}
        assert calls(stage, SEND_TO_PEOPLE) == 1


async def test_without_a_token_nobody_else_is_tried(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        stage.dingtalk.rest.scripts.add(TOKEN, Answer(status=401))
        result = await api.send_to_user([f"p{number}" for number in range(30)], "hi")
        assert {each.state for each in result.delivered} == {"failed"}
        assert isinstance(result.error, tb.AccountRefused)
        assert (calls(stage, TOKEN), calls(stage, SEND_TO_PEOPLE)) == (1, 0)


async def test_when_nobody_is_left_nothing_more_is_sent(autojump_clock: trio.abc.Clock) -> None:
    async with opened(chunk_limit=100) as (stage, api):
        stage.dingtalk.rest.invalid_staff |= {"gone", "left"}
        result = await api.send_to_user(["gone", "left"], "word " * 50)
        assert [each.state for each in result.delivered] == ["invalid", "invalid"]
        assert calls(stage, SEND_TO_PEOPLE) == 1


async def test_a_batch_that_is_refused_for_its_people_is_the_only_one(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        stage.dingtalk.rest.scripts.add(SEND_TO_PEOPLE, Answer(status=400, body='{"code":"staffId.notExisted"}'))
        result = await api.send_to_user([f"p{number}" for number in range(30)], "hi")
        assert [each.state for each in result.delivered] == ["failed"] * 20 + ["sent"] * 10


async def test_a_missing_scope_is_named(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        stage.dingtalk.rest.scripts.add(SEND_TO_GROUP, NO_SCOPE)
        with pytest.raises(tb.RequestFailed, match=r"no scope .*qyapi_robot_sendmsg") as caught:
            await api.send_to_group("cidTeam", "hi")
        assert caught.value.details == ["qyapi_robot_sendmsg"]
        assert caught.value.payload is not None
        assert caught.value.payload["requestid"] == "r-1"


async def test_every_recorded_answer_to_a_send_is_of_its_class(
    autojump_clock: trio.abc.Clock, replies: dict[str, Answer]
) -> None:
    async with opened() as (stage, api):
        for row in lines("rest_cases.jsonl"):
            path, category = row["path"], row["expect"]["category"]
            if path not in (SEND_TO_PEOPLE, SEND_TO_GROUP):
                continue
            stage.dingtalk.rest.scripts.add(path, replies[row["name"]])
            target = "cidTeam" if path == SEND_TO_GROUP else "staff0001"
            if category in ("ok", "refresh_token"):
                assert (await api.send(target, "hi")).ok, row["name"]
                continue
            # Of the people that these answers name, none is the one who was written to.
            if category == "partial":
                target = next(names[0] for names in map(row["expect"].get, NAMED) if names)
            with pytest.raises(CLASSES[category]):
                await api.send(target, "hi")
            if row["name"] == "ip_banned_html":
                assert api.status().banned_for == 300
            await trio.sleep(301)


# The rate.


async def test_sends_keep_to_the_rate_of_each_api(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        begun = trio.current_time()
        async with trio.open_nursery() as nursery:
            for _ in range(41):
                nursery.start_soon(api.send_to_group, "cidTeam", "hi")
                nursery.start_soon(api.send_to_user, "ann", "hi")
        for via in ("group", "direct"):
            times = [sent.at - begun for sent in stage.dingtalk.sent if sent.via == via]
            assert times[-1] == pytest.approx(2.0)
            assert all(late - early > 0.99 for early, late in zip(times, times[20:], strict=False))


async def test_direct_sends_and_replies_share_the_rate(autojump_clock: trio.abc.Clock) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        begun = trio.current_time()
        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(account.send, f"cid{number}", "hi")
                nursery.start_soon(account.api.send_to_group, f"cid{number}", "hi")
        await stage.dingtalk.wait_until(lambda: len(stage.dingtalk.sent) == 20)
        assert stage.dingtalk.sent[-1].at - begun == pytest.approx(0.95)


async def test_after_being_throttled_others_wait_too(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        stage.dingtalk.rest.scripts.add(SEND_TO_GROUP, THROTTLED)
        with pytest.raises(tb.RateLimited) as caught:
            await api.send_to_group("cidTeam", "one too many")
        assert caught.value.retry_after == 1
        begun = trio.current_time()
        await api.send_to_group("cidTeam", "hi")
        assert trio.current_time() - begun == pytest.approx(1)


# Taking back.


async def test_what_was_sent_is_taken_back(autojump_clock: trio.abc.Clock) -> None:
    async with opened(chunk_limit=100) as (stage, api):
        to_people = await api.send_to_user([f"p{number}" for number in range(30)], "word " * 50)
        to_group = await api.send_to_group("cidTeam", "hi")
        people, group = await api.recall(to_people), await api.recall(to_group)
        assert people.recalled == to_people.process_query_keys
        assert group.recalled == to_group.process_query_keys
        assert people.ok
        assert [message.group for message in stage.dingtalk.rest.recalls.recalled][-1] == "cidTeam"
        assert len(stage.dingtalk.rest.recalls.recalled) == len(people.recalled) + 1


async def test_what_can_not_be_taken_back_is_told(
    autojump_clock: trio.abc.Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_bridge.platforms.dingtalk.gateway.recall.LIFE", 86.4)
    async with opened() as (_, api):
        old = await api.send_to_user("ann", "old")
        await trio.sleep(83)
        new = await api.send_to_user("ann", "new")
        await trio.sleep(4)
        keys = [*old.process_query_keys, *new.process_query_keys, "unheard-of"]
        result = await api.recall(keys)
        assert result.recalled == new.process_query_keys
        assert result.failed == {keys[0]: "more than 24 hours old", "unheard-of": "no such message"}
        assert not result.ok


async def test_keys_of_a_group_need_the_group(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (_, api):
        (key,) = (await api.send_to_group("cidTeam", "hi")).process_query_keys
        assert not (await api.recall(key)).ok
        assert not (await api.recall(key, conversation_id="cidOther")).ok
        assert (await api.recall(key, conversation_id="cidTeam")).recalled == (key,)


async def test_many_keys_take_calls_of_twenty(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        result = await api.recall(f"key{number}" for number in range(45))
        assert (len(result.failed), calls(stage, FROM_PEOPLE)) == (45, 3)
        assert (await api.recall(SendResult(delivered=()))).ok
        assert calls(stage, FROM_PEOPLE) == 3


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (NO_SCOPE, tb.RequestFailed),
        (THROTTLED, tb.RateLimited),
        (Answer(status=504), tb.OutcomeUnknown),
        (Answer(ending="swallow"), tb.OutcomeUnknown),
    ],
)
async def test_a_recall_that_fails_as_a_whole_raises(
    autojump_clock: trio.abc.Clock, answer: Answer, error: type[tb.BridgeError]
) -> None:
    async with opened() as (stage, api):
        stage.dingtalk.rest.scripts.add(FROM_GROUP, answer)
        with pytest.raises(error):
            await api.recall(["k"], conversation_id="cidTeam")


@pytest.mark.parametrize("body", ['{"successResult":"k","failedResult":[1]}', "{}", '{"failedResult":{"k":{}}}'])
async def test_a_strange_answer_to_a_recall_is_no_success(autojump_clock: trio.abc.Clock, body: str) -> None:
    async with opened() as (stage, api):
        stage.dingtalk.rest.scripts.add(FROM_PEOPLE, Answer(body=body))
        assert (await api.recall("k")).failed == {"k": "no reason was given"}
