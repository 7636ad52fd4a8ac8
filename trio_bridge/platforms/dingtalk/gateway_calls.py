"""HTTP calls as the server sees them, and how a test has them end."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import attrs

Ending = Literal["answer", "swallow", "hang"]


@attrs.frozen(kw_only=True)
class Call:
    """One HTTP call. Names of headers are lower case."""

    method: str
    path: str
    query: Mapping[str, str] = attrs.field(factory=dict)
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: bytes = attrs.field(default=b"", repr=False)
    names: Mapping[str, str] = attrs.field(factory=dict)
    """What the path has in place of names."""


@attrs.frozen(kw_only=True)
class Answer:
    """What the client gets: an answer, a connection that is closed without one (``swallow``), or silence (``hang``)."""

    status: int = 200
    body: str = ""
    content_type: str = "application/json;charset=utf-8"
    headers: Mapping[str, str] = attrs.field(factory=dict)
    ending: Ending = "answer"


@attrs.frozen(kw_only=True)
class Script:
    """How a call ends instead of as usual. ``carried_out``: it is done all the same, though the client is not told."""

    answer: Answer
    carried_out: bool = False


class Scripts:
    """How calls end that don't end as usual, by path."""

    def __init__(self) -> None:
        self._next: dict[str, deque[Script]] = {}
        self._standing: dict[str, list[Script]] = {}

    def add(self, path: str, *scripts: Script | Answer, times: int = 1) -> None:
        """Have the next calls of this path end like this, one after another, the whole list ``times`` times.

        An :class:`Answer` alone means: not carried out.
        """
        self._next.setdefault(path, deque()).extend([_script(each) for each in scripts] * times)

    def swallow(self, path: str, *, times: int = 1) -> None:
        """Carry out the next calls of this path, and close the connection without a word: the client can't know."""
        self.add(path, Script(answer=Answer(ending="swallow"), carried_out=True), times=times)

    def hang(self, path: str, *, times: int = 1, carried_out: bool = False) -> None:
        """Leave the next calls of this path without an answer, their connections open."""
        self.add(path, Script(answer=Answer(ending="hang"), carried_out=carried_out), times=times)

    @contextmanager
    def standing(self, path: str, script: Script | Answer) -> Iterator[None]:
        """Within the block every call of this path ends like this, after what is scripted for the next ones."""
        here = self._standing.setdefault(path, [])
        here.append(_script(script))
        try:
            yield
        finally:
            here.remove(_script(script))

    def next_for(self, path: str) -> Script | None:
        """How the call of this path that has come now shall end; ``None``: as usual."""
        if waiting := self._next.get(path):
            return waiting.popleft()
        standing = self._standing.get(path)
        return standing[-1] if standing else None


def _script(wanted: Script | Answer) -> Script:
    return wanted if isinstance(wanted, Script) else Script(answer=wanted)
