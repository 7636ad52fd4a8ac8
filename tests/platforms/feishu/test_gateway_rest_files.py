"""The simulator's pictures and files: what it takes, what may be shown, what can be downloaded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.platforms.feishu.desk_world import APP, GROUP, OTHER, PNG, World, card, code
from trio_bridge.gateways.calls import Call
from trio_bridge.platforms.feishu.gateway.files import MEGABYTE, MOST_DOWNLOAD
from trio_bridge.platforms.feishu.gateway.letters import letter_of


@pytest.fixture
def world() -> World:
    return World()


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + width.to_bytes(2, "little") + height.to_bytes(2, "little")


def png(width: int, height: int) -> bytes:
    return PNG[:16] + width.to_bytes(4, "big") + height.to_bytes(4, "big")


def test_a_picture_is_kept_as_it_was_uploaded(world: World) -> None:
    key = world.upload_image()["data"]["image_key"]
    assert key.startswith("img_v3_")
    [medium] = world.rest.files.uploaded
    assert (medium.key, medium.app_id, medium.type, medium.media_type) == (key, APP, "image", "image/png")
    assert medium.content == PNG


def test_a_file_is_kept_as_it_was_uploaded(world: World) -> None:
    key = world.upload_file(b"sound", kind="opus", duration="4200")["data"]["file_key"]
    assert key.startswith("file_v3_")
    [medium] = world.rest.files.uploaded
    assert (medium.type, medium.name, medium.duration, medium.content) == ("opus", "a.pdf", "4200", b"sound")


@pytest.mark.parametrize(
    ("content", "kind", "number"),
    [
        (b"", "message", 234010),
        (b"no picture", "message", 234011),
        (PNG, "poster", 234001),
        (PNG + b"x" * (10 * MEGABYTE - len(PNG)), "message", 0),
        (PNG + b"x" * (10 * MEGABYTE - len(PNG) + 1), "message", 234006),
        (gif(2000, 2000), "message", 0),
        (gif(2001, 1), "message", 234039),
        (png(12000, 12000), "message", 0),
        (png(1, 12001), "message", 234039),
        (b"\xff\xd8\xff\xe0", "avatar", 0),
        (b"\x00\x00\x00\x18ftypheic", "message", 0),
    ],
    ids=["empty", "text", "kind", "10 MB", "more", "gif", "wide gif", "png", "high png", "jpeg", "heic"],
)
def test_pictures_are_as_documented(world: World, content: bytes, kind: str, number: int) -> None:
    assert code(world.upload_image(content, kind=kind)) == number


@pytest.mark.parametrize(
    ("content", "fields", "number"),
    [
        (b"", {}, 234010),
        (b"x" * 30 * MEGABYTE, {}, 0),
        (b"x" * (30 * MEGABYTE + 1), {}, 234006),
        (b"x", {"kind": "docx"}, 234001),
        (b"x", {"kind": "stream"}, 0),
        (b"x", {"file_name": ""}, 234001),
        (b"x", {"duration": "long"}, 234001),
    ],
    ids=["empty", "30 MB", "more", "kind", "any", "no name", "duration"],
)
def test_files_are_as_documented(world: World, content: bytes, fields: dict[str, str], number: int) -> None:
    assert code(world.upload_file(content, **fields)) == number


def test_an_upload_without_a_file_is_refused(world: World) -> None:
    assert code(world.call("POST", "/im/v1/images", {"image_type": "message"})) == 234001
    assert code(world.upload("/im/v1/files", {"file_type": "pdf", "file_name": "a"}, other=b"x")) == 234001


@pytest.mark.parametrize(
    ("uploaded", "shown_as", "number"),
    [
        ("pdf", "file", 0),
        ("stream", "file", 0),
        ("mp4", "media", 0),
        ("opus", "audio", 0),
        ("mp4", "file", 230055),
        ("opus", "file", 230055),
        ("pdf", "audio", 230055),
        ("image", "image", 0),
        ("image", "file", 230055),
    ],
)
def test_what_was_uploaded_is_shown_as_that(world: World, uploaded: str, shown_as: str, number: int) -> None:
    if uploaded == "image":
        key = world.upload_image()["data"]["image_key"]
    else:
        key = world.upload_file(b"x", kind=uploaded)["data"]["file_key"]
    name = "image_key" if shown_as == "image" else "file_key"
    assert code(world.send({name: key}, kind=shown_as)) == number
    assert [sent.text for sent in world.rest.sent] == ([] if number else [f"[{shown_as} {key}]"])


def test_only_who_uploaded_it_shows_it(world: World) -> None:
    key = world.upload_image(app=OTHER)["data"]["image_key"]
    assert code(world.send({"image_key": key}, kind="image")) == 230017
    post = {"zh_cn": {"content": [[{"tag": "img", "image_key": key}]]}}
    assert code(world.send(post, kind="post")) == 230017
    assert code(world.send(post, kind="post", app=OTHER)) == 0
    assert world.rest.sent[0].text == f"[img {key}]"


# Downloads.


def received(world: World, kind: str, content: dict[str, Any], *, message_id: str = "om_file") -> None:
    """A person has sent this to the bot."""
    message = {
        "message_id": message_id,
        "chat_id": GROUP,
        "chat_type": "group",
        "message_type": kind,
        "content": json.dumps(content),
    }
    event = {"header": {"event_id": "e", "event_type": "im.message.receive_v1"}, "event": {"message": message}}
    world.gateway.ledger.pushed(APP, letter_of(event), world.now)


def download(world: World, key: str, kind: str, *, message_id: str = "om_file", app: str = APP) -> int:
    world.answer = world.rest.answer(_call(world, key, kind, message_id, app), world.now)
    return 0 if world.answer.status == 200 else int(json.loads(str(world.answer.body))["code"])


def _call(world: World, key: str, kind: str, message_id: str, app: str) -> Call:

    path = f"/open-apis/im/v1/messages/{message_id}/resources/{key}"
    headers = {"authorization": f"Bearer {world.tokens[app]}"}
    return Call(method="GET", path=path, query={"type": kind}, headers=headers)


def test_what_people_send_is_downloaded_by_message_and_key(world: World) -> None:
    picture, file = world.rest.files.put(PNG), world.rest.files.put(b"text", "a.txt")
    received(world, "image", {"image_key": picture})
    received(world, "file", {"file_key": file, "file_name": "a.txt"}, message_id="om_text")
    assert download(world, picture, "image") == 0
    assert (world.answer.body, world.answer.content_type) == (PNG, "image/png")
    assert download(world, file, "file", message_id="om_text") == 0
    assert (world.answer.body, world.answer.content_type) == (b"text", "application/octet-stream")
    assert world.rest.files.uploaded == []


def test_the_pictures_of_a_post_are_downloaded_too(world: World) -> None:
    picture = world.rest.files.put(PNG)
    received(world, "post", {"title": "", "content": [[{"tag": "img", "image_key": picture}]]})
    assert download(world, picture, "image") == 0


def test_what_is_not_there_is_not_downloaded(world: World) -> None:
    picture, other = world.rest.files.put(PNG), world.rest.files.put(PNG)
    received(world, "image", {"image_key": picture})
    assert download(world, other, "image") == 234003
    assert download(world, "img_unknown", "image") == 234003
    assert download(world, picture, "file") == 234001
    assert download(world, picture, "image", message_id="om_unknown") == 230001
    assert download(world, picture, "image", app=OTHER) == 230001


@pytest.mark.parametrize("kind", ["sticker", "merge_forward"])
def test_some_messages_keep_what_they_hold(world: World, kind: str) -> None:
    key = world.rest.files.put(b"x", "a")
    received(world, kind, {"file_key": key})
    assert download(world, key, "file") == 234043


def test_pictures_of_cards_are_not_downloaded(world: World) -> None:
    key = world.upload_image()["data"]["image_key"]
    shown = world.send(card(extra={"image_key": key}), kind="interactive")["data"]["message_id"]
    assert download(world, key, "image", message_id=shown) == 234043


def test_a_large_file_is_not_downloaded(world: World) -> None:
    key = world.rest.files.put(bytes(MOST_DOWNLOAD + 1), "large")
    received(world, "file", {"file_key": key})
    assert download(world, key, "file") == 234037
