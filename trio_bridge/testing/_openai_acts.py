"""What a simulated language model can do when it is asked, and what it was asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import attrs

Ending = Literal["done", "lingering", "early", "broken", "hanging", "error"]
"""How an answer ends: ``done`` as it should; ``lingering`` the same, but the body goes on; ``early`` with the body, and
without having ended; ``broken`` with the connection, in the middle of the body; ``hanging`` never; ``error`` with an
error object."""


@attrs.frozen
class Says:
    """An answer, word by word."""

    text: str
    pause: float = attrs.field(default=0.0, kw_only=True)
    """Seconds before each word."""
    finish: str | None = attrs.field(default="stop", kw_only=True)
    """The ``finish_reason``; ``None``: only ``[DONE]`` ends it."""
    ending: Ending = attrs.field(default="done", kw_only=True)
    plain: bool = attrs.field(default=False, kw_only=True)
    """All at once, as a server that knows no streams."""


@attrs.frozen
class Refuses:
    """A status, with an error object as OpenAI sends it, or with any body."""

    status: int
    message: str = "no"
    code: str | None = attrs.field(default=None, kw_only=True)
    retry_after: str | None = attrs.field(default=None, kw_only=True)
    body: bytes | None = attrs.field(default=None, kw_only=True)
    content_type: str = attrs.field(default="application/json", kw_only=True)


@attrs.frozen
class Hangs:
    """The request is taken, and nothing comes back."""


@attrs.frozen
class Sends:
    """Any body, in these pieces."""

    pieces: Sequence[bytes]
    content_type: str = attrs.field(default="text/event-stream", kw_only=True)
    headers: Sequence[tuple[str, str]] = attrs.field(default=(), kw_only=True)


Act = Says | Refuses | Hangs | Sends


@attrs.define(eq=False)
class Asked:
    """One request for an answer."""

    body: Mapping[str, Any] = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(repr=False)
    at: float
    """Trio's clock."""
    ended: Literal["no", "answered", "left"] = "no"
    """Whether the whole answer was sent, or the client left before that."""

    @property
    def messages(self) -> Sequence[tuple[str, str]]:
        """Role and content of each message."""
        return [(message["role"], message["content"]) for message in self.body["messages"]]

    @property
    def text(self) -> str:
        """What was said last."""
        return self.messages[-1][1]


def chunks_of(says: Says, model: str) -> Iterator[bytes]:
    """The events of an answer, up to its end."""
    yield event(chunk(model, {"role": "assistant", "content": ""}))
    for word in re.findall(r"\s*\S+\s*", says.text):
        yield event(chunk(model, {"content": word}))


def end_of(says: Says, model: str) -> Iterator[bytes]:
    """The events that end an answer."""
    if says.ending == "error":
        yield event({"error": {"message": "the model stumbled", "type": "server_error", "code": "stumbled"}})
    elif says.ending in ("done", "lingering"):
        if says.finish is not None:
            yield event(chunk(model, {}, says.finish))
        if says.ending == "done":
            yield event({**chunk(model, {}), "choices": [], "usage": {"total_tokens": 1}})
            yield b"data: [DONE]\n\n"


def completion(says: Says, model: str) -> dict[str, Any]:
    """The answer at once."""
    message = {"role": "assistant", "content": says.text}
    choice = {"index": 0, "message": message, "finish_reason": says.finish, "logprobs": None}
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": model, "choices": [choice]}


def chunk(model: str, delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
    """One piece of a streamed answer."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": model, "choices": [choice]}


def event(data: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"
