"""Files on the server's side: codes, URLs, and a host that is particular about headers."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from trio_bridge.gateways.calls import Answer, Call
from trio_bridge.platforms.dingtalk.extract import Extracted
from trio_bridge.platforms.dingtalk.gateway.files import DOWNLOAD, FILE, URL_LIFE
from trio_bridge.platforms.dingtalk.gateway.gateway import Gateway
from trio_bridge.platforms.dingtalk.gateway.rest import TOKEN, RestGateway

ROBOT = "dingrobot"


@pytest.fixture
def rest() -> RestGateway:
    gateway = Gateway()
    gateway.add_app(ROBOT, "secret")
    gateway.add_app("dingother", "secret")
    return RestGateway(gateway, "")


def token_of(rest: RestGateway, client_id: str = ROBOT) -> str:
    body = json.dumps({"appKey": client_id, "appSecret": "secret"}).encode()
    token: str = json.loads(body_of(rest.answer(Call(method="POST", path=TOKEN, body=body), 0.0)))["accessToken"]
    return token


def body_of(answer: Answer) -> str:
    assert isinstance(answer.body, str)
    return answer.body


def ask(rest: RestGateway, code: Any, *, robot: str = ROBOT, token: str | None = None) -> tuple[int, dict[str, Any]]:
    headers = {"x-acs-dingtalk-access-token": token_of(rest) if token is None else token, "host": "127.0.0.1:80"}
    body = json.dumps({"downloadCode": code, "robotCode": robot}).encode()
    answer = rest.answer(Call(method="POST", path=DOWNLOAD, headers=headers, body=body), 0.0)
    return answer.status, json.loads(body_of(answer))


def fetch(rest: RestGateway, url: str, now: float = 0.0, **headers: str) -> Answer:
    parts = urlsplit(url)
    assert (parts.netloc, parts.path) == ("127.0.0.1:80", FILE)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return rest.answer(Call(method="GET", path=FILE, query=dict(parse_qsl(parts.query)), headers=sent), now)


def test_a_code_leads_to_a_url_and_that_to_the_bytes(rest: RestGateway) -> None:
    status, reply = ask(rest, rest.files.put(b"\x89PNG", content_type="image/png"))
    assert (status, list(reply)) == (200, ["downloadUrl"])
    answer = fetch(rest, reply["downloadUrl"], URL_LIFE - 1)
    assert (answer.status, answer.body, answer.content_type) == (200, b"\x89PNG", "image/png")


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"\xff\xd8\xff", "jpeg"), (b"GIF89a", "gif"), (b"BM6", "bmp"), (b"\x89PNG", "png"), (b"", "png")],
)
def test_a_picture_has_the_type_that_it_begins_like(rest: RestGateway, content: bytes, kind: str) -> None:
    fields = rest.files.picture(content)
    _, reply = ask(rest, fields["content"]["downloadCode"])
    assert fetch(rest, reply["downloadUrl"]).content_type == f"image/{kind}"


@pytest.mark.parametrize("header", ["content_type", "x_acs_dingtalk_access_token", "authorization"])
def test_the_host_refuses_what_the_signature_does_not_cover(rest: RestGateway, header: str) -> None:
    _, reply = ask(rest, rest.files.put(b"x"))
    assert fetch(rest, reply["downloadUrl"], **{header: "x"}).status == 403


def test_a_url_lasts_for_a_while_and_can_not_be_guessed(rest: RestGateway) -> None:
    _, reply = ask(rest, rest.files.put(b"x"))
    assert fetch(rest, reply["downloadUrl"], URL_LIFE).status == 403
    assert fetch(rest, f"http://127.0.0.1:80{FILE}?signature=guessed").status == 403


def test_codes_expire(rest: RestGateway) -> None:
    code = rest.files.put(b"x")
    rest.files.expire_codes()
    status, reply = ask(rest, code)
    assert (status, reply["code"]) == (400, "invalidParameter.robotCode.downloadCode")
    assert ask(rest, rest.files.put(b"x"))[0] == 200


@pytest.mark.parametrize("code", ["unknown", None, 5, []])
def test_nobody_gets_a_file_for_a_code_that_is_none(rest: RestGateway, code: Any) -> None:
    assert ask(rest, code)[1]["code"] == "invalidParameter.robotCode.downloadCode"


def test_a_code_needs_a_token_and_the_robot_of_its_app(rest: RestGateway) -> None:
    code = rest.files.put(b"x")
    assert ask(rest, code, token="bad")[1]["code"] == "InvalidAuthentication"
    assert ask(rest, code, robot="dingother")[1]["code"] == "invalidParameter.robotCode.auth"


def test_a_scripted_answer_stands_for_the_host(rest: RestGateway) -> None:
    pieces = [b"a", b"b"]
    rest.scripts.add(FILE, Answer(body=pieces, pace=1.0))
    _, reply = ask(rest, rest.files.put(b"x"))
    assert fetch(rest, reply["downloadUrl"]).body is pieces
    assert fetch(rest, reply["downloadUrl"]).body == b"x"


def said(fields: Any) -> Extracted:
    return Extracted({name: value for name, value in fields.items() if value is not None})


def test_messages_about_files_are_read_as_what_they_are(rest: RestGateway) -> None:
    picture = said(rest.files.picture(b"1"))
    assert [(each.kind, each.source) for each in picture.media] == [("image", {"code": "dcode-0001"})]
    file = said(rest.files.file(b"2", "a.pdf"))
    assert [(each.kind, each.name) for each in file.media] == [("file", "a.pdf")]
    heard = said(rest.files.voice(b"3", recognition="hello", seconds=2))
    assert (heard.text, heard.media[0].kind, heard.media[0].source["duration_raw"]) == ("hello", "audio", 2000)
    assert said(rest.files.voice(b"4")).text == ""
    mixed = said(rest.files.rich_text("look: ", b"5", "and ", b"6"))
    assert mixed.text == "look: and"
    assert [each.source["code"] for each in mixed.media] == ["dcode-0005", "dcode-0006"]
