"""The simulator's media store: what it takes, and what may be shown."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.bots.media import AMR, EACH, JPEG, MP4, PDF, PNG, wav
from tests.platforms.dingtalk.cloud import CLIENT_ID, SECRET
from trio_bridge.gateways.calls import Answer, Call
from trio_bridge.platforms.dingtalk.gateway.gateway import Gateway
from trio_bridge.platforms.dingtalk.gateway.media import MEGABYTE, UPLOAD
from trio_bridge.platforms.dingtalk.gateway.rest import DIRECT, RestGateway


@pytest.fixture
def rest() -> RestGateway:
    gateway = Gateway()
    gateway.add_app(CLIENT_ID, SECRET)
    gateway.add_app("other", SECRET)
    return RestGateway(gateway, "")


def token_of(rest: RestGateway, client_id: str) -> str:
    call = Call(method="GET", path="/gettoken", query={"appkey": client_id, "appsecret": SECRET})
    return str(json.loads(str(rest.answer(call, 0.0).body))["access_token"])


def upload(
    rest: RestGateway, type_: str, name: str, content: bytes, *, client_id: str = CLIENT_ID, field: str = "media"
) -> Any:
    request = httpx.Request("POST", "http://x", files={field: (name, content, "image/x-any")})
    query = {"access_token": token_of(rest, client_id), "type": type_}
    call = Call(method="POST", path=UPLOAD, query=query, headers=dict(request.headers), body=request.read())
    return json.loads(str(rest.answer(call, 0.0).body))


def send(rest: RestGateway, key: str, client_id: str = CLIENT_ID, **fields: str) -> Answer:
    body = {"robotCode": client_id, "userIds": ["staff0001"], "msgKey": key, "msgParam": json.dumps(fields)}
    token = {"x-acs-dingtalk-access-token": token_of(rest, client_id)}
    return rest.answer(Call(method="POST", path=DIRECT, headers=token, body=json.dumps(body).encode()), 0.0)


@pytest.mark.parametrize(("ending", "content"), EACH.items())
def test_every_documented_kind_is_taken(rest: RestGateway, ending: str, content: bytes) -> None:
    type_ = {"amr": "voice", "mp3": "voice", "mp4": "video"}.get(
        ending, "image" if ending in "jpeg gif png bmp" else "file"
    )
    answer = upload(rest, type_, f"a.{ending}", content)
    assert (answer["errcode"], answer["type"], answer["media_id"][0]) == (0, type_, "@")
    [medium] = rest.media.uploaded
    assert (medium.name, medium.media_type, medium.content) == (f"a.{ending}", "image/x-any", content)


@pytest.mark.parametrize(
    ("type_", "name", "content", "errcode"),
    [
        ("image", "a.png", PDF, 40004),
        ("image", "a.pdf", PDF, 40004),
        ("voice", "a.ogg", b"OggS", 40004),
        ("file", "a.exe", b"MZ", 40004),
        ("other", "a.png", PNG, 40004),
        ("voice", "a.amr", AMR + b"\0" * 2 * MEGABYTE, 40006),
        ("image", "a.png", PNG + b"\0" * 20 * MEGABYTE, 40006),
        ("video", "a.mp4", b"", 40006),
    ],
)
def test_what_does_not_fit_is_refused(rest: RestGateway, type_: str, name: str, content: bytes, errcode: int) -> None:
    assert upload(rest, type_, name, content)["errcode"] == errcode
    assert not rest.media.uploaded


def test_an_upload_needs_the_field_and_a_token(rest: RestGateway) -> None:
    assert upload(rest, "image", "a.png", PNG, field="file")["errcode"] == 41005
    bare = Call(method="POST", path=UPLOAD, query={"access_token": token_of(rest, CLIENT_ID), "type": "image"})
    assert json.loads(str(rest.answer(bare, 0.0).body))["errcode"] == 41005
    assert json.loads(str(rest.answer(Call(method="POST", path=UPLOAD), 0.0).body))["errcode"] == 40014


def test_content_is_kept_byte_by_byte(rest: RestGateway) -> None:
    content = PNG + b"\r\n--not the boundary\r\n\r\n\0\xff\r\n"
    upload(rest, "image", 'ein "Bild".png', content)
    assert (rest.media.uploaded[0].content, rest.media.uploaded[0].name) == (content, 'ein "Bild".png')


def test_messages_show_what_was_uploaded_as_such(rest: RestGateway) -> None:
    picture, sound, video, file = (
        upload(rest, type_, name, content)["media_id"]
        for type_, name, content in (
            ("image", "a.jpg", JPEG),
            ("voice", "a.wav", wav()),
            ("video", "a.mp4", MP4),
            ("file", "a.pdf", PDF),
        )
    )
    sends = [
        send(rest, "sampleImageMsg", photoURL=picture),
        send(rest, "sampleAudio", mediaId=sound, duration="1500"),
        send(rest, "sampleVideo", videoMediaId=video, picMediaId=picture, duration="2", videoType="mp4"),
        send(rest, "sampleFile", mediaId=file, fileName="a.pdf", fileType="pdf"),
        send(rest, "sampleImageMsg", photoURL="https://example.com/a.png"),
    ]
    assert [answer.status for answer in sends] == [200] * 5
    assert [sent.text for sent in rest.sent] == [
        "[image a.jpg]",
        "[voice a.wav]",
        "[video a.mp4]",
        "[file a.pdf]",
        "https://example.com/a.png",
    ]
    assert [sent.medium and sent.medium.id for sent in rest.sent] == [picture, sound, video, file, None]


@pytest.mark.parametrize(
    ("key", "fields"),
    [
        ("sampleImageMsg", {"photoURL": "@unknown"}),
        ("sampleImageMsg", {"photoURL": "PDF"}),
        ("sampleFile", {"mediaId": "PNG", "fileName": "a.png", "fileType": "png"}),
        ("sampleFile", {"mediaId": "PDF", "fileName": "a.pdf"}),
        ("sampleAudio", {"mediaId": "PDF", "duration": "1"}),
        ("sampleAudio", {"mediaId": "WAV"}),
        ("sampleAudio", {"mediaId": "WAV", "duration": "1.5"}),
        ("sampleVideo", {"videoMediaId": "PDF", "picMediaId": "PNG", "duration": "1", "videoType": "mp4"}),
        ("sampleImageMsg", {"photoURL": "another app's"}),
    ],
)
def test_what_can_not_be_shown_is_refused(rest: RestGateway, key: str, fields: dict[str, str]) -> None:
    ids = {
        "PNG": upload(rest, "image", "a.png", PNG)["media_id"],
        "PDF": upload(rest, "file", "a.pdf", PDF)["media_id"],
        "WAV": upload(rest, "voice", "a.wav", wav())["media_id"],
        "another app's": upload(rest, "image", "a.png", PNG, client_id="other")["media_id"],
    }
    assert send(rest, key, **{name: ids.get(value, value) for name, value in fields.items()}).status == 400
    assert not rest.sent
