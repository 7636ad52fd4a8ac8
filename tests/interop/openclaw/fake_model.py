"""A language model on loopback that does what the question says, for gateways that believe it is a real one.

A question looks like ``#name verb number``: by its name a test finds it again, whatever a gateway writes around it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from trio_bridge.nurseries import open_background
from trio_bridge.testing._openai_acts import chunk, event
from trio_bridge.transport.server import HttpRequest, HttpResponse, HttpStreamResponse, SendPiece, serve_listener
from trio_bridge.transport.tcp import SystemNetwork

QUESTION = re.compile(r"#(\w+) (echo|count|hang|refuse|silent)(?: (\d+))?")
PAUSE = 0.05
"""Seconds between the words of an answer that counts."""
MODEL = "fake-1"
REFUSED = 400
"""Not 500: that is tried again by gateways, for a minute and more."""


@attrs.frozen
class Question:
    """What was asked: ``echo`` answers at once, ``count 20`` with twenty words, ``hang`` with one, and with a second
    one when it is released; ``refuse`` with an HTTP status, ``silent`` with nothing to say."""

    name: str
    verb: str
    number: int

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Question:
        """The newest one: gateways decorate what was said, and add what was not."""
        for text in _said(body):
            if found := QUESTION.findall(text):
                name, verb, number = found[-1]
                return cls(name, verb, int(number or 0))
        return cls("unasked", "echo", 0)


class FakeModel:
    """What serves ``/v1/chat/completions``, and how often it was asked what."""

    def __init__(self) -> None:
        self.runs: Counter[str] = Counter()
        """How often each question was asked."""
        self.left: Counter[str] = Counter()
        """How often whoever asked it did not stay for the whole answer."""
        self.bodies: dict[str, Mapping[str, Any]] = {}
        """How each question was asked last."""
        self._released: set[str] = set()
        self._news = trio.Event()

    def release(self, name: str) -> None:
        """Let a hanging answer come to its end, now or whenever it is asked for."""
        self._released.add(name)
        self._tell()

    async def wait_until(self, holds: Callable[[], object]) -> None:
        """Return when it holds. It is looked at whenever something has happened here."""
        while not holds():
            await self._news.wait()

    async def answer(self, request: HttpRequest) -> HttpResponse | HttpStreamResponse:
        body = request.json() if request.body else {}
        question = Question.of(body)
        self.runs[question.name] += 1
        self.bodies[question.name] = body
        self._tell()
        if question.verb == "refuse":
            error = {"message": "the model is unwell", "type": "server_error"}
            return HttpResponse.json({"error": error}, status=REFUSED)

        async def write(send: SendPiece) -> bool:
            self.left[question.name] += 1  # until it is known better
            try:
                await self._say(question, send)
                self.left[question.name] -= 1
            finally:
                self._tell()
            return True

        return HttpStreamResponse(write, headers=[("Content-Type", "text/event-stream; charset=utf-8")])

    async def _say(self, question: Question, send: SendPiece) -> None:
        await send(event(chunk(MODEL, {"role": "assistant", "content": ""})))
        for word in _words(question):
            if question.verb == "count":
                await trio.sleep(PAUSE)
            await send(event(chunk(MODEL, {"content": word})))
        if question.verb == "hang":
            await self.wait_until(lambda: question.name in self._released)
            await send(event(chunk(MODEL, {"content": "released"})))
        await send(event(chunk(MODEL, {}, "stop")))
        await send(b"data: [DONE]\n\n")

    def _tell(self) -> None:
        self._news.set()
        self._news = trio.Event()


@asynccontextmanager
async def open_model(port: int) -> AsyncGenerator[FakeModel]:
    """It serves that port of loopback while the block runs."""
    model = FakeModel()
    listener = await SystemNetwork().listen_tcp("127.0.0.1", port)
    async with open_background("the model is left") as nursery:
        nursery.start_soon(lambda: serve_listener(listener, model.answer, strict=True))
        yield model


def answer_to(text: str) -> str:
    """What is said to a question in all, as it reads after a gateway has trimmed it."""
    name, verb, number = QUESTION.findall(text)[-1]
    question = Question(name, verb, int(number or 0))
    return "".join([*_words(question), "released" if verb == "hang" else ""]).strip()


def _words(question: Question) -> list[str]:
    match question.verb:
        case "count":
            return [f"{question.name}-{number} " for number in range(question.number)]
        case "hang":
            return [f"hanging {question.name} "]
        case "silent":
            return ["NO_REPLY"]
    return [f"answer to {question.name}"]


def _said(body: Mapping[str, Any]) -> Iterator[str]:
    """What users said, the newest first."""
    for message in reversed(body.get("messages", ())):
        if message["role"] == "user":
            content = message["content"]
            yield content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)
