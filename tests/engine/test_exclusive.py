"""One process of a machine at a time."""

from __future__ import annotations

import stat
import tempfile
from pathlib import Path

import pytest

from tests.engine.rival import Rival
from trio_bridge.engine.exclusive import hold_exclusively
from trio_bridge.errors import AccountRefused


@pytest.fixture(autouse=True)
def runtime_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def test_what_another_process_holds_is_refused_until_it_ends() -> None:
    with Rival("app") as rival:
        assert rival.gets_it()
        with pytest.raises(AccountRefused, match="another process") as caught, hold_exclusively("app"):
            pass
        assert caught.value.kind == "limited"
        with hold_exclusively("another app"):
            pass
        rival.kill()
        with hold_exclusively("app"):
            pass


def test_what_this_process_holds_no_other_gets_before_the_last_user_is_through() -> None:
    with Rival("app") as rival:
        with hold_exclusively("app"):
            with hold_exclusively("app"):
                assert not rival.gets_it()
            assert not rival.gets_it()
        assert rival.gets_it()


def test_nothing_is_held_without_a_key(runtime_directory: Path) -> None:
    with hold_exclusively(None):
        assert list(runtime_directory.iterdir()) == []


def test_lock_files_are_nobody_elses_business(runtime_directory: Path) -> None:
    with hold_exclusively("app"):
        (directory,) = runtime_directory.iterdir()
        (file,) = directory.iterdir()
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert "app" not in file.name


def test_a_runtime_directory_that_is_gone_is_replaced_by_the_temporary_one(
    runtime_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes when its user logs out, and a program that was left running still has its name."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime_directory / "gone"))
    monkeypatch.setattr(tempfile, "tempdir", str(runtime_directory))
    with Rival("app", TMPDIR=str(runtime_directory)) as rival, hold_exclusively("app"):
        assert not rival.gets_it()


def test_without_any_place_for_a_lock_nothing_is_held_and_nobody_is_refused(
    runtime_directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (runtime_directory / "file").touch()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime_directory / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(runtime_directory / "file"))
    with hold_exclusively("app"), hold_exclusively("app"):
        pass
    assert "can't be kept" in caplog.text
