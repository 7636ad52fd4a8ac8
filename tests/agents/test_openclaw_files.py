"""Which received files go to a gateway, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from trio_bridge import AccountRefused, Attachment, Conversation, Message, RateLimited, RequestFailed, Sender
from trio_bridge.agents.openclaw.agent import PassedOn
from trio_bridge.agents.openclaw.files import MOST, Passed, Room, pass_on
from trio_bridge.engine.executors import inline

ROOM = Room(image=1000, file=2000, whole=100_000)
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"

Source = bytes | Exception


@attrs.define
class Fetching:
    """What a message can be asked for: its files, by name."""

    files: dict[str, Source]
    folders: list[Path] = attrs.Factory(list)

    async def download(self, attachment: Attachment, to: Path) -> Path:
        self.folders.append(to)
        source = self.files[attachment.name]
        if isinstance(source, Exception):
            raise source
        path = to / f"{len(self.folders)}-x"
        path.write_bytes(source)
        return path


def message_with(fetching: Fetching, *attachments: Attachment) -> Message:
    return Message(
        platform="fake",
        account="a",
        id="m1",
        conversation=Conversation("talk"),
        sender=Sender("somebody"),
        text="look",
        attachments=attachments,
        context=fetching,  # type: ignore[arg-type]  # Nothing else is asked for.
    )


async def passed_on(
    files: dict[str, Source], *kinds: str, which: PassedOn = "images", room: Room = ROOM
) -> tuple[Passed, Fetching]:
    fetching = Fetching(files)
    attachments = [
        Attachment(name=name, kind=kind)  # type: ignore[arg-type]
        for name, kind in zip(files, kinds or ["image"] * len(files), strict=True)
    ]
    return await pass_on(message_with(fetching, *attachments), which, room, inline), fetching


@pytest.mark.parametrize(
    ("start", "media_type"),
    [
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFFxxxxWEBP", "image/webp"),
        (b"?", "image/png"),
    ],
    ids=["png", "jpeg", "gif", "webp", "other"],
)
async def test_a_picture_is_what_it_is_not_what_it_is_called(start: bytes, media_type: str) -> None:
    passed, fetching = await passed_on({"evil.exe": start + b"rest"})
    [file] = passed.files
    assert (file.name, file.data, file.media_type, passed.notes) == ("evil.exe", start + b"rest", media_type, ())
    assert not any(folder.exists() for folder in fetching.folders)


async def test_only_pictures_are_passed_on_or_all_or_none() -> None:
    files: dict[str, Source] = {"a.png": PNG, "../b.pdf": b"%PDF", "": b"sound"}
    kinds = ("image", "file", "audio")
    passed, _ = await passed_on(files, *kinds)
    assert [file.name for file in passed.files] == ["a.png"]
    assert passed.notes == ("[file b.pdf: not passed on]", "[recording: not passed on]")
    passed, _ = await passed_on(files, *kinds, which="all")
    assert [(file.name, file.media_type) for file in passed.files] == [
        ("a.png", "image/png"),
        ("b.pdf", "application/pdf"),
        ("recording", "application/octet-stream"),
    ]
    passed, fetching = await passed_on(files, *kinds, which="none")
    assert (passed.files, len(passed.notes), fetching.folders) == ((), 3, [])


async def test_what_the_gateway_would_not_take_is_named() -> None:
    passed, _ = await passed_on({"a.png": bytes(1001), "b.pdf": bytes(1001)}, "image", "file", which="all")
    assert [file.name for file in passed.files] == ["b.pdf"]
    assert passed.notes == ("[picture a.png: too large to be passed on: 1001 bytes]",)


async def test_all_together_have_to_fit_into_one_request() -> None:
    room = attrs.evolve(ROOM, whole=2800)
    passed, _ = await passed_on({"a": bytes(1000), "b": bytes(1000), "c": bytes(1000)}, room=room)
    assert [file.name for file in passed.files] == ["a", "b"]
    assert len(passed.notes) == 1


async def test_there_is_an_end_to_how_many_are_passed_on() -> None:
    passed, fetching = await passed_on({f"{n}.png": PNG for n in range(MOST + 5)})
    assert (len(passed.files), len(passed.notes), len(fetching.folders)) == (MOST, 5, MOST)


@pytest.mark.parametrize(
    "error", [RequestFailed("gone"), AccountRefused("not allowed", kind="auth")], ids=["gone", "refused"]
)
async def test_what_can_never_be_fetched_is_named(error: Exception) -> None:
    passed, _ = await passed_on({"a.png": error, "b.png": PNG})
    assert [file.name for file in passed.files] == ["b.png"]
    assert passed.notes == (f"[picture a.png: could not be fetched: {error}]",)


async def test_what_can_not_be_fetched_now_is_tried_again_and_leaves_nothing() -> None:
    fetching = Fetching({"a.png": PNG, "b.png": RateLimited("later")})
    message = message_with(fetching, Attachment(name="a.png", kind="image"), Attachment(name="b.png", kind="image"))
    with pytest.raises(RateLimited):
        await pass_on(message, "images", ROOM, inline)
    assert not any(folder.exists() for folder in fetching.folders)
