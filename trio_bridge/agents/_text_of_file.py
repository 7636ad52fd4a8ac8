"""The text in a file, printed: a program of its own, which may be given files of strangers and be killed at any time.

It stands on the standard library, and on pypdf where that is installed. What a file is, is told by its first bytes.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

MEMORY = 1 << 30
"""Bytes of address space: what a bomb unpacks to must not be our machine's."""
CPU = 60
"""Seconds of processor time, should nobody be left to end us."""

PIECE = 1 << 16
BODY = "word/document.xml"
WORD = frozenset(
    {
        "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        "http://purl.oclc.org/ooxml/wordprocessingml/main",
    }
)
BREAKS = {"tab": "\t", "br": "\n", "cr": "\n"}
TWICE = "Fallback"
"""The same again, for programs that don't know the newer form."""


class Unreadable(Exception):
    """There is no text in it, or nobody here can get it out."""


def pieces_of(path: Path) -> Iterator[str]:
    """The text of a file, piece by piece."""
    with path.open("rb") as file:
        head = file.read(PIECE)
        file.seek(0)
        if head.startswith(b"%PDF-"):
            yield from pages(file)
        elif head.startswith(b"PK\x03\x04"):
            yield from Document().read(file)
        else:
            yield from plain(file, head)


def plain(file: BufferedReader, head: bytes) -> Iterator[str]:
    """Text as such. Without a mark it is UTF-8, or else what Chinese programs write."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\0" in head:
        raise Unreadable
    else:
        encoding = "utf-8-sig" if _is_utf8(head) else "gb18030"
    text = TextIOWrapper(file, encoding=encoding, errors="replace")
    while piece := text.read(PIECE):
        yield piece


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.end == len(head) == PIECE and error.reason == "unexpected end of data"
    return True


class Document:
    """The words of a .docx, a paragraph a line."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._in_text = False
        self._twice = 0

    def read(self, file: IO[bytes]) -> Iterator[str]:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._hear
        parser.StartDoctypeDeclHandler = self._refuse  # entities that grow live there, and no word processor needs one
        with zipfile.ZipFile(file) as archive, archive.open(BODY) as body:
            while piece := body.read(PIECE):
                parser.Parse(piece)
                yield "".join(self._said)
                self._said.clear()
        parser.Parse(b"", True)

    def _begin(self, name: str, attributes: Any) -> None:
        space, _, tag = name.rpartition(" ")
        if tag == TWICE:
            self._twice += 1
        if space in WORD and not self._twice:
            self._in_text = tag == "t"
            self._said.append(BREAKS.get(tag, ""))

    def _end(self, name: str) -> None:
        space, _, tag = name.rpartition(" ")
        if tag == TWICE:
            self._twice -= 1
        self._in_text = False
        if tag == "p" and space in WORD and not self._twice:
            self._said.append("\n")

    def _hear(self, words: str) -> None:
        if self._in_text:
            self._said.append(words)

    def _refuse(self, *declaration: Any) -> None:
        raise Unreadable


def pages(file: IO[bytes]) -> Iterator[str]:
    """The words of a PDF."""
    try:
        from pypdf import PdfReader
    except ImportError:
        raise Unreadable from None
    for page in PdfReader(file).pages:
        yield page.extract_text() + "\n"


def main(path: Path, limit: int) -> None:
    """Print so many characters of the text. An exception, whichever, is the answer that there are none to be had."""
    with suppress(ImportError, ValueError, OSError):  # not every system has such limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU))
    left = limit
    for piece in pieces_of(path):
        sys.stdout.buffer.write(piece[:left].encode(errors="replace"))
        left -= len(piece)
        if left <= 0:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
