import json

import pytest

from trio_bridge.gateways.calls import Answer, Call
from trio_bridge.platforms.dingtalk.gateway.emotion import RECALL, REPLY, Marked
from trio_bridge.platforms.dingtalk.gateway.frames import encode, letter_of
from trio_bridge.platforms.dingtalk.gateway.gateway import Gateway
from trio_bridge.platforms.dingtalk.gateway.rest import TOKEN, RestGateway

APP, OTHER, SECRET = "dingexampleappkey0001", "dingexampleappkey0002", "example-secret"
TEXT = {"emotionId": "2659900", "emotionName": "thinking", "text": "thinking", "backgroundId": "im_bg_1"}
DONE = (200, {"success": True})


@pytest.fixture
def rest():
    gateway = Gateway()
    gateway.add_app(APP, SECRET)
    gateway.add_app(OTHER, SECRET)
    data = {"msgId": "msg1", "conversationId": "cidDM", "conversationType": "1", "senderStaffId": "staff0001"}
    gateway.push(APP, letter_of(data), 0.0)
    return RestGateway(gateway, "ws://127.0.0.1:8080/connect")


def post(rest, path, body, now, **headers):
    answer = rest.answer(Call(method="POST", path=path, headers=headers, body=encode(body).encode()), now)
    return answer.status, json.loads(answer.body)


def emotion(rest, path, now=1.0, *, app=APP, **changes):
    _, reply = post(rest, TOKEN, {"appKey": app, "appSecret": SECRET}, now)
    body = {
        "robotCode": app,
        "openMsgId": "msg1",
        "openConversationId": "cidDM",
        "emotionType": 2,
        "emotionName": "thinking",
        "textEmotion": TEXT,
        **changes,
    }
    return post(rest, path, body, now, **{"x-acs-dingtalk-access-token": reply["accessToken"]})


def test_an_emotion_is_put_on_a_message_and_taken_off(rest):
    assert emotion(rest, REPLY) == DONE
    assert emotion(rest, REPLY, 2.0, emotionName="reading") == DONE
    assert rest.emotions.on("msg1") == ["thinking", "reading"]
    assert emotion(rest, RECALL, 3.0) == DONE
    assert rest.emotions.on("msg1") == ["reading"]
    assert rest.emotions.history == [
        Marked(1.0, APP, "msg1", "thinking", True),
        Marked(2.0, APP, "msg1", "reading", True),
        Marked(3.0, APP, "msg1", "thinking", False),
    ]


def test_what_is_there_already_or_not_at_all_stays_so_without_an_error(rest):
    assert emotion(rest, RECALL) == DONE
    assert emotion(rest, REPLY) == DONE
    assert emotion(rest, REPLY) == DONE
    assert emotion(rest, RECALL, 2.0) == DONE
    assert emotion(rest, RECALL, 3.0) == DONE
    assert rest.emotions.on("msg1") == []
    assert len(rest.emotions.history) == 2


def test_an_emotion_that_is_no_text_needs_none(rest):
    assert emotion(rest, REPLY, emotionType=1, textEmotion=None) == DONE


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"openMsgId": "msg2"}, "invalidParameter.openMsgId.invalid"),
        ({"openMsgId": ""}, "invalidParameter.openMsgId.invalid"),
        ({"openConversationId": "cidOTHER"}, "invalidParameter.openConversationId.invalid"),
        ({"emotionName": None}, "invalidParameter.emotionName.invalid"),
        ({"emotionType": "2"}, "invalidParameter.emotionType.invalid"),
        ({"textEmotion": None}, "invalidParameter.textEmotion.invalid"),
        ({"textEmotion": {**TEXT, "emotionId": 2659900}}, "invalidParameter.textEmotion.invalid"),
        ({"robotCode": "dingnobody"}, "invalidParameter.robotCode.notExsit"),
        ({"robotCode": OTHER}, "invalidParameter.robotCode.auth"),
        ({"app": OTHER}, "invalidParameter.openMsgId.invalid"),
    ],
)
@pytest.mark.parametrize("path", [REPLY, RECALL])
def test_an_emotion_that_is_not_as_it_should_be_is_refused(rest, path, changes, code):
    status, error = emotion(rest, path, **changes)
    assert (status, error["code"]) == (400, code)
    assert rest.emotions.on("msg1") == []


def test_the_recall_can_be_made_to_fail(rest):
    emotion(rest, REPLY)
    rest.scripts.add(RECALL, Answer(status=500))
    answer = rest.answer(Call(method="POST", path=RECALL), 2.0)
    assert (answer.status, rest.emotions.on("msg1")) == (500, ["thinking"])
