"""Which platforms can be simulated, and what a simulator of one has to be."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import attrs
import trio

from ...transport.network import Network
from .news import Tell
from .script import Script, Step, Verbs


class Unmet(Exception):
    """What a step waited for, or stood on, was not so. The text says what is missing."""


class Stage(Protocol):
    """A simulator that is running."""

    url: str
    listener: str
    """To whom it is said what a person says here, in words."""

    def invitation(self) -> str:
        """What a person reads first: how to point a bot at it, with a table for a configuration file."""

    async def hear(self, line: str) -> None:
        """Have a person say this to whoever connected last; waits until somebody has."""

    async def play(self, step: Step, beside: trio.Nursery) -> None:
        """Carry out a step. What lasts longer goes on in ``beside``.

        Raises:
          Unmet: it can't be done, or what it waited for did not come.
        """

    async def settle(self) -> None:
        """Return when every message has got what it should, or has had its time."""

    def missing(self) -> list[str]:
        """What is not as it should be, a line each."""

    def summary(self) -> Mapping[str, int]:
        """How often what happened."""


@attrs.frozen(kw_only=True)
class Simulated:
    """A platform as ``trio-bridge simulate`` knows it."""

    script: type[Script]
    verbs: Verbs
    open: Callable[[Any, int, Network, Tell], AbstractAsyncContextManager[Stage]]
    """Opens a stage with a script on a port of 127.0.0.1. Raises ``OSError`` where the port can't be had."""


def _later(module: str) -> Callable[[], Simulated]:
    def load() -> Simulated:
        simulated: Simulated = importlib.import_module(module, __package__).SIMULATED
        return simulated

    return load


SIMULATORS: Mapping[str, Callable[[], Simulated]] = {
    "dingtalk": _later(".dingtalk"),
    "feishu": _later(".feishu"),
    "openclaw": _later(".openclaw"),
}
"""Name → how to get at it."""
