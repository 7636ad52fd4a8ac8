"""Methods that a gateway turned out not to have."""

from __future__ import annotations

from typing import Final

from ....errors import RequestFailed

MOST: Final = 1000
"""Remembered at most: gateways have some hundred methods, and who makes up names gains nothing by it."""


class Unsupported:
    """Remembers what one version of the gateway does not know. Another version is asked anew."""

    def __init__(self) -> None:
        self._version = ""
        self._methods: set[str] = set()

    def knows(self, version: str, method: str) -> bool:
        """Whether this version is known not to have the method."""
        return version == self._version and method in self._methods

    def learn(self, version: str, error: RequestFailed) -> bool:
        """Whether the gateway failed a request because it has no such method; that is remembered.

        One that only lacks a scope is no proof: who may do less is told the same of every name.
        """
        if not is_unknown(error):
            return False
        if version != self._version:
            self._version, self._methods = version, set()
        if len(self._methods) < MOST:
            self._methods.add(error.method)
        return True


def is_unknown(error: RequestFailed) -> bool:
    """Whether it says that there is no such method. Gateways have no code for that: it stands in the text alone."""
    return error.code == "INVALID_REQUEST" and str(error).endswith(f"unknown method: {error.method}")
