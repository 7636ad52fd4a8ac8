"""One process of this machine at a time: the same credentials in two processes lose messages at random."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import AccountRefused

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no flock: there the rule is the operator's
    fcntl = None  # type: ignore[assignment]

_held: dict[str, tuple[int, int]] = {}
"""Name of the lock file → descriptor and how many accounts of this process use it. The lock is the process's own."""

logger = logging.getLogger(__name__)


def _runtime_directory() -> str:
    return os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()


def _open(name: str) -> int | None:
    """The lock file; ``None`` where there is no place for one.

    A runtime directory goes when its user logs out, and the programs that were left running keep its name.
    """
    for place in (_runtime_directory, tempfile.gettempdir):
        try:
            directory = Path(place()) / f"trio-bridge-{os.getuid()}"
            directory.mkdir(mode=0o700, exist_ok=True)
            return os.open(directory / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            logger.debug("no place for a lock file", extra={"cause": str(error)})
    return None


def is_held_elsewhere(key: str | None) -> bool:
    """Whether another process of this machine holds ``key`` at this moment."""
    try:
        with hold_exclusively(key):
            return False
    except AccountRefused:
        return True


@contextmanager
def hold_exclusively(key: str | None) -> Iterator[None]:
    """Hold ``key`` for this process while the block runs; ``None`` holds nothing.

    Where no lock file can be kept nothing is held either: a bridge on a read-only disk is better than none.

    Raises:
      AccountRefused: with kind ``limited``, if another process of this machine holds it.
    """
    if key is None or fcntl is None:
        yield
        return
    name = hashlib.sha256(key.encode()).hexdigest()[:32]
    if name not in _held:
        descriptor = _open(name)
        if descriptor is None:
            logger.warning("a lock file can't be kept: nobody prevents a second process with the same credentials")
            yield
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise AccountRefused("another process on this machine uses the same credentials", kind="limited") from None
        _held[name] = descriptor, 0
    descriptor, users = _held[name]
    _held[name] = descriptor, users + 1
    try:
        yield
    finally:
        descriptor, users = _held[name]
        if users > 1:
            _held[name] = descriptor, users - 1
        else:
            del _held[name]
            os.close(descriptor)
