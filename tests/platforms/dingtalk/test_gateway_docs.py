"""The server knows people and documents, and refuses what it would not carry out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trio_bridge.gateways.calls import Call
from trio_bridge.platforms.dingtalk.gateway.docs import SEARCH
from trio_bridge.platforms.dingtalk.gateway.gateway import Gateway
from trio_bridge.platforms.dingtalk.gateway.rest import RestGateway
from trio_bridge.platforms.dingtalk.gateway.users import GET

APP = "dingexampleappkey0001"
INFO, MAKE, LIST = "/v1.0/doc/spaces/s/docs/d", "/v1.0/doc/spaces/s/docs", "/v1.0/doc/spaces/s/dentries"
APPEND, NODE = "/v1.0/doc/documents/d/blocks/root/children", "/v2.0/wiki/nodes/d"
PARAGRAPH = {"blockType": "PARAGRAPH", "body": {"text": "more"}, "index": -1}
NEWS = {"spaceId": "s", "name": "News", "docType": "alidoc"}


@pytest.fixture
def rest() -> RestGateway:
    gateway = Gateway()
    gateway.add_app(APP, "secret")
    rest = RestGateway(gateway, "ws://127.0.0.1:8080/connect")
    rest.docs.add("s", "The plan", "first", doc_id="d")
    return rest


def call(rest: RestGateway, method: str, path: str, body: Any = None, **query: str) -> tuple[int, dict[str, Any]]:
    token = rest.desk.new_token(rest.gateway.apps[APP], 0.0)
    return ask(rest, method, path, body, token, **query)


def ask(
    rest: RestGateway, method: str, path: str, body: Any = None, token: str = "", **query: str
) -> tuple[int, dict[str, Any]]:
    headers = {"x-acs-dingtalk-access-token": token}
    query = {"access_token": token, **query}
    content = b"" if body is None else json.dumps(body).encode()
    answer = rest.answer(Call(method=method, path=path, query=query, headers=headers, body=content), 0.0)
    assert isinstance(answer.body, str)
    return answer.status, json.loads(answer.body)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", INFO, None),
        ("POST", MAKE, NEWS),
        ("GET", LIST, None),
        ("POST", APPEND, PARAGRAPH),
        ("POST", SEARCH, {}),
        ("GET", NODE, None),
    ],
)
def test_nobody_comes_in_without_a_token(rest: RestGateway, method: str, path: str, body: Any) -> None:
    status, answer = ask(rest, method, path, body)
    assert (status, answer["code"]) == (400, "InvalidAuthentication")


@pytest.mark.parametrize(
    "changes", [{"spaceId": "other"}, {"name": ""}, {"name": 1}, {"docType": "folder"}, {"docType": None}]
)
def test_a_document_is_made_as_it_should_be(rest: RestGateway, changes: dict[str, Any]) -> None:
    assert call(rest, "POST", MAKE, {**NEWS, **changes})[0] == 400
    assert call(rest, "POST", MAKE, NEWS) == (200, {"docId": "doc0002", "docType": "alidoc"})


@pytest.mark.parametrize(
    "changes", [{"blockType": "TABLE"}, {"index": 0}, {"body": "more"}, {"body": {}}, {"body": {"text": ""}}]
)
def test_a_paragraph_is_added_as_it_should_be(rest: RestGateway, changes: dict[str, Any]) -> None:
    assert call(rest, "POST", APPEND, {**PARAGRAPH, **changes})[0] == 400
    assert call(rest, "POST", APPEND, PARAGRAPH)[0] == 200
    assert rest.docs.stored["d"].paragraphs == ["first", "more"]


@pytest.mark.parametrize("most", ["", "x", "-1"])
def test_a_number_of_documents_is_a_number(rest: RestGateway, most: str) -> None:
    assert call(rest, "GET", LIST, maxResults=most)[0] == 400
    assert call(rest, "POST", SEARCH, {"keyword": "plan", "maxResults": most})[0] == 400


@pytest.mark.parametrize("operator", ["", "ann", "union-nobody"])
def test_a_node_is_shown_to_people(rest: RestGateway, operator: str) -> None:
    rest.invalid_staff.add("nobody")
    assert call(rest, "GET", NODE, operatorId=operator)[1]["code"] == "paramError.operatorId"
    assert call(rest, "GET", NODE, operatorId=rest.users.union_id("ann"))[1]["node"]["name"] == "The plan"


def test_people_are_asked_for_with_a_token_of_the_older_api(rest: RestGateway) -> None:
    assert ask(rest, "GET", GET, userid="ann")[1]["errcode"] == 40014
    assert call(rest, "GET", GET, userid="ann")[1]["unionid"] == "union-ann"
    assert call(rest, "GET", GET)[1]["errcode"] == 60121
