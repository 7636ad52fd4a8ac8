"""Which of several failures tells why a connection ended."""

from __future__ import annotations

from ..errors import BridgeError
from ..nurseries import leaves
from .states import Stopped


def most_telling(failures: BaseExceptionGroup[Exception] | None) -> BaseException:
    """The one failure of many that says why a connection ended: bugs first, then what the platform said."""
    if failures is None:
        return Stopped("cancelled")
    return min(leaves(failures), key=lambda leaf: (isinstance(leaf, BridgeError), type(leaf) is BridgeError))
