"""A device's private key as it is kept, in a file or in the store.

``{"version": 1, "private_key": "<32 bytes, base64url>", "created_at_ms": 1795163828742}``: all else follows from it.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any, Final

from .signing import base64url

VERSION: Final = 1
KEY_SIZE: Final = 32


class DamagedKey(ValueError):
    """There is no key in it. ``args[0]`` says why, and repeats nothing of what is there."""


def new_record(created_at: float) -> dict[str, Any]:
    """A key that nobody else has."""
    key = base64url(secrets.token_bytes(KEY_SIZE))
    return {"version": VERSION, "private_key": key, "created_at_ms": int(created_at * 1000)}


def key_of(record: Mapping[str, Any]) -> bytes:
    """The key in a record.

    Raises:
      DamagedKey: there is none, or none that this version can read.
    """
    if record.get("version") != VERSION:
        raise DamagedKey(f"version {VERSION} was expected")
    text = record.get("private_key")
    try:
        key = urlsafe_b64decode(f"{text}=")
    except ValueError:  # also what is not ASCII
        key = b""
    # Decoding passes over strange characters and loose ends: what does not come out again is not what was written.
    if len(key) != KEY_SIZE or base64url(key) != text:
        raise DamagedKey(f'its "private_key" is not the base64url text of {KEY_SIZE} bytes')
    return key
