"""Files that the text of an answer names, and the text without them. Pure.

Language models are taught to name files in two ways: as a picture in markdown whose address is a path of this machine,
``![alt](/path.png)`` (also ``file://``, ``MEDIA:`` and ``attachment://``), and as a marker,
``[WORD_FILE]{"path": "/path", "fileName": "name.pdf"}[/WORD_FILE]``, with a word of each platform's own, and ``VIDEO``,
``AUDIO`` or ``IMAGE`` in place of ``FILE``.

1. Neither is ever shown: paths are nobody's business. What can't be sent leaves a note with its name.
2. What stands in a code fence is text. A path alone is text, too: an answer may speak of a file.
3. Naming a file does not send it. Whether it may be read is decided elsewhere, by where it really lies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import unquote

import attrs

from ...messages import Attachment
from ...wire.filenames import safe_name
from ...wire.jsontext import parse
from ..fences import fence_after

FileKind = Literal["image", "audio", "video", "file"]

LONGEST: Final = 4096
"""Characters of a marker. One that has no end within them is broken, and ends with its line."""

FILES: Final = 20
"""Files of one answer. More are noted only."""

_KINDS: Final[Mapping[str, FileKind]] = {"IMAGE": "image", "AUDIO": "audio", "VIDEO": "video", "FILE": "file"}

# Every repetition stops at the next of its own signs, and there is one way only to read a text: where it fails, giving
# back what was read leads nowhere at once. Possessive repetitions would say so, but Python reads them wrongly before
# 3.11.5 (gh-106052).
_ALT = r"[^\[\]\n]*(?:\[[^\[\]\n]*\][^\[\]\n]*)*"
_ADDRESS = r"[^()\n]*(?:\([^()\n]*\)[^()\n]*)*"
_HALF_PICTURE = re.compile(
    rf"!\[{_ALT}(?:\[[^\[\]\n]*|\](?:\((?!https?:){_ADDRESS}(?:\([^()\n]*)?)?)?\Z", re.IGNORECASE
)
_TITLE = re.compile(r"""\s+(?:"[^"]*"|'[^']*')\s*\Z""")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@attrs.frozen
class Named(Attachment):
    """A file that an answer names. It may be sent only from below ``media_roots``; without a path it never is."""


@attrs.frozen
class Markers:
    """The files that answers name on a platform whose markers begin with a ``word``."""

    word: str

    def shown(self, text: str) -> str:
        """An answer as it may be shown while it grows: without files, and without what may become one at its end."""
        return self._replaced(text, lambda file: "", growing=True) if "[" in text else text

    def apart(self, text: str, *, sendable: bool) -> tuple[str, tuple[Named, ...]]:
        """A whole answer without the files that it names, and these in their order.

        In place of what can't be sent, which is everything unless ``sendable``, the text has a note.
        """
        if "[" not in text:
            return text, ()
        files: list[Named] = []

        def taken(file: Named) -> str:
            if not sendable or file.path is None or len(files) == FILES:
                return note(file.name)
            files.append(file)
            return ""

        return self._replaced(text, taken, growing=False), tuple(files)

    def _replaced(self, text: str, by: Callable[[Named], str], *, growing: bool) -> str:
        """The text with something else, or nothing, in place of each file."""
        kept, before, done = list[str](), "", 0
        for start, end, file in self._found(text, growing=growing):
            words = by(file)
            kept.append(text[done:start] + words)
            before = (before + kept[-1])[-2:]
            done = end if words else _past(before, text, end)
        return "".join((*kept, text[done:]))

    def _found(self, text: str, *, growing: bool) -> Iterator[tuple[int, int, Named]]:
        """From where to where a file is named, and which. ``growing``: also what may become one at the end."""
        sign_of_one, fence, at = _sign(self.word), "", 0
        while sign := sign_of_one.search(text, at):
            start, at = sign.span()
            if sign["fence"]:
                fence = fence_after(sign[0], fence)
            elif fence:
                continue
            elif sign["kind"]:
                named, at = self._marker(text, sign, growing=growing)
                yield start, at, named
            elif (path := _local(sign["address"])) is not None:
                yield start, at, _named(path, "image")
        if growing and not fence and (half := self._half(text, at)) >= 0:
            yield half, len(text), Named()

    def _marker(self, text: str, sign: re.Match[str], *, growing: bool) -> tuple[Named, int]:
        """What a marker names, and where it ends."""
        kind, begin, limit = _KINDS[sign["kind"]], sign.end(), sign.end() + LONGEST
        closing = f"[/{sign[0][1:]}"
        following = text.find(self._opening, begin, limit)
        until = len(text) if following < 0 else following
        end = text.find(closing, begin, min(until, limit))
        if end >= 0:
            path, name = _given(text[begin:end])
            return _named(path, kind, name), end + len(closing)
        nothing = Named(kind=kind)
        if growing and following < 0 and len(text) < limit:
            return nothing, len(text)
        line = text.find("\n", begin, until)
        return nothing, until if line < 0 else line

    def _half(self, text: str, begin: int) -> int:
        """Where at the end of a growing text something begins that may become a file; -1: nowhere."""
        begin = max(begin, text.rfind("\n") + 1)
        for sign in ("![", "["):
            place = text.rfind(sign, begin)
            if place >= 0 and self._may_become_a_file(text[place:]):
                return place
        return -1

    def _may_become_a_file(self, end: str) -> bool:
        return _HALF_PICTURE.match(end) is not None or any(f"{self._opening}{kind}]".startswith(end) for kind in _KINDS)

    @property
    def _opening(self) -> str:
        return f"[{self.word}_"


def note(name: str) -> str:
    """What people read in place of a file."""
    return f"(file {name} could not be sent)" if name else "(a file could not be sent)"


@cache
def _sign(word: str) -> re.Pattern[str]:
    """What a file may begin with: a fence too, inside which there is none."""
    return re.compile(
        r"^ {0,3}(?P<fence>`{3}|~{3}).*$"
        rf"|\[{re.escape(word)}_(?P<kind>IMAGE|AUDIO|VIDEO|FILE)\]"
        rf"|!\[{_ALT}\]\((?P<address>{_ADDRESS})\)",
        re.MULTILINE,
    )


def _past(before: str, text: str, end: int) -> int:
    """Where the text goes on after a file that leaves nothing: no space is doubled, and no line left empty for it."""
    if before and not before[-1].isspace():
        return end
    while text[end : end + 1] == " ":
        end += 1
    if before[-1:] == " " or text[end : end + 1] != "\n":
        return end
    loose = before in ("", "\n\n")
    return end + 2 if loose and text[end + 1 : end + 2] == "\n" else end + 1


def _given(content: str) -> tuple[str, str]:
    """Path and name, as the JSON of a marker has them; empty where it has none."""
    try:
        fields: Any = parse(content)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        return "", ""
    path, *names = (fields.get(key) for key in ("path", "fileName", "name"))
    name = next((name for name in names if isinstance(name, str)), "")
    if not isinstance(path, str):
        return "", name
    local = _local(path)
    return path if local is None else local, name


def _named(path: str, kind: FileKind, name: str = "") -> Named:
    shown_name = safe_name(name, otherwise="") or safe_name(path, otherwise="")
    return Named(Path(path) if path else None, kind, shown_name)


def _local(address: str) -> str | None:
    """The path in the address of a picture, empty if it is another machine's; ``None`` for every other address."""
    address = _TITLE.sub("", address).strip()
    if address.startswith("<") and address.endswith(">"):
        address = address[1:-1]
    scheme, colon, rest = address.partition(":")
    match scheme.lower() if colon else "":
        case "file" | "attachment":
            return _path_of_url(unquote(rest))
        case "media":
            return rest.strip()
    if _DRIVE.match(address) or (address.startswith("/") and not address.startswith("//")):
        return address
    return None


def _path_of_url(rest: str) -> str:
    if not rest.startswith("//"):
        return rest
    host, slash, path = rest[2:].partition("/")
    return slash + path if host in ("", "localhost") else ""
