"""Files of this machine that go to Feishu: once each, as what they are, and none that may not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bots.media import JPEG, MP4, PDF, PNG, mp4, opus
from tests.platforms.feishu.office import Account, Office, open_account, open_office, refused
from trio_bridge.bots.media.markers import Named
from trio_bridge.errors import RateLimited, RequestFailed
from trio_bridge.gateways.calls import Answer
from trio_bridge.messages import Attachment
from trio_bridge.platforms.feishu.gateway.files import UPLOAD_FILE, UPLOAD_IMAGE, Medium
from trio_bridge.platforms.feishu.media.keys import GOOD_FOR, MOST, Keys
from trio_bridge.platforms.feishu.media.types import LARGEST_FILE, Upload
from trio_bridge.platforms.feishu.sending.contents import Content


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with open_office() as office:
        yield office


@pytest.fixture
async def account(office: Office, tmp_path: Path) -> AsyncIterator[Account]:
    async with open_account(office, tmp_path / "files", media_roots=[tmp_path / "shared"]) as account:
        yield account


def written(folder: Path, name: str, content: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def fields(content: Content) -> dict[str, str]:
    said = json.loads(content.json)
    assert isinstance(said, dict)
    return said


def only(office: Office) -> Medium:
    [medium] = office.rest.files.uploaded
    return medium


async def test_a_picture_is_shown_as_one(
    autojump_clock: object, office: Office, account: Account, tmp_path: Path
) -> None:
    content = await account.uploads.message(Attachment(written(tmp_path, "a.png", PNG), kind="image"))
    assert (content.type, fields(content)) == ("image", {"image_key": only(office).key})
    assert (only(office).content, only(office).media_type) == (PNG, "image/png")


async def test_a_recording_is_handed_in_with_its_length(
    autojump_clock: object, office: Office, account: Account, tmp_path: Path
) -> None:
    content = await account.uploads.message(Attachment(written(tmp_path, "a.opus", opus(4.2)), kind="audio"))
    assert (content.type, fields(content)) == ("audio", {"file_key": only(office).key})
    assert (only(office).type, only(office).name, only(office).duration) == ("opus", "a.opus", "4200")


async def test_a_video_is_shown_as_one_and_without_a_program_has_no_cover(
    autojump_clock: object, office: Office, account: Account, tmp_path: Path
) -> None:
    content = await account.uploads.message(Attachment(written(tmp_path, "a.mp4", mp4(61)), kind="video"))
    assert (content.type, fields(content)) == ("media", {"file_key": only(office).key})
    assert (only(office).type, only(office).duration) == ("mp4", "61000")


async def test_a_program_makes_the_picture_that_stands_for_a_video(office: Office, tmp_path: Path) -> None:
    program = written(tmp_path, "ffmpeg", f"#!/bin/sh\ncat {tmp_path}/picture\n".encode())
    program.chmod(0o700)
    written(tmp_path, "picture", JPEG)
    async with open_account(office, tmp_path / "files", media_cover=str(program)) as account:
        for _ in range(2):
            content = await account.uploads.message(Attachment(written(tmp_path, "a.mp4", MP4), kind="video"))
    video, cover = office.rest.files.uploaded
    assert fields(content) == {"file_key": video.key, "image_key": cover.key}
    assert cover.content == JPEG


async def test_everything_else_is_a_file_by_its_name(
    autojump_clock: object, office: Office, account: Account, tmp_path: Path
) -> None:
    path = written(tmp_path, "a.pdf", PDF)
    content = await account.uploads.message(Attachment(path, name="../../报告 (1)"))
    assert (content.type, fields(content)) == ("file", {"file_key": only(office).key})
    assert (only(office).type, only(office).name, only(office).duration) == ("pdf", "报告 (1).pdf", "")


async def test_what_was_handed_in_is_not_handed_in_again(
    autojump_clock: object, office: Office, account: Account, tmp_path: Path
) -> None:
    first = await account.uploads.message(Attachment(written(tmp_path, "a.pdf", PDF)))
    assert await account.uploads.message(Attachment(written(tmp_path / "other", "a.pdf", PDF))) == first
    assert office.calls == ["POST /im/v1/files"]
    # Under another name, or as something else, it is another file to Feishu.
    assert await account.uploads.message(Attachment(written(tmp_path, "b.pdf", PDF))) != first
    written(tmp_path, "a.pdf", PDF + b"%")
    assert await account.uploads.message(Attachment(tmp_path / "a.pdf")) != first
    assert len(office.rest.files.uploaded) == 3


async def test_a_key_is_not_trusted_for_ever(
    autojump_clock: object, office: Office, account: Account, tmp_path: Path
) -> None:
    path = written(tmp_path, "a.png", PNG)
    key = await account.uploads.image(path)
    autojump_clock.jump(GOOD_FOR - 1)  # type: ignore[attr-defined]
    assert await account.uploads.image(path) == key
    autojump_clock.jump(1)  # type: ignore[attr-defined]
    assert await account.uploads.image(path) != key


async def test_of_many_keys_the_oldest_are_forgotten(autojump_clock: object) -> None:
    keys = Keys()
    for number in range(MOST + 1):
        keys.put(b"%d" % number, Upload("file", "a", "text/plain"), f"file_{number}")
    assert keys.get(b"0", Upload("file", "a", "text/plain")) == ""
    assert keys.get(b"1", Upload("file", "a", "text/plain")) == "file_1"
    assert keys.get(b"1", Upload("image", "a", "text/plain")) == ""


async def test_a_file_that_is_empty_or_too_large_is_not_handed_in(
    autojump_clock: object, office: Office, account: Account, tmp_path: Path
) -> None:
    written(tmp_path, "empty", b"")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    with pytest.raises(RequestFailed, match="it is empty"):
        await account.uploads.message(Attachment(tmp_path / "empty"))
    with pytest.raises(RequestFailed, match="31,457,281 bytes, and Feishu takes 31,457,280 at most"):
        await account.uploads.file(tmp_path / "large")
    assert office.calls == []


async def test_an_answer_sends_files_only_from_below_the_roots(
    autojump_clock: object, office: Office, account: Account, tmp_path: Path
) -> None:
    inside, outside = written(tmp_path / "shared", "a.pdf", PDF), written(tmp_path, "secret.pdf", PDF)
    assert (await account.uploads.message(Named(inside))).type == "file"
    with pytest.raises(RequestFailed, match="not below media_roots"):
        await account.uploads.message(Named(outside))
    with pytest.raises(RequestFailed, match="without a path"):
        await account.uploads.message(Named())
    # What a program attaches may lie anywhere.
    assert (await account.uploads.message(Attachment(outside))).type == "file"


async def test_a_picture_for_a_card_is_one_that_feishu_shows(
    autojump_clock: object, office: Office, account: Account, tmp_path: Path
) -> None:
    with pytest.raises(RequestFailed, match=r"a\.pdf is no picture that Feishu shows"):
        await account.uploads.image(written(tmp_path, "a.pdf", PDF))
    with pytest.raises(RequestFailed, match="an image key"):
        await account.uploads.file(written(tmp_path, "a.png", PNG), kind="image")
    assert office.calls == []


async def test_a_refusal_says_which_file_it_was(
    autojump_clock: object, office: Office, account: Account, tmp_path: Path
) -> None:
    office.rest.scripts.add(UPLOAD_IMAGE, refused(234011, "Can't recognize the image format."))
    with pytest.raises(RequestFailed, match=r"a\.png as image: .*234011.*image format") as caught:
        await account.uploads.message(Attachment(written(tmp_path, "a.png", PNG), kind="image"))
    assert caught.value.code == "234011"


@pytest.mark.parametrize("ending", ["swallow", "answer"])
async def test_an_upload_without_an_answer_is_to_be_tried_later(
    autojump_clock: object, office: Office, account: Account, tmp_path: Path, ending: str
) -> None:
    if ending == "swallow":
        office.rest.scripts.swallow(UPLOAD_FILE)
    else:
        office.rest.scripts.add(UPLOAD_FILE, Answer(status=502, body="<html>"))
    path = written(tmp_path, "a.pdf", PDF)
    with pytest.raises(RateLimited):
        await account.uploads.message(Attachment(path))
    assert (await account.uploads.message(Attachment(path))).type == "file"
