"""HTTP calls as the server sees them, and how a test has them end."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
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
        self._standing: dict[str, Script] = {}

    def add(self, path: str, *scripts: Script | Answer, times: int = 1) -> None:
        """Have the next calls of this path end like this, one after another, the whole list ``times`` times.

        An :class:`Answer` alone means: not carried out.
        """
        wanted = [each if isinstance(each, Script) else Script(answer=each) for each in scripts]
        self._next.setdefault(path, deque()).extend(wanted * times)

    def swallow(self, path: str, *, times: int = 1) -> None:
        """Carry out the next calls of this path, and close the connection without a word: the client can't know."""
        self.add(path, Script(answer=Answer(ending="swallow"), carried_out=True), times=times)

    def hang(self, path: str, *, times: int = 1, carried_out: bool = False) -> None:
        """Leave the next calls of this path without an answer, their connections open."""
        self.add(path, Script(answer=Answer(ending="hang"), carried_out=carried_out), times=times)

    def stand(self, path: str, script: Script | None) -> None:
        """Have every call of this path end like this, after what is scripted for the next ones; ``None``: as usual."""
        if script is None:
            self._standing.pop(path, None)
        else:
            self._standing[path] = script

    def next_for(self, path: str) -> Script | None:
        """How the call of this path that has come now shall end; ``None``: as usual."""
        waiting = self._next.get(path)
        return waiting.popleft() if waiting else self._standing.get(path)
