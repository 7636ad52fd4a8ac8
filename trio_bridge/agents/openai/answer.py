"""What a chat completion says: the body's bytes in, cut anywhere, pieces of text out. It is judged to its end.

1. An answer is whole when the server says so: a ``finish_reason``, or ``[DONE]``. One that ends before is an error, and
   so is one that says nothing, or that holds an ``error``.
2. ``length`` and ``content_filter`` end an answer as far as it goes, and would again: a mark says so to the reader.
3. Of several choices the first counts. What is no text (roles, reasoning, calls of tools that nobody offered, usage) is
   passed over.
"""

from __future__ import annotations

import abc
import json
from collections.abc import Iterator, Mapping
from typing import Any

from ...errors import RemoteProtocolError
from ...wire.characters import whole_characters
from ...wire.sse import LONGEST, EventStream
from .failures import failure_said

CUT_SHORT = "⚠ (cut short)"
"""What ends an answer that had become as long as it may."""
WITHHELD = "⚠ (withheld)"
"""What ends an answer that a content filter stopped. Such a turn is not remembered: it would stop the next one too."""

LONGEST_ANSWER = 400_000
"""Characters: more than any model says at once, and less than hurts."""

_MARKS = {"length": CUT_SHORT, "content_filter": WITHHELD}


class Answer(abc.ABC):
    """An answer while it arrives."""

    def __init__(self, token: str | None = None) -> None:
        self.finished = False
        """The server said that this is all."""
        self._token = token
        """What no error may repeat."""
        self._reason = ""
        self._length = 0
        self._half = ""
        """The first half of a character, where the server cut one in two."""

    @abc.abstractmethod
    def feed(self, piece: bytes) -> Iterator[str]:
        """The text in the next piece of the body. Iterate over all of it.

        Raises:
          RequestFailed: the server says that it failed.
          RemoteProtocolError: it is no completion, or longer than it may be.
        """

    @abc.abstractmethod
    def end(self) -> Iterator[str]:
        """The text that only the end of the body brings.

        Raises:
          RequestFailed, RemoteProtocolError: as above, or the body ended before the answer did.
        """

    def last_words(self) -> str:
        """What a reader must be told after the text; nothing where the answer is whole.

        Raises:
          RemoteProtocolError: there is no answer.
        """
        mark = _MARKS.get(self._reason, "")
        if self._reason == "error":
            raise RemoteProtocolError("the model broke off with an error")
        if not self._length and mark != WITHHELD:
            why = f" (finish_reason {self._reason[:40]!r})" if self._reason else ""
            raise RemoteProtocolError(f"the model answered with nothing{why}")
        return f"\n\n{mark}" if mark and self._length else mark

    def _take(self, completion: object, part: str) -> Iterator[str]:
        """The text of one chunk, or of a whole completion."""
        if not isinstance(completion, dict):
            raise RemoteProtocolError("the server sent JSON that is no completion")
        if completion.get("error"):
            raise failure_said(completion["error"], self._token)
        choice = _first_choice(completion)
        said = choice.get(part)
        content = said.get("content") if isinstance(said, dict) else None
        if isinstance(content, str) and (text := self._characters(content)):
            self._length += len(text)
            if self._length > LONGEST_ANSWER:
                raise RemoteProtocolError(f"the model said more than {LONGEST_ANSWER} characters")
            yield text
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            self._reason, self.finished = reason, True

    def _characters(self, text: str) -> str:
        text = self._half + text
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        return whole_characters(text.removesuffix(self._half))


class StreamedAnswer(Answer):
    """``text/event-stream``: chunks, one event each."""

    def __init__(self, token: str | None = None) -> None:
        super().__init__(token)
        self._events = EventStream()

    def feed(self, piece: bytes) -> Iterator[str]:
        for event in self._events.feed(piece):
            if self.finished:
                return
            if event.data.strip() == "[DONE]":
                self.finished = True
                return
            chunk = _decoded(event.data)
            if event.kind == "error":
                raise failure_said(chunk.get("error", chunk) if isinstance(chunk, dict) else chunk, self._token)
            yield from self._take(chunk, "delta")

    def end(self) -> Iterator[str]:
        if not self.finished:
            raise RemoteProtocolError("the answer ended early: the server closed the stream in the middle of it")
        return iter(())


class PlainAnswer(Answer):
    """``application/json``: the whole completion at once, from a server that does not stream."""

    def __init__(self, token: str | None = None) -> None:
        super().__init__(token)
        self._body = bytearray()

    def feed(self, piece: bytes) -> Iterator[str]:
        self._body += piece
        if len(self._body) > LONGEST:
            raise RemoteProtocolError(f"the server sent a completion of more than {LONGEST} bytes")
        return iter(())

    def end(self) -> Iterator[str]:
        yield from self._take(_decoded(self._body), "message")


def answer_of(headers: Mapping[str, str], token: str | None) -> Answer:
    """What to read an answer with."""
    return (PlainAnswer if "json" in headers.get("content-type", "").lower() else StreamedAnswer)(token)


def _first_choice(completion: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = completion.get("choices")
    if isinstance(choices, list):
        for choice in choices:
            if isinstance(choice, dict) and choice.get("index") in (0, None):
                return choice
    return {}


def _decoded(text: str | bytearray) -> object:
    try:
        decoded: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RemoteProtocolError("the server sent what is not JSON") from error
    return decoded
