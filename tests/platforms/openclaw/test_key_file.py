"""The file of a key: private, whole, made once, and never replaced."""

import errno
import json
import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trio_bridge.errors import AccountRefused, StoreUnavailable
from trio_bridge.platforms.openclaw.access import key_file
from trio_bridge.platforms.openclaw.access.key_file import is_there, read_key, read_or_make_key
from trio_bridge.platforms.openclaw.access.signing import base64url

KEY = bytes(range(32))
NOW = 1795163828.742


@pytest.fixture
def path(tmp_path):
    return tmp_path / "private" / "device.key"


def put(path, text, mode=0o600):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)


def good(**changes):
    return json.dumps({"version": 1, "private_key": base64url(KEY), "created_at_ms": 1} | changes)


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_made_when_it_is_first_needed(path):
    assert read_key(path) is None
    assert not path.parent.exists()

    key = read_or_make_key(path, NOW)

    assert json.loads(path.read_text()) == {
        "version": 1,
        "private_key": base64url(key),
        "created_at_ms": 1795163828742,
    }
    assert read_or_make_key(path, NOW + 1) == read_key(path) == key


def test_only_its_owner_may_read_it(tmp_path, path):
    tmp_path.chmod(0o755)
    deep = path.parent / "deeper" / path.name

    before = os.umask(0)
    try:
        read_or_make_key(deep, NOW)
    finally:
        os.umask(before)

    assert [mode_of(place) for place in (deep, deep.parent, path.parent)] == [0o600, 0o700, 0o700]
    assert mode_of(tmp_path) == 0o755, "a folder that was there is the user's"


def test_nothing_is_left_beside_it(path):
    read_or_make_key(path, NOW)

    assert list(path.parent.iterdir()) == [path]


def test_it_is_on_the_disk_before_it_has_its_name(path, monkeypatch):
    done = []
    fsync, link = os.fsync, os.link

    def noting_fsync(descriptor):
        fsync(descriptor)
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")

    def noting_link(old, new):
        link(old, new)
        done.append("name")

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(os, "link", noting_link)
    read_or_make_key(path, NOW)

    assert done == ["folder", "file", "name", "folder"], "the first is where its folder was made"


def test_home_is_the_users_own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))

    key = read_or_make_key(Path("~/device.key"), NOW)

    assert read_key(tmp_path / "device.key") == key


def test_a_user_without_a_home_is_no_accident(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    read_or_make_key(Path("~nobody-of-this-name/device.key"), NOW)

    assert (tmp_path / "~nobody-of-this-name" / "device.key").exists()


def test_whether_there_is_something_is_known_without_an_accident(tmp_path):
    link = tmp_path / "link"
    assert not is_there(link)
    link.symlink_to(tmp_path / "nowhere")  # no key can be made in its place: that is said when it is tried
    assert is_there(link)
    assert not is_there(Path("with\0nothing"))
    assert not is_there(Path("~no-such-user/device.key"))


def test_who_comes_second_uses_the_key_that_is_there(path, monkeypatch):
    """The other process is through between our look and our file."""
    new_record, theirs = key_file.new_record, []

    def overtaken(created_at):
        monkeypatch.setattr(key_file, "new_record", new_record)
        theirs.append(read_or_make_key(path, created_at))
        return new_record(created_at)

    monkeypatch.setattr(key_file, "new_record", overtaken)
    ours = read_or_make_key(path, NOW)

    assert [ours] == theirs
    assert list(path.parent.iterdir()) == [path]


def test_many_at_once_end_with_one_key(tmp_path):
    makers = 8
    for round_ in range(20):
        path = tmp_path / str(round_) / "device.key"
        keys, gate = [], threading.Barrier(makers)

        def make(path=path, keys=keys, gate=gate):
            gate.wait(timeout=30)
            keys.append(read_or_make_key(path, NOW))

        threads = [threading.Thread(target=make) for _ in range(makers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)

        assert len(keys) == makers
        assert set(keys) == {read_key(path)}
        assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no JSON"),
        ("\0" * 110, "no JSON"),
        (b"\xff\xfe{}", "no JSON"),
        (good()[:-10], "no JSON"),
        ("[" * 4000, "no JSON"),
        ("[]", "no JSON object"),
        ("null", "no JSON object"),
        ("{}", "version 1 was expected"),
        (good(version=2), "version 1 was expected"),
        (good(private_key=base64url(bytes(31))), "not the base64url text of 32 bytes"),
        (good(private_key=base64url(KEY)[:-1] + "?"), "not the base64url text of 32 bytes"),
        (good(private_key=None), "not the base64url text of 32 bytes"),
        (good() + " " * 5000, "more than 4096 bytes"),
    ],
    ids=[
        "empty",
        "zeros",
        "no-text",
        "cut",
        "nested",
        "list",
        "null",
        "no-version",
        "later-version",
        "short-key",
        "strange-key",
        "no-key",
        "large",
    ],
)
def test_a_damaged_file_is_said_and_left_alone(path, text, reason):
    put(path, text)
    before = path.read_bytes()

    with pytest.raises(AccountRefused, match=reason) as caught:
        read_or_make_key(path, NOW)

    assert caught.value.kind == "misconfigured"
    assert str(path) in str(caught.value)
    assert "approved again" in str(caught.value), "what a new key would mean"
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_what_stands_in_a_damaged_file_is_not_repeated(path):
    put(path, good()[:-1])

    with pytest.raises(AccountRefused) as caught:
        read_or_make_key(path, NOW)

    assert base64url(KEY)[:8] not in f"{caught.value!r} {caught.value.__cause__!r} {vars(caught.value)}"


@given(junk=st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_junk_raises_anything_else_or_is_replaced(path, junk):
    put(path, junk)

    with pytest.raises(AccountRefused):
        read_or_make_key(path, NOW)

    assert path.read_bytes() == junk


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601, 0o620, 0o644, 0o666])
def test_a_file_that_others_may_use_is_refused_and_stays_so(path, mode):
    put(path, good(), mode)

    with pytest.raises(AccountRefused, match=rf"mode 0{mode:o}.*chmod 600") as caught:
        read_or_make_key(path, NOW)

    assert caught.value.kind == "misconfigured"
    assert mode_of(path) == mode


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440, 0o640])
def test_a_group_may_read_it(path, mode):
    put(path, good(), mode)

    assert read_or_make_key(path, NOW) == KEY


def test_a_link_leads_to_the_file(tmp_path, path):
    put(path, good())
    link = tmp_path / "link"
    link.symlink_to(path)

    assert read_or_make_key(link, NOW) == KEY


def folder(path):
    path.mkdir(parents=True)


def pipe(path):
    path.parent.mkdir()
    os.mkfifo(path, 0o600)


def link_to_nothing(path):
    path.parent.mkdir()
    path.symlink_to("nothing")


def link_to_itself(path):
    path.parent.mkdir()
    path.symlink_to(path)


def file_for_a_folder(path):
    path.parent.write_text("")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (folder, "it is not a file"),
        (pipe, "it is not a file"),
        (link_to_nothing, "leads nowhere"),
        (link_to_itself, "symbolic links"),
        (file_for_a_folder, "not a directory"),
    ],
)
def test_what_is_no_file_is_refused(path, make, reason):
    make(path)

    with pytest.raises(AccountRefused, match=reason) as caught:
        read_or_make_key(path, NOW)

    assert caught.value.kind == "misconfigured"


@pytest.mark.parametrize("name", ["x" * 300, "null\0", "half \ud800"], ids=["long", "null", "half"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path, name):
    with pytest.raises(AccountRefused, match="What to do"):
        read_or_make_key(tmp_path / name, NOW)


def failing(code):
    def fail(*_args, **_options):
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize("call", ["open", "fsync", "link"])
@pytest.mark.parametrize(
    ("code", "error"),
    [
        (errno.EACCES, AccountRefused),
        (errno.EROFS, AccountRefused),
        (errno.EPERM, AccountRefused),
        (errno.ENOSPC, StoreUnavailable),
        (errno.EIO, StoreUnavailable),
        (errno.EMFILE, StoreUnavailable),
    ],
)
def test_trouble_with_the_disk_is_explained_and_leaves_nothing(path, monkeypatch, call, code, error):
    path.parent.mkdir()
    with monkeypatch.context() as broken:
        broken.setattr(os, call, failing(code))
        with pytest.raises(error, match=r"device_key_file .*device\.key") as caught:
            read_or_make_key(path, NOW)

    assert os.strerror(code).lower() in str(caught.value)
    assert list(path.parent.iterdir()) == []
    assert read_or_make_key(path, NOW) == read_key(path), "it works when the trouble is over"
