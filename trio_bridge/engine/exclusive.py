"""One process of this machine at a time: the same credentials in two processes lose messages at random."""

from __future__ import annotations

import hashlib
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


def _directory() -> Path:
    path = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"trio-bridge-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


@contextmanager
def hold_exclusively(key: str | None) -> Iterator[None]:
    """Hold ``key`` for this process while the block runs; ``None`` holds nothing.

    Raises:
      AccountRefused: with kind ``limited``, if another process of this machine holds it.
    """
    if key is None or fcntl is None:
        yield
        return
    name = hashlib.sha256(key.encode()).hexdigest()[:32]
    if name in _held:
        descriptor, users = _held[name]
    else:
        descriptor, users = os.open(_directory() / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), 0
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise AccountRefused("another process on this machine uses the same credentials", kind="limited") from None
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
