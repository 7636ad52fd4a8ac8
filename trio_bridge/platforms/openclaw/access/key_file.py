"""A file with the private key of a device, made when it is first needed.

1. It is made whole or not at all, and never over what is there: of two processes that make it at once one succeeds,
   and both use its key.
2. It is never replaced. A new key is a new device, which somebody has to approve again: what is wrong with the file is
   said, and a person decides.
3. Only its owner may read it, and at most a group. A file that everybody may read is refused and not made private in
   silence: whoever read it can be this device for good, and only a person can tell whether anybody has.

Every function here waits for the disk.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from ....errors import AccountRefused, StoreUnavailable
from ....wire.jsontext import loads
from .key_record import DamagedKey, key_of, new_record

LARGEST: Final = 4096
"""Bytes. Ours have 110; what is larger is something else."""

TOO_OPEN: Final = 0o027
"""Others may do nothing, and a group may only read: files that are mounted as secrets belong to one."""

PASSING: Final = frozenset({errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ESTALE})
"""Trouble of the machine, which may be over when it is tried again."""

DAMAGED: Final = (
    "put back a copy of it. Only if there is none move it away: the new key that is made then is a new device, "
    "which has to be approved again"
)


def is_there(path: Path) -> bool:
    """Whether there is something in its place, be it a key or not."""
    return os.path.lexists(_whole(path))


def read_key(path: Path) -> bytes | None:
    """The key in a file; ``None`` where there is no file.

    Raises:
      AccountRefused: there is a file, and it can't be read, is damaged, or is open to everybody.
      StoreUnavailable: the disk has trouble that may pass.
    """
    with _explained(path):
        try:
            # Without waiting for a writer, should it be a pipe.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        try:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise _refusal(path, "it is not a file", "name a file")
            if mode & TOO_OPEN:
                raise _refusal(
                    path,
                    f"others than its owner may use it (mode {stat.S_IMODE(mode):04o})",
                    f"if nobody has, chmod 600 {path}; else remove the device from the gateway, and the file",
                )
            text = os.read(descriptor, LARGEST + 1)
        finally:
            os.close(descriptor)
    try:
        return key_of(_record(text))
    except DamagedKey as damage:
        raise _refusal(path, f"it is damaged: {damage}", DAMAGED) from None


def read_or_make_key(path: Path, created_at: float) -> bytes:
    """The key in a file, which is made where there is none. ``~`` is the user's own folder.

    Raises:
      AccountRefused: there is a file and no key to be had from it, or there can be no file.
      StoreUnavailable: the disk has trouble that may pass.
    """
    path = _whole(path)
    key = read_key(path)
    if key is None:
        with _explained(path):
            _make_folder(path.parent)
            _place(new_record(created_at), path)
        key = read_key(path)  # it may be another's: whoever comes second uses what is there
    if key is None:
        raise _refusal(path, "it is a link that leads nowhere", "remove it, or make what it leads to")
    return key


def _whole(path: Path) -> Path:
    return Path(os.path.expanduser(path)).absolute()  # in a Path's own words it would raise where there is no home


def _record(text: bytes) -> Mapping[str, Any]:
    if len(text) > LARGEST:
        raise DamagedKey(f"it has more than {LARGEST} bytes")
    try:
        record = loads(text.decode())
    except (ValueError, RecursionError):
        raise DamagedKey("it is no JSON") from None
    if not isinstance(record, dict):
        raise DamagedKey("it is no JSON object")
    return record


def _make_folder(folder: Path) -> None:
    """A folder that is there stays as it is: it is the user's."""
    for missing in reversed([place for place in (folder, *folder.parents) if not place.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
        _sync(missing.parent)


def _place(record: Mapping[str, Any], path: Path) -> None:
    draft = path.with_name(f".{secrets.token_hex(8)}.key")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(record).encode("ascii") + b"\n")
            file.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):  # a link replaces nothing, and a rename would
            os.link(draft, path)
    finally:
        draft.unlink()
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """What was made in a folder survives a power loss."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        if error.errno in PASSING:
            raise StoreUnavailable(f"device_key_file {path}: {reason}") from error
        raise _refusal(
            path, reason, "name a file that this user may read, in a folder where this user may write"
        ) from error
    except ValueError as error:  # a name that no file can have
        raise _refusal(path, str(error), "name a file") from error


def _refusal(path: Path, reason: str, remedy: str) -> AccountRefused:
    return AccountRefused(f"device_key_file {path}: {reason}. What to do: {remedy}", kind="misconfigured")
