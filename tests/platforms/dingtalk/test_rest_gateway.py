import json

import pytest

from trio_bridge.gateways.calls import Answer, Call, Script
from trio_bridge.platforms.dingtalk.gateway.frames import ROBOT, encode, letter_of
from trio_bridge.platforms.dingtalk.gateway.gateway import Gateway
from trio_bridge.platforms.dingtalk.gateway.model import Rules
from trio_bridge.platforms.dingtalk.gateway.rest import DIRECT, GROUP, OLD_TOKEN, OPEN, TOKEN, WEBHOOK, RestGateway

APP, SECRET = "dingexampleappkey0001", "example-secret"
OTHER = "dingexampleappkey0002"
TEXT = {"msgtype": "text", "text": {"content": "pong"}, "at": {"atUserIds": ["staff0001"], "isAtAll": False}}
URL = "ws://127.0.0.1:8080/connect"


@pytest.fixture
def rest():
    gateway = Gateway()
    gateway.add_app(APP, SECRET)
    gateway.add_app(OTHER, SECRET)
    return RestGateway(gateway, URL)


def post(rest, path, body, now=0.0, **more):
    answer = rest.answer(Call(method="POST", path=path, body=encode(body).encode(), **more), now)
    return answer.status, json.loads(answer.body)


def token(rest, client_id=APP, now=0.0):
    return post(rest, TOKEN, {"appKey": client_id, "appSecret": SECRET}, now)[1]["accessToken"]


def send(rest, path, now=0.0, *, token, **changes):
    where = {"userIds": ["staff0001"]} if path == DIRECT else {"openConversationId": "cidGROUP"}
    body = {"robotCode": APP, **where, "msgKey": "sampleText", "msgParam": '{"content":"hi"}', **changes}
    return post(rest, path, body, now, headers={"x-acs-dingtalk-access-token": token})


def say(rest, number=1, now=0.0, *, group=False):
    """A message that was delivered to the app."""
    gateway = rest.gateway
    if not gateway.connections(APP):
        call = {"clientId": APP, "clientSecret": SECRET, "subscriptions": [{"type": "CALLBACK", "topic": ROBOT}]}
        gateway.upgrade(gateway.open(call, now), now)
    data = {
        "msgId": f"msg{number}",
        "conversationId": "cidGROUP" if group else "cidDM",
        "conversationType": "2" if group else "1",
        "senderStaffId": "staff0001",
        "sessionWebhook": f"http://127.0.0.1:8080/robot/sendBySession?session=s{number}",
    }
    return gateway.push(APP, letter_of(data), now)


def webhook(rest, body=TEXT, now=0.0, *, session="s1", **more):
    return post(rest, WEBHOOK, body, now, query={"session": session}, **more)


# Open.


def open_call(rest, body, accept="application/json"):
    return rest.answer(Call(method="POST", path=OPEN, headers={"accept": accept}, body=encode(body).encode()), 3)


def test_the_open_call_gives_the_endpoint_and_a_ticket(rest):
    body = {"clientId": APP, "clientSecret": SECRET, "subscriptions": []}
    answer = open_call(rest, body)
    reply = json.loads(answer.body)
    assert (answer.status, reply["endpoint"]) == (200, URL)
    assert rest.gateway.upgrade(reply["ticket"], 3).client_id == APP
    (call,) = rest.open_calls
    assert (call.at, call.client_id, call.status, call.body) == (3, APP, 200, body)
    assert SECRET not in repr(call)


def test_a_refusal_names_code_and_request(rest):
    answer = open_call(rest, {"clientId": APP, "clientSecret": "wrong", "subscriptions": []})
    error = json.loads(answer.body)
    assert answer.status == 401
    assert (error["code"], error["message"]) == ("authFailed", "鉴权失败")
    assert error["requestid"]
    assert [call.status for call in rest.open_calls] == [401]


def test_without_accept_the_reply_is_xml(rest):
    answer = open_call(rest, {"clientId": APP, "clientSecret": SECRET, "subscriptions": []}, accept="*/*")
    assert answer.content_type == "text/xml"
    assert URL in answer.body


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[" * 100_000, b"\xff"])
@pytest.mark.parametrize("path", [OPEN, TOKEN])
def test_a_body_that_is_no_object_is_a_bad_request(rest, path, body):
    assert rest.answer(Call(method="POST", path=path, body=body), 0).status == 400


@pytest.mark.parametrize(("method", "path"), [("GET", OPEN), ("POST", "/v1.0/unheard/of")])
def test_what_is_not_simulated_says_so(rest, method, path):
    answer = rest.answer(Call(method=method, path=path), 0)
    assert answer.status == 404
    assert "not simulated" in answer.body


# Tokens.


def test_tokens_are_counted_and_expire_with_400(rest):
    granted = token(rest, now=0)
    assert rest.calls[TOKEN] == 1
    assert send(rest, DIRECT, 7199, token=granted)[0] == 200
    status, error = send(rest, DIRECT, 7200, token=granted)
    assert (status, error["code"]) == (400, "InvalidAuthentication")


def test_tokens_can_be_made_invalid_for_one_app(rest):
    ours, theirs = token(rest), token(rest, OTHER)
    rest.expire_tokens(APP)
    assert send(rest, DIRECT, token=ours)[0] == 400
    assert send(rest, DIRECT, token=theirs, robotCode=OTHER)[0] == 200
    rest.expire_tokens()
    assert send(rest, DIRECT, token=theirs, robotCode=OTHER)[0] == 400


def test_a_wrong_secret_gets_no_token(rest):
    assert post(rest, TOKEN, {"appKey": APP, "appSecret": "wrong"})[0] == 401
    old = Call(method="GET", path=OLD_TOKEN, query={"appkey": APP, "appsecret": "wrong"})
    assert json.loads(rest.answer(old, 0).body)["errcode"] == 40096


def test_the_older_token_call(rest):
    call = Call(method="GET", path=OLD_TOKEN, query={"appkey": APP, "appsecret": SECRET})
    reply = json.loads(rest.answer(call, 0).body)
    assert (reply["errcode"], reply["expires_in"]) == (0, 7200)
    assert send(rest, DIRECT, token=reply["access_token"])[0] == 200


@pytest.mark.parametrize("bad", ["", "unheard-of"])
@pytest.mark.parametrize("path", [DIRECT, GROUP])
def test_a_send_needs_a_token(rest, path, bad):
    status, error = send(rest, path, token=bad)
    assert (status, error["code"]) == (400, "InvalidAuthentication")
    assert rest.sent == []


def test_a_token_dies_with_its_app(rest):
    granted = token(rest)
    rest.gateway.remove_app(APP)
    assert send(rest, DIRECT, token=granted)[0] == 400


# Session webhooks.


def test_a_webhook_reply_belongs_to_its_message(rest):
    pushed = say(rest)
    assert webhook(rest, now=5) == (200, {"errcode": 0, "errmsg": "ok"})
    (sent,) = rest.sent
    assert (sent.via, sent.client_id, sent.text, sent.answers, sent.body) == ("webhook", APP, "pong", pushed, TEXT)
    (reply,) = rest.gateway.ledger.record(pushed).replies
    assert (reply.at, reply.via, reply.text) == (5, "webhook", "pong")


def test_a_session_is_gone_when_unknown_expired_or_made_so(rest):
    say(rest, 1, now=0)
    gone = (200, {"errcode": 300001, "errmsg": "session 不存在"})
    assert webhook(rest, session="unheard-of") == gone
    assert webhook(rest, now=5399)[1]["errcode"] == 0
    assert webhook(rest, now=5400) == gone
    say(rest, 2, now=6000)
    rest.expire_sessions()
    say(rest, 3, now=6000)
    assert webhook(rest, session="s2", now=6000) == gone
    assert webhook(rest, session="s3", now=6000)[1]["errcode"] == 0
    assert len(rest.sent) == 2


def test_a_session_takes_twenty_messages_a_minute(rest):
    say(rest)
    say(rest, 2)
    codes = [webhook(rest, now=n)[1]["errcode"] for n in range(21)]
    assert codes == [0] * 20 + [130101]
    assert webhook(rest, now=30, session="s2")[1]["errcode"] == 0
    assert webhook(rest, now=59.9)[1]["errcode"] == 130101
    assert webhook(rest, now=60)[1]["errcode"] == 0
    rest.gateway.rules = Rules(webhook_limit=None)
    assert webhook(rest, now=60)[1]["errcode"] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"at": {"userIds": ["staff0001"]}},
        {"at": ["staff0001"]},
        {"msgtype": "file", "file": {"mediaId": "@m"}},
        {"msgtype": "markdown"},
        {"msgtype": None},
        {"text": {"content": ""}},
        {"text": "pong"},
    ],
)
def test_a_webhook_message_of_the_wrong_shape_is_refused_inside_a_200(rest, changes):
    say(rest)
    status, reply = webhook(rest, {**TEXT, **changes})
    assert (status, reply["errcode"]) == (200, 310000)
    assert rest.sent == []
    assert rest.gateway.ledger.summary().replies == 0


@pytest.mark.parametrize(
    "body",
    [
        {"msgtype": "markdown", "markdown": {"title": "Reply", "text": "**hi** @staff0001"}},
        {"msgtype": "link", "link": {"title": "t", "text": "d", "picUrl": "", "messageUrl": "https://example.invalid"}},
        {**TEXT, "at": {"atUserIds": [], "atDingtalkIds": [], "atMobiles": [], "isAtAll": True}},
    ],
)
def test_every_documented_webhook_message_is_taken(rest, body):
    say(rest)
    assert webhook(rest, body)[1]["errcode"] == 0


def test_an_access_token_at_a_webhook_is_no_fault(rest):
    """The example that comes with the official Node SDK sends one."""
    say(rest)
    assert webhook(rest, headers={"x-acs-dingtalk-access-token": token(rest)})[1]["errcode"] == 0
    assert rest.gateway.ledger.faults == []


# Direct and group messages.


def test_a_direct_message_names_each_recipient_that_gets_nothing(rest):
    pushed = say(rest)
    rest.invalid_staff.add("staff0002")
    rest.flow_controlled.add("staff0003")
    users = ["staff0001", "staff0002", "staff0003"]
    status, reply = send(rest, DIRECT, token=token(rest), userIds=users)
    assert status == 200
    assert reply["processQueryKey"]
    assert (reply["invalidStaffIdList"], reply["flowControlledStaffIdList"]) == (["staff0002"], ["staff0003"])
    assert [(sent.via, sent.target, sent.text, sent.answers) for sent in rest.sent] == [
        ("direct", "staff0001", "hi", pushed)
    ]


def test_a_group_message_answers_the_group(rest):
    pushed = say(rest, group=True)
    status, reply = send(rest, GROUP, token=token(rest), msgKey="sampleMarkdown", msgParam='{"title":"T","text":"b"}')
    assert (status, set(reply)) == (200, {"processQueryKey"})
    assert [(sent.via, sent.target, sent.text, sent.answers) for sent in rest.sent] == [
        ("group", "cidGROUP", "b", pushed)
    ]


def test_each_send_has_a_key_of_its_own(rest):
    granted = token(rest)
    keys = {send(rest, path, token=granted)[1]["processQueryKey"] for path in (DIRECT, GROUP, DIRECT)}
    assert len(keys) == 3
    assert rest.gateway.ledger.summary().unmatched_replies == 3


@pytest.mark.parametrize(
    ("path", "changes", "code"),
    [
        (DIRECT, {"robotCode": OTHER}, "invalidParameter.robotCode.auth"),
        (DIRECT, {"robotCode": "unheard-of"}, "invalidParameter.robotCode.notExsit"),
        (GROUP, {"robotCode": OTHER}, "invalidParameter.robotCode.auth"),
        (GROUP, {"openConversationId": "cidDM"}, "invalidParameter.robotCode.notExsit"),
        (GROUP, {"openConversationId": "staff0001"}, "invalidParameter.openConversationId.invalid"),
        (GROUP, {"openConversationId": None}, "invalidParameter.openConversationId.invalid"),
        (GROUP, {"msgParam": encode({"content": "ä" * 7500})}, "invalidParameter.msgParam.invalid"),
        (DIRECT, {"msgKey": "file"}, "invalidParameter.msgKey.invalid"),
        (DIRECT, {"msgKey": ["sampleText"]}, "invalidParameter.msgKey.invalid"),
        (DIRECT, {"msgParam": {"content": "hi"}}, "invalidParameter.msgParam.invalid"),
        (DIRECT, {"msgParam": '{"content":""}'}, "invalidParameter.msgParam.invalid"),
        (DIRECT, {"msgKey": "sampleMarkdown", "msgParam": '{"text":"b"}'}, "miss.param.markdownTotitle"),
        (DIRECT, {"userIds": []}, "invalidParameter.userIds.invalid"),
        (DIRECT, {"userIds": "staff0001"}, "invalidParameter.userIds.invalid"),
        (DIRECT, {"userIds": [f"staff{n}" for n in range(21)]}, "invalidParameter.userIds.invalid"),
        (DIRECT, {"userIds": ["$:LWCP_v1:$user"]}, "staffId.notExisted"),
        (DIRECT, {"userIds": ["cidGROUP"]}, "staffId.notExisted"),
    ],
)
def test_a_wrong_send_is_refused_and_sends_nothing(rest, path, changes, code):
    say(rest)
    status, error = send(rest, path, token=token(rest), **changes)
    assert (status, error["code"]) == (400, code)
    assert rest.sent == []


# Scripts.


def test_the_next_calls_of_a_path_can_be_scripted(rest):
    granted = token(rest)
    busy = Answer(status=403, body='{"code":"Forbidden.AccessDenied.QpsLimitForApi"}')
    rest.scripts.add(DIRECT, busy, times=2)
    rest.scripts.add(
        DIRECT, Answer(status=503, body="{}"), Script(answer=Answer(status=504, body="{}"), carried_out=True)
    )
    assert send(rest, GROUP, token=granted)[0] == 200
    assert [send(rest, DIRECT, token=granted)[0] for _ in range(5)] == [403, 403, 503, 504, 200]
    assert [sent.via for sent in rest.sent] == ["group", "direct", "direct"]
    assert rest.calls[DIRECT] == 5


def test_a_standing_script_holds_within_its_block_and_lets_the_next_ones_go_first(rest):
    body = {"clientId": APP, "clientSecret": SECRET, "subscriptions": []}
    with rest.scripts.standing(OPEN, Script(answer=Answer(status=401))):
        rest.scripts.add(OPEN, Answer(status=503))
        open_call(rest, body)
        with rest.scripts.standing(OPEN, Answer(status=500)):
            open_call(rest, body)
        open_call(rest, body)
    open_call(rest, body)
    assert [call.status for call in rest.open_calls] == [503, 500, 401, 200]


def test_a_swallowed_call_is_carried_out_and_a_hanging_one_only_if_wanted(rest):
    pushed = say(rest)
    rest.scripts.swallow(WEBHOOK)
    rest.scripts.hang(WEBHOOK)
    rest.scripts.hang(WEBHOOK, carried_out=True)
    call = Call(method="POST", path=WEBHOOK, query={"session": "s1"}, body=encode(TEXT).encode())
    endings = []
    for replies in (1, 1, 2):
        endings.append(rest.answer(call, 0).ending)
        assert len(rest.gateway.ledger.record(pushed).replies) == replies
    assert endings == ["swallow", "hang", "hang"]
    assert rest.answer(call, 0).ending == "answer"


def test_an_open_call_without_an_answer_has_no_status(rest):
    rest.scripts.hang(OPEN)
    open_call(rest, {"clientId": APP})
    assert [(call.client_id, call.status) for call in rest.open_calls] == [(APP, 0)]


def test_each_third_call_of_a_path_can_be_scripted(rest):
    rest.scripts.every(3, OPEN, Answer(status=403))
    rest.scripts.every(4, OPEN, Answer(status=429))
    rest.scripts.add(OPEN, Answer(status=503))
    with rest.scripts.standing(OPEN, Answer(status=500)):
        call = Call(method="POST", path=OPEN)
        assert [rest.answer(call, 0).status for _ in range(6)] == [503, 500, 403, 429, 500, 403]
    with pytest.raises(ValueError, match="'count' must be >= 1"):
        rest.scripts.every(0, OPEN, Answer())


def test_one_method_of_a_path_can_be_scripted(rest):
    rest.scripts.add(f"GET {OLD_TOKEN}", Answer(status=503))
    rest.scripts.add(OLD_TOKEN, Answer(status=500))
    calls = [Call(method=method, path=OLD_TOKEN) for method in ("PUT", "GET", "GET")]
    assert [rest.answer(call, 0).status for call in calls] == [500, 503, 200]


def test_every_recorded_reply_can_be_scripted(rest, rest_case):
    answer = Answer(status=rest_case["status"], body=rest_case["body"], content_type=rest_case["content_type"])
    rest.scripts.add(rest_case["path"], answer)
    assert rest.answer(Call(method=rest_case["method"], path=rest_case["path"]), 0) == answer
