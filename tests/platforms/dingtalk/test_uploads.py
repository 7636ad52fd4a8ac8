"""Files on their way to DingTalk, and as messages there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.bots.media import AMR, JPEG, MP3, MP4, PDF, PNG, wav
from tests.platforms.dingtalk.cloud import Cloud, config
from trio_bridge.bots.media.markers import Named
from trio_bridge.engine.executors import inline
from trio_bridge.errors import ConnectionLost, NotSent, RateLimited, RequestFailed
from trio_bridge.gateways.calls import Answer
from trio_bridge.messages import Attachment
from trio_bridge.platforms.dingtalk.codes import OLD_TOKEN, UPLOAD
from trio_bridge.platforms.dingtalk.media.uploads import Uploads, open_upload_client
from trio_bridge.platforms.dingtalk.rest import Rest
from trio_bridge.platforms.dingtalk.tokens import AccessToken, OldAccessToken


@asynccontextmanager
async def open_uploads(cloud: Cloud, disk: Any = inline, **changes: Any) -> AsyncIterator[Uploads]:
    mine = config(**changes)
    async with open_upload_client(mine, cloud.network) as http:
        yield Uploads(mine, Rest(mine, http, AccessToken(mine, http), OldAccessToken(mine, http)), disk)


@pytest.fixture
async def uploads(cloud: Cloud) -> AsyncIterator[Uploads]:
    async with open_uploads(cloud) as subject:
        yield subject


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, bytes], Path]:
    def write(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


Write = Callable[[str, bytes], Path]


def program(path: Path, *, prints: bytes = b"") -> Path:
    """A program that prints something."""
    path.with_suffix(".out").write_bytes(prints)
    path.write_text(f"#!/bin/sh\ncat {path.with_suffix('.out')}\n")
    path.chmod(0o700)
    return path


@pytest.mark.parametrize(
    ("kind", "name", "content", "key", "fields", "type_"),
    [
        ("image", "a.png", PNG, "sampleImageMsg", {"photoURL": "@media0001"}, "image"),
        ("audio", "a.wav", wav(1.5), "sampleAudio", {"mediaId": "@media0001", "duration": "1500"}, "voice"),
        (
            "file",
            "a.pdf",
            PDF,
            "sampleFile",
            {"mediaId": "@media0001", "fileName": "a.pdf", "fileType": "pdf"},
            "file",
        ),
        # Nobody knows how long these are.
        (
            "audio",
            "a.amr",
            AMR,
            "sampleFile",
            {"mediaId": "@media0001", "fileName": "a.amr", "fileType": "amr"},
            "file",
        ),
        (
            "video",
            "a.mp4",
            MP4,
            "sampleFile",
            {"mediaId": "@media0001", "fileName": "a.mp4", "fileType": "mp4"},
            "file",
        ),
        # What is not of its kind goes as a file.
        (
            "image",
            "a.png",
            JPEG,
            "sampleFile",
            {"mediaId": "@media0001", "fileName": "a.png", "fileType": "png"},
            "file",
        ),
        (
            "image",
            "a.pdf",
            PDF,
            "sampleFile",
            {"mediaId": "@media0001", "fileName": "a.pdf", "fileType": "pdf"},
            "file",
        ),
        (
            "audio",
            "a.wav",
            wav(300),
            "sampleFile",
            {"mediaId": "@media0001", "fileName": "a.wav", "fileType": "wav"},
            "file",
        ),
    ],
)
async def test_what_becomes_of_a_file(
    autojump_clock: trio.abc.Clock,
    cloud: Cloud,
    uploads: Uploads,
    write: Write,
    kind: Any,
    name: str,
    content: bytes,
    key: str,
    fields: dict[str, str],
    type_: str,
) -> None:
    message = await uploads.message(Attachment(write(name, content), kind))
    assert (message.msg_key, message.fields()) == (key, fields)
    [medium] = cloud.rest.media.uploaded
    assert (medium.type, medium.name, medium.content) == (type_, name, content)


async def test_media_types_are_the_real_ones(
    autojump_clock: trio.abc.Clock, cloud: Cloud, uploads: Uploads, write: Write
) -> None:
    for name, content in (("a.png", PNG), ("a.jpg", JPEG), ("a.pdf", PDF)):
        await uploads.upload(write(name, content), kind="image")
    assert [each.media_type for each in cloud.rest.media.uploaded] == ["image/png", "image/jpeg", "application/pdf"]


@pytest.mark.parametrize(
    ("file", "given", "name"),
    [
        ("a.pdf", "", "a.pdf"),
        ("a.pdf", "Bericht für März.pdf", "Bericht für März.pdf"),
        ("a.pdf", "report", "report.pdf"),
        ("a.pdf", "../../etc/passwd", "passwd.pdf"),
        ("a.pdf", 'x"\r\ny.pdf', "x___y.pdf"),
        ("a", "report", "report.pdf"),
        ("文档.pdf", "", "文档.pdf"),
    ],
)
async def test_a_file_is_called_what_its_sender_says(
    autojump_clock: trio.abc.Clock, cloud: Cloud, uploads: Uploads, write: Write, file: str, given: str, name: str
) -> None:
    message = await uploads.message(Attachment(write(file, PDF), name=given))
    assert message.fields()["fileName"] == name == cloud.rest.media.uploaded[0].name


async def test_with_programs_recordings_and_videos_are_what_they_are(
    cloud: Cloud, write: Write, tmp_path: Path
) -> None:
    ffprobe, ffmpeg = program(tmp_path / "ffprobe", prints=b"2.5"), program(tmp_path / "ffmpeg", prints=JPEG)
    async with open_uploads(cloud, media_probe=str(ffprobe), media_cover=str(ffmpeg)) as uploads:
        heard = await uploads.message(Attachment(write("a.mp3", MP3), "audio"))
        seen = await uploads.message(Attachment(write("a.mp4", MP4), "video"))
    assert (heard.msg_key, heard.fields()) == ("sampleAudio", {"mediaId": "@media0001", "duration": "2500"})
    assert (seen.msg_key, seen.fields()) == (
        "sampleVideo",
        {"videoMediaId": "@media0003", "picMediaId": "@media0002", "duration": "2", "videoType": "mp4"},
    )
    assert [(each.type, each.name) for each in cloud.rest.media.uploaded] == [
        ("voice", "a.mp3"),
        ("image", "cover.jpg"),
        ("video", "a.mp4"),
    ]


async def test_a_video_without_a_cover_goes_as_a_file(cloud: Cloud, write: Write, tmp_path: Path) -> None:
    async with open_uploads(cloud, media_probe=str(program(tmp_path / "ffprobe", prints=b"2.5"))) as uploads:
        assert (await uploads.message(Attachment(write("a.mp4", MP4), "video"))).msg_key == "sampleFile"


async def test_a_file_is_refused_before_anything_is_called(
    autojump_clock: trio.abc.Clock, cloud: Cloud, uploads: Uploads, tmp_path: Path
) -> None:
    with (tmp_path / "large.pdf").open("wb") as file:
        file.truncate(20 * 2**20 + 1)
    for attachment, reason in (
        (Attachment(tmp_path / "large.pdf"), r"20,971,521 bytes, and DingTalk takes 20,971,520 at most"),
        (Attachment(tmp_path / "nothing.pdf"), "no such file"),
        (Attachment(tmp_path), "not a regular file"),
        (Attachment(), "without a path"),
    ):
        with pytest.raises(RequestFailed, match=reason):
            await uploads.message(attachment)
    assert not cloud.requests


async def test_only_what_an_answer_named_must_lie_below_the_roots(
    autojump_clock: trio.abc.Clock, cloud: Cloud, write: Write, tmp_path: Path
) -> None:
    path = write("a.pdf", PDF)
    (tmp_path / "root").mkdir()
    inside = write("root/b.pdf", PDF)
    async with open_uploads(cloud, media_roots=[tmp_path / "root"]) as uploads:
        await uploads.message(Attachment(path))
        await uploads.message(Named(inside))
        with pytest.raises(RequestFailed, match="not below media_roots"):
            await uploads.message(Named(path))
    assert len(cloud.rest.media.uploaded) == 2


async def test_a_refusal_of_dingtalk_names_the_file(
    autojump_clock: trio.abc.Clock, uploads: Uploads, write: Write
) -> None:
    with pytest.raises(RequestFailed, match=r"notes\.txt as file: DingTalk refused it: 200 40004") as caught:
        await uploads.message(Attachment(write("notes.txt", b"hello")))
    assert caught.value.code == "40004"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(body='{"errcode":40006,"errmsg":"size"}'), RequestFailed),
        (Answer(body='{"errcode":60011,"errmsg":"no permission"}'), RequestFailed),
        (Answer(status=403, body='{"code":"Forbidden.AccessDenied.IpNotInWhiteList"}'), RequestFailed),
        (Answer(status=413, body="<html>too large</html>", content_type="text/html"), RequestFailed),
        (Answer(body='{"errcode":90018,"errmsg":"too fast"}'), RateLimited),
        (Answer(status=403, body='{"code":"Forbidden.AccessDenied.QpsLimitForApi"}'), RateLimited),
        (Answer(status=504, body=""), RateLimited),
        (Answer(body="<html>ok</html>", content_type="text/html"), RateLimited),
        (Answer(body='{"errcode":0,"errmsg":"ok"}'), RateLimited),
        (Answer(ending="swallow"), RateLimited),
    ],
)
async def test_every_answer_says_what_to_do_next(
    autojump_clock: trio.abc.Clock, cloud: Cloud, uploads: Uploads, write: Write, answer: Answer, error: type[Exception]
) -> None:
    cloud.rest.scripts.add(UPLOAD, answer)
    with pytest.raises(error):
        await uploads.message(Attachment(write("a.pdf", PDF)))
    assert cloud.rest.calls[UPLOAD] == 1
    await uploads.message(Attachment(write("a.pdf", PDF)))


async def test_an_upload_without_an_answer_is_given_up_after_its_own_time(
    autojump_clock: trio.abc.Clock, cloud: Cloud, write: Write
) -> None:
    cloud.rest.scripts.hang(UPLOAD)
    async with open_uploads(cloud, http_timeout=7, media_timeout=50) as uploads:
        with pytest.raises(RateLimited, match=r"nobody knows whether DingTalk took a\.pdf"):
            await uploads.message(Attachment(write("a.pdf", PDF)))
    assert trio.current_time() == pytest.approx(50, abs=1)


async def test_a_token_that_is_no_longer_good_is_replaced(
    autojump_clock: trio.abc.Clock, cloud: Cloud, uploads: Uploads, write: Write
) -> None:
    await uploads.upload(write("a.pdf", PDF))
    cloud.rest.expire_tokens()
    await uploads.upload(write("a.pdf", PDF))
    assert (cloud.rest.calls[OLD_TOKEN], cloud.rest.calls[UPLOAD], len(cloud.rest.media.uploaded)) == (2, 3, 2)


async def test_nothing_is_sent_where_nobody_listens(autojump_clock: trio.abc.Clock, cloud: Cloud, write: Write) -> None:
    async with open_uploads(cloud, oapi_endpoint="http://127.0.0.1:9") as uploads:
        with pytest.raises((NotSent, ConnectionLost)):
            await uploads.upload(write("a.pdf", PDF))


async def test_one_file_at_a_time_is_in_memory(autojump_clock: trio.abc.Clock, cloud: Cloud, write: Write) -> None:
    reads = list[float]()

    async def disk(function: Callable[[], Any], /) -> Any:
        reads.append(trio.current_time())
        return function()

    cloud.rest.scripts.hang(UPLOAD, times=2)
    began = trio.current_time()
    async with open_uploads(cloud, disk, media_timeout=10) as uploads, trio.open_nursery() as nursery:

        async def upload(name: str) -> None:
            with trio.move_on_after(1000), pytest.raises(RateLimited):
                await uploads.upload(write(name, PDF))

        nursery.start_soon(upload, "a.pdf")
        nursery.start_soon(upload, "b.pdf")
    assert [at - began for at in reads] == [0, 10]


async def test_media_ids_are_sent_as_they_were_received(
    autojump_clock: trio.abc.Clock, cloud: Cloud, uploads: Uploads, write: Write
) -> None:
    cloud.rest.scripts.add(UPLOAD, Answer(body=json.dumps({"errcode": 0, "media_id": "@lAD$x-1"})))
    assert (await uploads.message(Attachment(write("a.png", PNG), "image"))).fields() == {"photoURL": "@lAD$x-1"}
