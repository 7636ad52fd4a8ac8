import json

import pytest

from trio_bridge.platforms.dingtalk.gateway import Gateway
from trio_bridge.platforms.dingtalk.gateway_calls import Call
from trio_bridge.platforms.dingtalk.gateway_cards import DELIVER, INSTANCES, STREAMING
from trio_bridge.platforms.dingtalk.gateway_frames import ROBOT, encode, letter_of
from trio_bridge.platforms.dingtalk.gateway_model import Rules
from trio_bridge.platforms.dingtalk.rest_gateway import TOKEN, RestGateway

APP, OTHER, SECRET = "dingexampleappkey0001", "dingexampleappkey0002", "example-secret"
CONFIG = '{"autoLayout":true}'
BY_KEY = {"cardUpdateOptions": {"updateCardDataByKey": True}}
DONE = (200, {"success": True, "result": True})


class World:
    """A server with two apps, and calls about the card ``card_1`` that are right unless something is changed."""

    def __init__(self, **rules):
        self.gateway = Gateway(rules=Rules(**rules))
        self.rest = RestGateway(self.gateway, "ws://127.0.0.1:8080/connect")
        self.now = 0.0
        self.guids = iter(range(1000))
        self.tokens = {}
        for client_id in (APP, OTHER):
            self.gateway.add_app(client_id, SECRET)
            body = {"appKey": client_id, "appSecret": SECRET}
            self.tokens[client_id] = self.call("POST", TOKEN, body)[1]["accessToken"]

    def call(self, method, path, body, *, app=APP):
        headers = {"x-acs-dingtalk-access-token": self.tokens.get(app, "")}
        call = Call(method=method, path=path, headers=headers, body=encode(body).encode())
        answer = self.rest.answer(call, self.now)
        return answer.status, json.loads(answer.body)

    def create(self, *, path=INSTANCES, app=APP, **changes):
        body = {
            "cardTemplateId": "example.schema",
            "outTrackId": "card_1",
            "cardData": {"cardParamMap": {"config": CONFIG}},
            "callbackType": "STREAM",
            **changes,
        }
        return self.call("POST", path, body, app=app)

    def deliver(self, *, app=APP, **changes):
        return self.call("POST", DELIVER, delivery(**changes), app=app)

    def update(self, *, app=APP, options=BY_KEY, track_id="card_1", **values):
        body = {"outTrackId": track_id, "cardData": {"cardParamMap": values}, **options}
        return self.call("PUT", INSTANCES, body, app=app)

    def stream(self, text, *, app=APP, **changes):
        body = {
            "outTrackId": "card_1",
            "guid": str(next(self.guids)),
            "key": "msgContent",
            "content": text,
            "isFull": True,
            "isFinalize": False,
            "isError": False,
            **changes,
        }
        return self.call("PUT", STREAMING, body, app=app)

    def say(self, number=1, *, group=False):
        """A message that was delivered to the app."""
        if not self.gateway.connections(APP):
            call = {"clientId": APP, "clientSecret": SECRET, "subscriptions": [{"type": "CALLBACK", "topic": ROBOT}]}
            self.gateway.upgrade(self.gateway.open(call, self.now), self.now)
        data = {
            "msgId": f"msg{number}",
            "conversationId": "cidGROUP" if group else "cidDM",
            "conversationType": "2" if group else "1",
            "senderStaffId": "staff0001",
        }
        return self.gateway.push(APP, letter_of(data), self.now)

    @property
    def card(self):
        return self.rest.cards.known["card_1"]


def delivery(*, group=False, **changes):
    space = "IM_GROUP.cidGROUP" if group else "IM_ROBOT.staff0001"
    model = "imGroupOpenDeliverModel" if group else "imRobotOpenDeliverModel"
    return {
        "outTrackId": "card_1",
        "userIdType": 1,
        "openSpaceId": f"dtv1.card//{space}",
        model: {"robotCode": APP},
        **changes,
    }


@pytest.fixture
def world():
    return World()


@pytest.mark.parametrize("group", [False, True])
def test_a_card_grows_from_its_creation_to_its_end_and_is_one_reply(world, group):
    pushed = world.say(group=group)
    assert world.create() == (200, {"success": True, "result": "card_1"})
    status, reply = world.deliver(group=group)
    (laid,) = reply["result"]
    assert (status, reply["success"], laid["success"], laid["errorMsg"]) == (200, True, True, "")
    assert (laid["spaceType"], laid["spaceId"]) == (("IM_GROUP", "cidGROUP") if group else ("IM_ROBOT", "staff0001"))
    assert world.update(flowStatus="2", msgContent="Hel") == DONE
    world.now = 1.0
    assert world.stream("Hello") == DONE
    world.now = 1.8
    assert world.stream("Hello, you", isFinalize=True) == DONE
    assert world.rest.sent == []
    world.now = 2.0
    assert world.update(flowStatus="3", msgContent="Hello, you") == DONE
    (sent,) = world.rest.sent
    assert (sent.via, sent.text, sent.answers, sent.at, sent.card) == ("card", "Hello, you", pushed, 2.0, "card_1")
    card = world.card
    assert (card.ended, card.finalised, card.errored, card.flow_status) == (True, True, False, "3")
    assert card.calls == {"create": 1, "deliver": 1, "update": 2, "stream": 2}
    assert card.texts == ["", "Hel", "Hello", "Hello, you"]
    assert card.intervals == [pytest.approx(0.8)]
    assert card.data["config"] == CONFIG
    assert not card.went_back
    assert world.gateway.ledger.summary().replies == 1
