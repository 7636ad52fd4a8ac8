"""Keys of files that Feishu has: what is sent again, to others or after a failure, is not handed in again."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import attrs
import trio

from .types import Upload

GOOD_FOR: Final = 3600.0
"""Seconds. Keys are good for longer, but nobody says for how long."""
MOST: Final = 256


@attrs.define(eq=False)
class Keys:
    """The keys of one account, by what was handed in and how."""

    _known: OrderedDict[tuple[bytes, Upload], tuple[str, float]] = attrs.field(factory=OrderedDict, init=False)

    def get(self, digest: bytes, upload: Upload) -> str:
        """The key of a file of this digest; empty where none is known any more."""
        key, until = self._known.get((digest, upload), ("", 0.0))
        return key if trio.current_time() < until else ""

    def put(self, digest: bytes, upload: Upload, key: str) -> None:
        """The key is known for a while. The oldest ones make room for it."""
        self._known[digest, upload] = key, trio.current_time() + GOOD_FOR
        self._known.move_to_end((digest, upload))
        while len(self._known) > MOST:
            self._known.popitem(last=False)
