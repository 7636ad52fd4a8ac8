"""Files of this machine: which are read, and which are not."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from trio_bridge.bots.media import files
from trio_bridge.bots.media.files import read_media
from trio_bridge.errors import NotSent, RequestFailed

LARGEST = 1000
TAKER = "Somebody"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_bytes(b"secret")
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.txt").write_bytes(b"hello")
    return root


def refusal(path: Path | str, *roots: Path) -> str:
    with pytest.raises(RequestFailed) as caught:
        read_media(Path(path), taker=TAKER, largest=LARGEST, roots=roots or None)
    assert caught.value.code == "file"
    return str(caught.value)


def test_a_file_is_read_whole(root: Path) -> None:
    assert read_media(root / "a.txt", taker=TAKER, largest=5) == b"hello"
    assert read_media(root / "a.txt", taker=TAKER, largest=5, roots=[root / "elsewhere", root]) == b"hello"


def test_a_link_is_followed_to_where_it_leads(root: Path) -> None:
    (root / "link").symlink_to(root / "a.txt")
    (root.parent / "other").symlink_to(root)
    assert read_media(root / "link", taker=TAKER, largest=LARGEST, roots=[root]) == b"hello"
    assert read_media(root / "a.txt", taker=TAKER, largest=LARGEST, roots=[root.parent / "other"]) == b"hello"
    assert read_media(root.parent / "other" / "a.txt", taker=TAKER, largest=LARGEST, roots=[root]) == b"hello"


def test_nothing_outside_the_roots_is_read(root: Path) -> None:
    (root / "link").symlink_to(root.parent / "secret.txt")
    (root / "folder").symlink_to(root.parent)
    (root.parent / "root-too").mkdir()
    (root.parent / "root-too" / "b.txt").write_bytes(b"secret")
    for path in ("../secret.txt", "link", "folder/secret.txt", "../root-too/b.txt", "./x/../../secret.txt"):
        (root / "x").mkdir(exist_ok=True)
        assert "not below media_roots" in refusal(f"{root}/{path}", root)
    assert "not below media_roots" in refusal("/etc/hostname", root)
    assert "not below media_roots" in refusal("/proc/self/environ", root)


def test_a_path_that_is_not_absolute_means_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    assert "not absolute" in refusal("a.txt", root)
    assert read_media(Path("a.txt"), taker=TAKER, largest=LARGEST) == b"hello"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nothing.txt", "no such file"),
        ("a.txt/b", "not a directory"),
        ("nul\0.txt", "there can be no such name"),
        ("\ud800.txt", "there can be no such name"),
        ("x" * 5000, "too long"),
        ("", "not a regular file"),
    ],
)
def test_what_can_not_be_read_is_named_without_its_folder(root: Path, name: str, reason: str) -> None:
    for roots in ((), (root,)):
        said = refusal(root / name, *roots)
        assert reason in said
        assert str(root.parent) not in said


def test_a_pipe_that_never_gives_a_byte_keeps_nobody(root: Path) -> None:
    os.mkfifo(root / "pipe")
    assert "not a regular file" in refusal(root / "pipe", root)


def test_a_device_is_not_opened(root: Path) -> None:
    assert "not a regular file" in refusal("/dev/zero")
    (root / "zero").symlink_to("/dev/zero")
    assert "not below media_roots" in refusal(root / "zero", root)


def test_links_in_a_circle_lead_nowhere(root: Path) -> None:
    (root / "a").symlink_to(root / "b")
    (root / "b").symlink_to(root / "a")
    assert "symbolic links" in refusal(root / "a", root)


def test_a_file_that_is_too_large_is_not_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (root / "large").open("wb") as file:
        file.truncate(LARGEST + 1)
    monkeypatch.setattr(os, "read", lambda *args: pytest.fail("a byte was read"))
    assert "1,001 bytes, and Somebody takes 1,000" in refusal(root / "large")


def test_an_empty_file_is_none(root: Path) -> None:
    (root / "empty").touch()
    assert "it is empty" in refusal(root / "empty")


def test_a_file_that_grows_while_it_is_read_is_cut_off(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, taken = os.read, list[int]()

    def growing(descriptor: int, size: int) -> bytes:
        with (root / "a.txt").open("ab") as file:
            file.write(b"x" * 400)
        taken.append(len(piece := read(descriptor, size)))
        return piece

    monkeypatch.setattr(os, "read", growing)
    assert "it grew" in refusal(root / "a.txt")
    assert sum(taken) == LARGEST + 1


def test_a_file_that_does_not_tell_its_size_is_not_read_byte_by_byte(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of ``/proc`` do."""
    (root / "long").write_bytes(b"x" * 100_000)
    stat, read, reads = os.fstat, os.read, list[int]()

    def untold(descriptor: int) -> os.stat_result:
        fields = list(stat(descriptor))
        fields[6] = 0
        return os.stat_result(fields)

    def counted(descriptor: int, size: int) -> bytes:
        reads.append(size)
        return read(descriptor, size)

    monkeypatch.setattr(os, "fstat", untold)
    monkeypatch.setattr(os, "read", counted)
    assert len(read_media(root / "long", taker=TAKER, largest=10**6)) == 100_000
    assert len(reads) == 3


def test_a_file_that_is_replaced_in_between_is_not_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def replaced(path: Path, flags: int) -> int:
        (root / "a.txt").rename(root / "b.txt")
        (root / "a.txt").write_bytes(b"another")
        return opened(root / "b.txt", flags)

    monkeypatch.setattr(os, "open", replaced)
    assert "replaced" in refusal(root / "a.txt", root)


def test_a_folder_that_becomes_a_link_in_between_is_not_entered(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "x").mkdir()
    (root / "x" / "secret.txt").write_bytes(b"harmless")
    opened = os.open

    def bent(path: Path, flags: int) -> int:
        (root / "x").rename(root / "y")
        (root / "x").symlink_to(root.parent)
        return opened(path, flags)

    monkeypatch.setattr(os, "open", bent)
    assert "replaced" in refusal(root / "x" / "secret.txt", root)


def test_a_pipe_that_takes_the_place_of_a_file_keeps_nobody(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def replaced(path: Path, flags: int) -> int:
        (root / "a.txt").unlink()
        os.mkfifo(root / "a.txt")
        assert flags & os.O_NONBLOCK
        return opened(path, flags)

    monkeypatch.setattr(os, "open", replaced)
    assert "not a regular file" in refusal(root / "a.txt", root)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO])
def test_trouble_that_passes_is_no_refusal(root: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fail(*args: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, "open", fail)
    with pytest.raises(NotSent, match="can't be read now"):
        read_media(root / "a.txt", taker=TAKER, largest=LARGEST)
