"""What is inside an exception group."""

from __future__ import annotations

from ..errors import BridgeError
from .states import Stopped


def leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """The exceptions in a group, however deep, in order."""
    return [
        leaf
        for error in group.exceptions
        for leaf in (leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    ]


def most_telling(failures: BaseExceptionGroup[Exception] | None) -> BaseException:
    """The one failure of many that says why a connection ended: bugs first, then what the platform said."""
    if failures is None:
        return Stopped("cancelled")
    return min(leaves(failures), key=lambda leaf: (isinstance(leaf, BridgeError), type(leaf) is BridgeError))
