"""HTTP calls as the server sees them, and how a test has them end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
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
    route: str = ""
    """How the path is written with those names, behind the method: ``GET /docs/{doc}``."""


@attrs.frozen(kw_only=True)
class Answer:
    """What the client gets: an answer, a connection that is closed without one (``swallow``), or silence (``hang``).

    A body in pieces is sent piece by piece, ``pace`` seconds apart, and what the ending says comes after the last one:
    the answer is whole, or broken off, or goes on for ever without another byte. Its length is told by ``headers``, or
    not at all.
    """

    status: int = 200
    body: str | bytes | Iterable[bytes] = attrs.field(default="", repr=False)
    pace: float = 0.0
    delay: float = 0.0
    """Seconds before any of it is sent."""
    content_type: str = "application/json;charset=utf-8"
    headers: Mapping[str, str] = attrs.field(factory=dict)
    ending: Ending = "answer"


@attrs.frozen(kw_only=True)
class Script:
    """How a call ends instead of as usual. ``carried_out``: it is done all the same, though the client is not told."""

    answer: Answer | None
    """``None``: the usual one."""
    carried_out: bool = False
    delay: float = 0.0
    """Seconds that the answer takes longer."""

    def answer_to(self, usual: Callable[[], Answer]) -> Answer:
        """What the client gets. ``usual`` carries the call out."""
        if self.answer is None:
            answer = usual()
        else:
            answer = self.answer
            if self.carried_out:
                usual()
        return attrs.evolve(answer, delay=answer.delay + self.delay)


@attrs.define
class _Every:
    """A script for one call out of so many."""

    count: int = attrs.field(validator=attrs.validators.ge(1))
    script: Script
    calls: int = 0

    def is_due(self) -> bool:
        self.calls += 1
        return self.calls % self.count == 0


class Scripts:
    """How calls end that don't end as usual, by path.

    Where a path has calls of several methods, ``"PUT /the/path"`` means one of them.
    """

    def __init__(self) -> None:
        self._every: dict[str, list[_Every]] = {}
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

    def slow(self, path: str, seconds: float, *, times: int = 1) -> None:
        """Carry out the next calls of this path at once, and answer them so much later."""
        self.add(path, Script(answer=None, delay=seconds), times=times)

    def every(self, count: int, path: str, script: Script | Answer) -> None:
        """Have each ``count``-th call of this path end like this, counted from the next one."""
        self._every.setdefault(path, []).append(_Every(count, _script(script)))

    @contextmanager
    def standing(self, path: str, script: Script | Answer) -> Iterator[None]:
        """Within the block every call of this path ends like this, after what is scripted for the next ones."""
        here = self._standing.setdefault(path, [])
        here.append(_script(script))
        try:
            yield
        finally:
            here.remove(_script(script))

    def next_for(self, call: Call) -> Script | None:
        """How the call that has come now shall end; ``None``: as usual."""
        return self._next_of(f"{call.method} {call.path}") or self._next_of(call.path)

    def _next_of(self, path: str) -> Script | None:
        due = [each.script for each in self._every.get(path, ()) if each.is_due()]
        if waiting := self._next.get(path):
            return waiting.popleft()
        lasting = due or self._standing.get(path)
        return lasting[-1] if lasting else None


def _script(wanted: Script | Answer) -> Script:
    return wanted if isinstance(wanted, Script) else Script(answer=wanted)
