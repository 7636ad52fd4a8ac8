"""The server takes messages back: from whom they were sent to, for a day, once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from trio_bridge.gateways.calls import Call
from trio_bridge.platforms.dingtalk.gateway.gateway import Gateway
from trio_bridge.platforms.dingtalk.gateway.recall import FROM_GROUP, FROM_PEOPLE
from trio_bridge.platforms.dingtalk.gateway.rest import DIRECT, GROUP, RestGateway

APP, OTHER, SECRET = "dingexampleappkey0001", "dingexampleappkey0002", "example-secret"
DAY = 86400.0


@pytest.fixture
def rest() -> RestGateway:
    gateway = Gateway()
    gateway.add_app(APP, SECRET)
    gateway.add_app(OTHER, SECRET)
    return RestGateway(gateway, "ws://127.0.0.1:8080/connect")


def post(rest: RestGateway, path: str, body: Any, now: float = 0.0, *, app: str = APP) -> tuple[int, dict[str, Any]]:
    token = rest.desk.new_token(rest.gateway.apps[app], now)
    headers = {"x-acs-dingtalk-access-token": token}
    answer = rest.answer(Call(method="POST", path=path, headers=headers, body=json.dumps(body).encode()), now)
    assert isinstance(answer.body, str)
    return answer.status, json.loads(answer.body)


def send(rest: RestGateway, path: str, text: str = "hi") -> str:
    place: Mapping[str, Any] = {"userIds": ["ann", "bob"]} if path == DIRECT else {"openConversationId": "cidTeam"}
    said = {"robotCode": APP, "msgKey": "sampleText", "msgParam": json.dumps({"content": text})}
    key = post(rest, path, {**place, **said})[1]["processQueryKey"]
    assert isinstance(key, str)
    return key


def test_a_message_is_taken_back_once(rest: RestGateway) -> None:
    key = send(rest, DIRECT, "oops")
    body = {"robotCode": APP, "processQueryKeys": [key]}
    assert post(rest, FROM_PEOPLE, body) == (200, {"successResult": [key], "failedResult": {}})
    assert [message.text for message in rest.recalls.recalled] == ["oops"]
    assert post(rest, FROM_PEOPLE, body)[1] == {"successResult": [], "failedResult": {key: "recalled already"}}


@pytest.mark.parametrize(("later", "gone"), [(DAY - 1, True), (DAY, False)])
def test_after_a_day_it_stays(rest: RestGateway, later: float, gone: bool) -> None:
    body = {"robotCode": APP, "openConversationId": "cidTeam", "processQueryKeys": [send(rest, GROUP)]}
    assert bool(post(rest, FROM_GROUP, body, later)[1]["successResult"]) is gone


def test_a_message_of_a_group_is_taken_back_from_that_group(rest: RestGateway) -> None:
    keys = [send(rest, GROUP)]
    assert not post(rest, FROM_PEOPLE, {"robotCode": APP, "processQueryKeys": keys})[1]["successResult"]
    for conversation, gone in (("cidOther", []), ("cidTeam", keys)):
        body = {"robotCode": APP, "openConversationId": conversation, "processQueryKeys": keys}
        assert post(rest, FROM_GROUP, body)[1]["successResult"] == gone


def test_another_app_takes_nothing_back(rest: RestGateway) -> None:
    keys = [send(rest, DIRECT)]
    assert post(rest, FROM_PEOPLE, {"robotCode": APP, "processQueryKeys": keys}, app=OTHER)[0] == 400
    assert not post(rest, FROM_PEOPLE, {"robotCode": OTHER, "processQueryKeys": keys}, app=OTHER)[1]["successResult"]


@pytest.mark.parametrize("keys", [None, "k", [], [1], ["k"] * 21])
def test_keys_must_be_one_to_twenty_texts(rest: RestGateway, keys: Any) -> None:
    status, answer = post(rest, FROM_PEOPLE, {"robotCode": APP, "processQueryKeys": keys})
    assert (status, answer["code"]) == (400, "invalidParameter.processQueryKeys.invalid")


@pytest.mark.parametrize("group", [None, 1, "team"])
def test_a_group_must_be_named(rest: RestGateway, group: Any) -> None:
    status, answer = post(rest, FROM_GROUP, {"robotCode": APP, "openConversationId": group, "processQueryKeys": ["k"]})
    assert (status, answer["code"]) == (400, "invalidParameter.openConversationId.invalid")
