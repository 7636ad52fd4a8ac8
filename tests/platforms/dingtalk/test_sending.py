"""How answers get to DingTalk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio

from tests.bots.media import PDF, PNG
from tests.platforms.dingtalk.cloud import CLIENT_ID, Cloud, Desk, in_group, open_desk
from trio_bridge.errors import AccountRefused, NotSent, OutcomeUnknown, RateLimited, RequestFailed
from trio_bridge.gateways.calls import Answer
from trio_bridge.messages import Attachment, Reply
from trio_bridge.platforms.dingtalk.codes import SEND_TO_GROUP, SEND_TO_PEOPLE, TOKEN, WEBHOOK

PEOPLE, GROUP = SEND_TO_PEOPLE, SEND_TO_GROUP


async def test_an_answer_goes_through_the_session_webhook(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    assert await desk.answer(desk.cloud.say(), "pong") == [None]
    assert desk.cloud.bodies(WEBHOOK) == [{"msgtype": "text", "text": {"content": "pong"}}]
    assert desk.cloud.rest.calls == {WEBHOOK: 1}
    assert not desk.cloud.gateway.ledger.faults


async def test_a_webhook_never_sees_the_access_token(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    await desk.answer(desk.cloud.say(sessionWebhook=None), "by the API: from here on there is a token")
    await desk.answer(desk.cloud.say(), "pong")
    headers = {request.path: request.headers for request in desk.cloud.requests}
    token = headers[PEOPLE]["x-acs-dingtalk-access-token"]
    assert token not in headers[WEBHOOK].values()


async def test_markdown_has_a_title(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    await desk.answer(desk.cloud.say(), "## Results\n**two**")
    assert desk.cloud.bodies(WEBHOOK) == [
        {"msgtype": "markdown", "markdown": {"title": "Results", "text": "## Results\n**two**"}}
    ]


@pytest.mark.parametrize(
    ("mode", "text", "msgtype"),
    [("text", "**a**\nb", "text"), ("markdown", "a", "markdown"), ("auto", "a", "text"), ("auto", "a\nb", "markdown")],
)
async def test_the_mode_decides_how_text_is_shown(
    autojump_clock: trio.abc.Clock, cloud: Cloud, mode: str, text: str, msgtype: str
) -> None:
    async with open_desk(cloud, reply_mode=mode) as desk:
        await desk.answer(cloud.say(), text)
    assert [body["msgtype"] for body in cloud.bodies(WEBHOOK)] == [msgtype]


async def test_without_a_webhook_a_person_gets_it_by_the_api(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    (sent_id,) = await desk.answer(desk.cloud.say(sessionWebhook=None), "pong", title="T")
    assert sent_id is not None
    assert sent_id.startswith("pqk-")
    (body,) = desk.cloud.bodies(PEOPLE)
    assert body == {
        "robotCode": CLIENT_ID,
        "userIds": ["staff0001"],
        "msgKey": "sampleText",
        "msgParam": '{"content":"pong"}',
    }


async def test_without_a_webhook_a_group_gets_it_by_the_api(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    await desk.answer(desk.cloud.say(sessionWebhook=None, **in_group()), "line\nline", title="T")
    (body,) = desk.cloud.bodies(GROUP)
    assert body == {
        "robotCode": CLIENT_ID,
        "openConversationId": "cidGROUP",
        "msgKey": "sampleMarkdown",
        "msgParam": '{"title":"T","text":"line\\nline"}',
    }


async def test_an_application_names_a_conversation(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    await desk.send(desk.platform.target_for("staff0009"), "hi")
    await desk.send(desk.platform.target_for("group:cidOTHER"), "hi")
    assert [(sent.via, sent.target) for sent in desk.cloud.rest.sent] == [
        ("direct", "staff0009"),
        ("group", "cidOTHER"),
    ]


async def test_a_webhook_that_ended_is_not_called(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    data = desk.cloud.say()
    await trio.sleep(5400 - 59)
    await desk.answer(data, "late")
    assert desk.cloud.rest.calls == {TOKEN: 1, PEOPLE: 1}


async def test_a_webhook_out_of_reach_is_replaced_by_the_api(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    data = desk.cloud.say(sessionWebhook="http://127.0.0.1:9/robot/sendBySession?session=s1")
    await desk.answer(data, "pong")
    assert desk.cloud.rest.calls == {TOKEN: 1, PEOPLE: 1}
    with pytest.raises(NotSent):
        await desk.answer({**data, "senderStaffId": ""}, "pong")


async def test_beyond_twenty_a_minute_the_api_takes_over(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    data = desk.cloud.say()
    for number in range(22):
        await desk.answer(data, f"{number}")
    assert (desk.cloud.rest.calls[WEBHOOK], desk.cloud.rest.calls[PEOPLE]) == (20, 2)
    with pytest.raises(RateLimited) as caught:
        await desk.answer({**data, "senderStaffId": ""}, "for somebody without a staff id")
    assert caught.value.retry_after == pytest.approx(60, abs=0.1)
    await trio.sleep(60)
    await desk.answer(data, "again")
    assert desk.cloud.rest.calls[WEBHOOK] == 21


async def test_a_webhook_that_counted_more_rests_for_a_minute(
    autojump_clock: trio.abc.Clock, desk: Desk, replies: dict[str, Answer]
) -> None:
    data = desk.cloud.say()
    desk.cloud.rest.scripts.add(WEBHOOK, replies["webhook_too_fast"])
    await desk.answer(data, "one")
    await desk.answer(data, "two")
    assert (desk.cloud.rest.calls[WEBHOOK], desk.cloud.rest.calls[PEOPLE]) == (1, 2)


async def test_the_asker_is_mentioned_once_in_groups(autojump_clock: trio.abc.Clock, cloud: Cloud) -> None:
    async with open_desk(cloud, chunk_limit=100) as desk:
        await desk.answer(cloud.say(**in_group()), "pong")
        await desk.answer(cloud.say(**in_group()), "**long** " * 15)
        await desk.answer(cloud.say(), "pong")
        await desk.answer(cloud.say(**in_group(senderStaffId="")), "pong")
    plain, first, second, direct, outsider = cloud.bodies(WEBHOOK)
    at = {"atUserIds": ["staff0001"], "isAtAll": False}
    assert plain == {"msgtype": "text", "text": {"content": "@staff0001 pong"}, "at": at}
    assert first["markdown"]["text"].startswith("@staff0001\n\n**long**")
    assert first["markdown"]["title"].startswith("long")
    assert first["at"] == at
    assert "at" not in second
    assert "staff0001" not in second["markdown"]["text"]
    assert "at" not in direct
    assert "at" not in outsider
    assert not cloud.gateway.ledger.faults


async def test_nobody_is_mentioned_if_told_so(autojump_clock: trio.abc.Clock, cloud: Cloud) -> None:
    async with open_desk(cloud, at_sender=False) as desk:
        await desk.answer(cloud.say(**in_group()), "pong")
    assert cloud.bodies(WEBHOOK) == [{"msgtype": "text", "text": {"content": "pong"}}]


async def test_a_long_answer_is_several_messages(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    text = "一" * 9000
    await desk.answer(desk.cloud.say(sessionWebhook=None), text)
    params = [json.loads(body["msgParam"])["content"] for body in desk.cloud.bodies(PEOPLE)]
    assert len(params) == 3
    assert "".join(params) == text
    assert max(len(param) for param in params) <= 4000


async def test_pieces_without_a_word_are_not_sent(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    await desk.answer(desk.cloud.say(), "one" + "\n" * 9000 + "two")
    assert [body["markdown"]["text"].strip() for body in desk.cloud.bodies(WEBHOOK)] == ["one", "two"]


async def test_tables_are_set_apart_in_markdown_only(autojump_clock: trio.abc.Clock, cloud: Cloud) -> None:
    table = "Look:\n| a |\n|---|"
    for mode, expected in (("auto", "Look:\n\n| a |\n|---|"), ("text", table)):
        async with open_desk(cloud, reply_mode=mode) as desk:
            (part,) = desk.platform.parts(Reply(table))
            assert part.text == expected


@pytest.mark.parametrize("text", ["", " \n "])
async def test_nothing_is_not_sent(autojump_clock: trio.abc.Clock, desk: Desk, text: str) -> None:
    with pytest.raises(RequestFailed, match="nothing to send"):
        await desk.answer(desk.cloud.say(), text)
    assert not desk.cloud.requests


async def test_files_go_after_the_text_by_the_api(autojump_clock: trio.abc.Clock, desk: Desk, tmp_path: Path) -> None:
    for name, content in (("a.png", PNG), ("b.pdf", PDF)):
        (tmp_path / name).write_bytes(content)
    files = [Attachment(tmp_path / "a.png", "image"), Attachment(tmp_path / "b.pdf", name="report.pdf")]
    assert len(await desk.answer(desk.cloud.say(), "see", attachments=files)) == 3
    await desk.answer(desk.cloud.say(**in_group()), "", attachments=files[:1])
    assert [(sent.via, sent.target, sent.text) for sent in desk.cloud.rest.sent] == [
        ("webhook", "s1", "see"),
        ("direct", "staff0001", "[image a.png]"),
        ("direct", "staff0001", "[file report.pdf]"),
        ("group", "cidGROUP", "[image a.png]"),
    ]
    assert {body["robotCode"] for body in [*desk.cloud.bodies(PEOPLE), *desk.cloud.bodies(GROUP)]} == {CLIENT_ID}


async def test_the_parts_of_a_reply_do_not_depend_on_its_files(autojump_clock: trio.abc.Clock, cloud: Cloud) -> None:
    reply = Reply("one\n![x](/srv/x.png)\ntwo", [Attachment("/srv/y.pdf")])
    async with open_desk(cloud, media_roots=["/srv"]) as desk:
        parts = desk.platform.parts(reply)
        assert desk.platform.parts(reply) == parts
    assert [(part.text, [str(file.path) for file in part.attachments]) for part in parts] == [
        ("one\ntwo", []),
        ("", ["/srv/x.png"]),
        ("", ["/srv/y.pdf"]),
    ]


async def test_an_answer_may_name_files_below_the_roots(
    autojump_clock: trio.abc.Clock, cloud: Cloud, tmp_path: Path
) -> None:
    (tmp_path / "x.png").write_bytes(PNG)
    async with open_desk(cloud, media_roots=[tmp_path]) as desk:
        await desk.answer(cloud.say(), f"![x]({tmp_path}/x.png) ![h](/etc/hostname) ![n]({tmp_path}/n.png) end")
    assert [(sent.via, sent.text) for sent in cloud.rest.sent] == [
        ("webhook", "end"),
        ("direct", "[image x.png]"),
        ("webhook", "(file hostname could not be sent)"),
        ("webhook", "(file n.png could not be sent)"),
    ]


async def test_without_roots_no_file_of_an_answer_is_touched(
    autojump_clock: trio.abc.Clock, desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "x.png").write_bytes(PNG)
    await desk.answer(desk.cloud.say(), f"See ![x]({tmp_path}/x.png)")
    assert [sent.text for sent in desk.cloud.rest.sent] == ["See (file x.png could not be sent)"]
    assert not desk.cloud.rest.media.uploaded
    assert "an answer names files, and media_roots allows none" in caplog.text


async def test_a_refused_file_of_an_answer_is_told_to_people_by_name_and_to_the_log_by_path(
    autojump_clock: trio.abc.Clock, cloud: Cloud, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "notes.txt").write_bytes(b"hello")
    async with open_desk(cloud, media_roots=[tmp_path]) as desk:
        marker = f'[DINGTALK_FILE]{{"path": "{tmp_path}/notes.txt"}}[/DINGTALK_FILE]'
        await desk.answer(cloud.say(sessionWebhook=None), f"{marker} end")
    assert [sent.text for sent in cloud.rest.sent] == ["end", "(file notes.txt could not be sent)"]
    [record] = caplog.records
    assert record.path == str(tmp_path / "notes.txt")  # type: ignore[attr-defined]
    assert "40004" in record.reason  # type: ignore[attr-defined]


async def test_outsiders_get_the_text_and_no_file(autojump_clock: trio.abc.Clock, cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(PNG)
    async with open_desk(cloud, media_roots=[tmp_path]) as desk:
        with pytest.raises(RequestFailed) as caught:
            await desk.answer(cloud.say(senderStaffId=""), "see", attachments=[Attachment(tmp_path / "x.png")])
        await desk.answer(cloud.say(senderStaffId=""), f"![x]({tmp_path}/x.png) end")
    assert caught.value.code == "staffId.missing"
    assert [sent.text for sent in cloud.rest.sent] == ["see", "end", "(file x.png could not be sent)"]
    assert not cloud.rest.media.uploaded


async def test_other_robots_are_mentioned_by_their_names(autojump_clock: trio.abc.Clock, cloud: Cloud) -> None:
    async with open_desk(cloud, mention_aliases={"helper": "$:LWCP_v1:$helper"}) as desk:
        await desk.answer(cloud.say(**in_group()), "@helper please")
        await desk.answer(cloud.say(), "**@helper**")
        await desk.answer(cloud.say(sessionWebhook=None), "@helper please")
    first, second = cloud.bodies(WEBHOOK)
    assert first == {
        "msgtype": "text",
        "text": {"content": "@staff0001 @$:LWCP_v1:$helper please"},
        "at": {"atUserIds": ["staff0001"], "atDingtalkIds": ["$:LWCP_v1:$helper"], "isAtAll": False},
    }
    assert second["markdown"]["text"] == "**@$:LWCP_v1:$helper**"
    assert second["at"] == {"atDingtalkIds": ["$:LWCP_v1:$helper"], "isAtAll": False}
    assert json.loads(cloud.bodies(PEOPLE)[0]["msgParam"]) == {"content": "@helper please"}
    assert not cloud.gateway.ledger.faults


async def test_a_lone_surrogate_in_an_answer_is_replaced(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    await desk.answer(desk.cloud.say(), "**\ud83d** end", title="\ud83d")
    assert desk.cloud.bodies(WEBHOOK)[0]["markdown"] == {"title": "\ufffd", "text": "**\ufffd** end"}


@pytest.mark.parametrize(
    ("reply", "error", "code"),
    [
        ("batchsend_invalid_user", RequestFailed, "invalidStaffIdList"),
        ("batchsend_filtered", RequestFailed, "filteredStaffIdList"),
        ("batchsend_flow_controlled", RateLimited, None),
        ("batchsend_staff_not_existed", RequestFailed, "staffId.notExisted"),
        ("send_robot_not_exist", RequestFailed, "invalidParameter.robotCode.notExsit"),
        ("send_bad_msgkey", RequestFailed, "invalidParameter.msgKey.invalid"),
        ("ip_not_whitelisted", RequestFailed, "Forbidden.AccessDenied.IpNotInWhiteList"),
        ("permission_missing", RequestFailed, "Forbidden.AccessDenied.AccessTokenPermissionDenied"),
        ("quota_month", RequestFailed, "Forbidden.AccessDenied.ApiCountLimitForOrg"),
        ("card_content_unsafe", RequestFailed, "param.contentUnsafe"),
        ("stream_too_large", RequestFailed, "param.stream.content"),
        ("card_not_exist_put", RequestFailed, "param.cardNotExist"),
        ("card_already_exists", RequestFailed, "param.cardAlreadyExist"),
        ("webhook_session_gone", RequestFailed, "300001"),
        ("qps_app", RateLimited, None),
        ("qps_global", RateLimited, None),
        ("ip_banned_html", RateLimited, None),
        ("card_busy", RateLimited, None),
        ("open_503", RateLimited, None),
        ("gateway_timeout", OutcomeUnknown, None),
        ("not_json_200", OutcomeUnknown, None),
        ("batchsend_200_without_key", OutcomeUnknown, None),
    ],
)
async def test_every_answer_of_the_api_says_what_to_do_next(
    autojump_clock: trio.abc.Clock,
    desk: Desk,
    replies: dict[str, Answer],
    reply: str,
    error: type[Exception],
    code: str | None,
) -> None:
    desk.cloud.rest.scripts.add(PEOPLE, replies[reply])
    with pytest.raises(error) as caught:
        await desk.answer(desk.cloud.say(sessionWebhook=None), "pong")
    assert type(caught.value) is error
    if code is not None:
        assert caught.value.code == code  # type: ignore[attr-defined]
    assert desk.cloud.rest.calls[PEOPLE] == 1


async def test_missing_permissions_are_named(
    autojump_clock: trio.abc.Clock, desk: Desk, replies: dict[str, Answer]
) -> None:
    desk.cloud.rest.scripts.add(PEOPLE, replies["permission_missing"])
    with pytest.raises(RequestFailed, match=r"missing: Card\.Instance\.Write") as caught:
        await desk.answer(desk.cloud.say(sessionWebhook=None), "pong")
    assert caught.value.details == ["Card.Instance.Write"]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ("webhook_generic_error", RequestFailed),
        ("gateway_timeout", OutcomeUnknown),
        ("not_json_200", OutcomeUnknown),
        ("open_503", RateLimited),
    ],
)
async def test_every_answer_of_a_webhook_says_what_to_do_next(
    autojump_clock: trio.abc.Clock, desk: Desk, replies: dict[str, Answer], reply: str, error: type[Exception]
) -> None:
    desk.cloud.rest.scripts.add(WEBHOOK, replies[reply])
    with pytest.raises(error):
        await desk.answer(desk.cloud.say(), "pong")
    assert desk.cloud.rest.calls == {WEBHOOK: 1}


async def test_an_answer_that_never_comes_leaves_the_outcome_unknown(
    autojump_clock: trio.abc.Clock, cloud: Cloud
) -> None:
    cloud.rest.scripts.hang(WEBHOOK)
    async with open_desk(cloud, http_timeout=7) as desk:
        began = trio.current_time()
        with pytest.raises(OutcomeUnknown):
            await desk.answer(cloud.say(), "pong")
    assert trio.current_time() - began == 7
    assert cloud.rest.calls == {WEBHOOK: 1}


async def test_wrong_credentials_are_the_accounts_trouble(autojump_clock: trio.abc.Clock, cloud: Cloud) -> None:
    async with open_desk(cloud, client_secret="revoked") as desk:
        with pytest.raises(AccountRefused) as caught:
            await desk.answer(cloud.say(sessionWebhook=None), "pong")
    assert (caught.value.kind, caught.value.code) == ("auth", "authFailed")


async def test_an_unreachable_api_leaves_it_unsent(autojump_clock: trio.abc.Clock, cloud: Cloud) -> None:
    async with open_desk(cloud, endpoint="http://127.0.0.1:9") as desk:
        with pytest.raises(NotSent):
            await desk.answer(cloud.say(sessionWebhook=None), "pong")
