"""Where received files land."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import pytest
import trio

from tests.engine.conftest import OpenFake
from tests.engine.fake import FakeServer
from trio_bridge.engine.executors import T, in_thread, inline
from trio_bridge.engine.files import CHUNK, LEFT_OVER, Files, Receive, beside, open_files
from trio_bridge.errors import RequestFailed, StoreUnavailable
from trio_bridge.messages import Attachment, Conversation, Message, PathLike, Sender


def giving(pieces: Iterable[bytes]) -> Receive:
    waiting = iter(pieces)

    async def receive() -> bytes:
        await trio.lowlevel.checkpoint()
        return next(waiting, b"")

    return receive


def failing(pieces: Iterable[bytes]) -> Receive:
    def all_and_then() -> Iterable[bytes]:
        yield from pieces
        raise ConnectionError("cut")

    return giving(all_and_then())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[Files]:
    async with open_files(tmp_path / "bridge-files", inline) as subject:
        yield subject


async def test_a_file_lands_whole_under_a_name_of_ours(files: Files, tmp_path: Path) -> None:
    path = await files.keep(giving([b"one ", b"two"]), "../../报告.pdf")
    assert path.read_bytes() == b"one two"
    assert path.parent == tmp_path / "bridge-files"
    assert path.name.endswith("-报告.pdf")
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert await files.keep(giving([]), "报告.pdf") != path
    assert sorted(os.listdir(tmp_path)) == ["bridge-files"]


async def test_a_thread_writes_what_the_loop_received(tmp_path: Path) -> None:
    async with open_files(tmp_path, in_thread()) as files:
        path = await files.keep(giving([b"x" * 100_000] * 20), "x")
    assert path.stat().st_size == 2_000_000


async def test_whoever_names_a_file_gets_it_there_in_place_of_the_old_one(files: Files, tmp_path: Path) -> None:
    target = tmp_path / "named.png"
    target.write_bytes(b"old")
    assert await files.keep(giving([b"new"]), "other.gif", target) == target
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["named.png"]


async def test_whoever_names_a_folder_gets_a_random_name_in_it(files: Files, tmp_path: Path) -> None:
    path = await files.keep(giving([b"new"]), "a.png", str(tmp_path))
    assert path.parent == tmp_path
    assert path.name.endswith("-a.png")
    assert path.name != "a.png"


async def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(files: Files, tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "link"
    victim.write_bytes(b"precious")
    link.symlink_to(victim)
    await files.keep(giving([b"new"]), "", link)
    assert victim.read_bytes() == b"precious"
    assert not link.is_symlink()
    assert link.read_bytes() == b"new"


async def test_a_name_that_is_taken_is_not_ours(tmp_path: Path) -> None:
    ids = iter(["1", "2", "3"])
    files = Files(tmp_path, inline, new_id=lambda: next(ids))
    (tmp_path / "1-a").write_bytes(b"there before")
    (tmp_path / "2-a").symlink_to(tmp_path / "nowhere")
    assert await files.keep(giving([b"new"]), "a") == tmp_path / "3-a"
    assert (tmp_path / "1-a").read_bytes() == b"there before"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("to", [None, "named"])
async def test_what_was_cut_leaves_nothing(files: Files, tmp_path: Path, to: str | None) -> None:
    place: PathLike | None = None if to is None else tmp_path / to
    with pytest.raises(ConnectionError, match="cut"):
        await files.keep(failing([b"x" * CHUNK, b"y"]), "a", place)
    assert [name for _, _, names in os.walk(tmp_path) for name in names] == []


async def test_what_was_cancelled_leaves_nothing(files: Files, tmp_path: Path, autojump_clock: object) -> None:
    async def silent() -> bytes:
        await trio.sleep_forever()
        raise AssertionError

    with trio.move_on_after(1) as scope:
        await files.keep(silent, "a")
    assert scope.cancelled_caught
    assert os.listdir(tmp_path / "bridge-files") == []


async def test_an_old_file_stays_until_the_new_one_is_whole(files: Files, tmp_path: Path) -> None:
    target = tmp_path / "named"
    target.write_bytes(b"old")
    with pytest.raises(ConnectionError):
        await files.keep(failing([b"new"]), "", target)
    assert target.read_bytes() == b"old"


async def test_memory_holds_a_chunk_and_no_more(tmp_path: Path) -> None:
    piece, count = b"x" * 65_536, 3200  # 200 MB
    received = written = most = 0

    async def receive() -> bytes:
        nonlocal received, most
        await trio.lowlevel.checkpoint()
        if received == count * len(piece):
            return b""
        received += len(piece)
        most = max(most, received - written)
        return piece

    async def disk(function: Callable[[], T], /) -> T:
        nonlocal written
        args = getattr(function, "args", ())
        if args and isinstance(args[0], bytearray):
            written += len(args[0])
            args[0].clear()  # The disk is not what is tested.
        return function()

    path = await Files(tmp_path, disk).keep(receive, "x")
    assert received == written == 200 * 2**20
    assert most <= CHUNK + len(piece)
    assert path.exists()


@pytest.mark.parametrize(
    ("to", "reason"), [("nowhere/file", "no such file or directory"), ("plain/file", "not a directory")]
)
async def test_a_disk_that_will_not_have_it_is_named(files: Files, tmp_path: Path, to: str, reason: str) -> None:
    (tmp_path / "plain").write_bytes(b"")
    with pytest.raises(StoreUnavailable, match=f"a received file can't be kept in .*{to}: {reason}"):
        await files.keep(giving([b"x"]), "a", tmp_path / to)


async def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    async def full(function: Callable[[], T], /) -> T:
        if getattr(function, "args", None) == (bytearray(b"x"),):
            raise OSError(28, "No space left on device")
        return function()

    with pytest.raises(StoreUnavailable, match="no space left on device"):
        await Files(tmp_path, full).keep(giving([b"x"]), "a")
    assert os.listdir(tmp_path) == []


async def test_without_a_folder_there_is_a_private_one_that_goes_with_the_bridge() -> None:
    async with open_files(None, inline) as files:
        path = await files.keep(giving([b"x"]), "a")
        assert mode(path.parent) == 0o700
        assert (await files.keep(giving([b"x"]), "b")).parent == path.parent
    assert not path.parent.exists()


@pytest.mark.parametrize("place", [None, "files"])
async def test_a_folder_that_was_taken_away_is_made_anew(tmp_path: Path, place: str | None) -> None:
    async with open_files(None if place is None else tmp_path / place, inline) as files:
        first = await files.keep(giving([b"x"]), "a")
        first.unlink()
        first.parent.rmdir()
        again = await files.keep(giving([b"y"]), "a")
        assert again.read_bytes() == b"y"
        assert mode(again.parent) == 0o700


async def test_a_folder_that_nothing_lands_in_is_not_made(tmp_path: Path) -> None:
    async with open_files(tmp_path / "files", inline) as files:
        await files.keep(giving([]), "x", tmp_path / "elsewhere")
    assert not (tmp_path / "files").exists()


async def test_what_a_dead_process_left_unfinished_is_taken_away(tmp_path: Path) -> None:
    old, young, ours = tmp_path / ".a.part", tmp_path / ".b.part", tmp_path / "0-a.part"
    for path in (old, young, ours):
        path.write_bytes(b"half")
    long_ago = time.time() - LEFT_OVER - 60
    for path in (old, ours):
        os.utime(path, (long_ago, long_ago))
    async with open_files(tmp_path, inline) as files:
        await files.keep(giving([]), "x")
    assert not old.exists()
    assert young.exists()
    assert ours.exists()


def test_the_folder_lies_beside_the_store() -> None:
    assert beside(Path("/var/lib/bridge.db")) == Path("/var/lib/bridge-files")


async def test_a_platform_without_files_says_so(
    autojump_clock: object, server: FakeServer, open_fake: OpenFake
) -> None:
    async def fetch(message: Message) -> str:
        with pytest.raises(RequestFailed, match="this platform has no files to fetch"):
            await message.download(Attachment(), "nowhere")
        return "told"

    async with open_fake(fetch):
        (await server.connection()).push("anything")
        await server.until(lambda: bool(server.answers))


async def test_a_message_that_no_bridge_delivered_has_none_either() -> None:
    message = Message(platform="fake", account="a", id="1", conversation=Conversation("c"), sender=Sender("s"), text="")
    with pytest.raises(RuntimeError, match="not delivered by a bridge"):
        await message.download(Attachment())
