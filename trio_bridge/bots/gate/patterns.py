"""Regular expressions that can't hang: an operator's pattern on a stranger's text.

Python's own ``re`` goes back and tries again, for longer than the universe lasts where pattern and text are unlucky
(``(a+)+$``), and holds the interpreter all the while: a thread with a deadline would stop the event loop just the same,
and nothing but killing a process ends it. So the structure of a pattern is followed here, in all its possibilities at
once, one character after another: the time is bounded by the size of the pattern times the length of the text. What
stands for one character (``\\d``, ``[a-z]``) is asked of ``re``, which can't go back within one character.

There are literals, ``.``, classes, escapes, groups, ``|``, ``* + ? {m,n}``, ``^ $ \\b \\B \\A \\Z``. There is nothing
that this method can't follow: no references back, no looking around. Case never matters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

LENGTH: Final = 2000
"""Characters of a text that are searched."""

PATTERN_LENGTH: Final = 500
STATES: Final = 300
"""Size of a pattern once its repetitions are written out."""

STRIDE: Final = 50
"""Characters between two breaths: a few milliseconds with the largest pattern."""

_REPEAT = re.compile(r"\{(?P<least>\d*)(?P<comma>,?)(?P<most>\d*)\}")
_CLASS = re.compile(r"\[\^?\]?(?:[^\]\\]|\\.)*\]", re.DOTALL)
_GROUP = re.compile(r"\?:|\?P<\w+>")
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[^0-9])", re.DOTALL)


class PatternError(ValueError):
    """A pattern that is wrong, too large, or beyond what can be followed."""


@attrs.frozen
class _One:
    """One character."""

    test: re.Pattern[str]


@attrs.frozen
class _At:
    """A place between characters."""

    place: str


@attrs.frozen
class _All:
    """One after another."""

    parts: Sequence[_Node]


@attrs.frozen
class _Any:
    """One of several."""

    choices: Sequence[_Node]


@attrs.frozen
class _Repeat:
    part: _Node
    least: int
    most: int | None


_Node = _One | _At | _All | _Any | _Repeat


@attrs.define
class _Reader:
    """A pattern's text becomes a tree."""

    text: str
    at: int = 0

    def read(self) -> _Node:
        tree = self.choices()
        if self.at < len(self.text):
            raise PatternError(f"unbalanced parenthesis at {self.at}")
        return tree

    def choices(self) -> _Node:
        found = [self.sequence()]
        while self.taken("|"):
            found.append(self.sequence())
        return _Any(found) if len(found) > 1 else found[0]

    def sequence(self) -> _Node:
        parts: list[_Node] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            parts.append(self.repeated(self.atom()))
        return _All(parts)

    def repeated(self, node: _Node) -> _Node:
        if (counts := self.counts()) is None:
            return node
        if isinstance(node, _At):
            raise PatternError(f"nothing to repeat at {self.at}")
        self.taken("?")  # Whether few or many are taken first makes no difference to whether there is a match.
        if self.counts() is not None:
            raise PatternError(f"multiple repeat at {self.at}")
        return _Repeat(node, *counts)

    def counts(self) -> tuple[int, int | None] | None:
        for sign, counts in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.taken(sign):
                return counts
        found = _REPEAT.match(self.text, self.at)
        if found is None or found[0] == "{}":
            return None
        self.at = found.end()
        least = int(found["least"] or 0)
        most = int(found["most"]) if found["most"] else None if found["comma"] else least
        if max(least, most or 0) > STATES or (most is not None and most < least):
            raise PatternError(f"repetition out of range before {self.at}")
        return least, most

    def atom(self) -> _Node:
        sign = self.text[self.at]
        if self.taken("("):
            group = _GROUP.match(self.text, self.at)
            if group is None and self.text.startswith("?", self.at):
                raise PatternError(f"not supported: (?{self.text[self.at + 1 : self.at + 2]} at {self.at}")
            self.at = self.at if group is None else group.end()
            inside = self.choices()
            if not self.taken(")"):
                raise PatternError("missing )")
            return inside
        if sign in "*+?":
            raise PatternError(f"nothing to repeat at {self.at}")
        if sign in "^$":
            self.at += 1
            return _At(sign)
        found = {"[": _CLASS, "\\": _ESCAPE}.get(sign, re.compile(".", re.DOTALL)).match(self.text, self.at)
        if found is None:
            raise PatternError(f"not supported or not finished: {sign} at {self.at}")
        self.at = found.end()
        if found[0] in ("\\b", "\\B", "\\A", "\\Z"):
            return _At(found[0])
        one = found[0] if sign in "[\\." else re.escape(sign)
        try:
            return _One(re.compile(one, re.IGNORECASE))
        except (re.error, FutureWarning) as error:  # a warning where warnings are errors: "[[" may mean more one day
            raise PatternError(f"{one}: {error}") from None

    def taken(self, sign: str) -> bool:
        if not self.text.startswith(sign, self.at):
            return False
        self.at += len(sign)
        return True


@attrs.define
class _State:
    """What may come next: ``test`` a character, be at ``place``, or neither; then go on at each of ``then``."""

    then: Sequence[int]
    test: re.Pattern[str] | None = None
    place: str = ""


@attrs.define
class _Writer:
    """A tree becomes numbered states. Number 0 is the end: a match."""

    states: list[_State] = attrs.Factory(lambda: [_State(())])
    steps: int = 0

    def write(self, node: _Node, then: int) -> int:
        """The number of the state in which ``node`` begins, after which ``then`` comes."""
        self.steps += 1
        if self.steps > 10 * STATES or len(self.states) > STATES:
            raise PatternError("too large")
        match node:
            case _One(test):
                return self.add(_State((then,), test))
            case _At(place):
                return self.add(_State((then,), place=place))
            case _All(parts):
                for part in reversed(parts):
                    then = self.write(part, then)
                return then
            case _Any(choices):
                return self.add(_State([self.write(choice, then) for choice in choices]))
            case _Repeat(part, least, most):
                return self.write_repeat(part, least, most, then)

    def write_repeat(self, part: _Node, least: int, most: int | None, then: int) -> int:
        if most is None:
            loop = self.add(_State(()))
            body = self.write(part, loop)
            self.states[loop].then = (body, then)
            then, least = (body, least - 1) if least else (loop, 0)
        else:
            after = then
            for _ in range(most - least):
                then = self.add(_State((self.write(part, then), after)))
        for _ in range(least):
            then = self.write(part, then)
        return then

    def add(self, state: _State) -> int:
        self.states.append(state)
        return len(self.states) - 1


class Pattern:
    """A pattern, ready to be searched for."""

    def __init__(self, text: str) -> None:
        if len(text) > PATTERN_LENGTH:
            raise PatternError("too long")
        writer = _Writer()
        self._start = writer.write(_Reader(text.removeprefix("(?i)")).read(), 0)
        self._states = writer.states

    def scan(self, text: str) -> Iterator[bool]:
        """Search the first 2,000 characters: false every now and then, to let others work, and true at a match."""
        entered: list[int] = []
        for index in range(min(len(text), LENGTH) + 1):
            waiting = self._reach([self._start, *entered], text, index)
            if waiting is None:
                yield True
                return
            character = text[index : index + 1]
            entered = [state.then[0] for state in waiting if state.test is not None and state.test.match(character)]
            if index % STRIDE == STRIDE - 1:
                yield False

    def _reach(self, numbers: list[int], text: str, index: int) -> list[_State] | None:
        """The states that wait for the next character; ``None`` if the end is reached. Each is visited once."""
        seen: set[int] = set()
        waiting = []
        while numbers:
            number = numbers.pop()
            if number == 0:
                return None
            if number in seen:
                continue
            seen.add(number)
            state = self._states[number]
            if state.test is not None:
                waiting.append(state)
            elif not state.place or _is_at(state.place, text, index):
                numbers.extend(state.then)
        return waiting


def _is_at(place: str, text: str, index: int) -> bool:
    if place in ("^", "\\A"):
        return index == 0
    if place in ("$", "\\Z"):
        last_break = place == "$" and index == len(text) - 1 and text[index] == "\n"
        return index == len(text) or last_break
    border = _is_word(text[index - 1 : index]) != _is_word(text[index : index + 1])
    return border is (place == "\\b")


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
