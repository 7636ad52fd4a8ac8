"""What the calls of all platforms' APIs have in common: what is handed over, and what it means that no answer came."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import ConnectionLost, OutcomeUnknown
from ..wire.jsontext import scrub


def given(**parts: Any) -> Any:
    """What is there of the parts of a request, without what UTF-8 can't say: answers and ids come from anywhere."""
    return {name: value if name == "files" else scrub(value) for name, value in parts.items() if value is not None}


@contextmanager
def harmless_to_repeat(harmless: bool = True) -> Iterator[None]:
    """What may have been carried out in the block is of no concern if it does no harm when it is done again.

    Raises:
      ConnectionLost: no answer came to what is harmless.
      OutcomeUnknown: none came to what is not.
    """
    try:
        yield
    except OutcomeUnknown as error:
        if not harmless:
            raise
        raise ConnectionLost(f"no answer: {error}") from error
