"""How whoever asked over HTTP hears of a run: an OpenAI completion, at once or as a stream.

A stream says on protocol 4 that it has begun before the agent has said anything, and tells of a failure. On 3 it begins
with the first text, and a failure looks like an answer that is empty.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import attrs

from .methods import House, HttpAnswer
from .runs import Run
from .script import SILENCE
from .turns import Turns

EMPTY = "No response from OpenClaw."
EVENT_STREAM = [("Content-Type", "text/event-stream; charset=utf-8"), ("Cache-Control", "no-cache")]
JSON = [("Content-Type", "application/json; charset=utf-8")]
DONE = b"data: [DONE]\n\n"
LEFT = "client-disconnected"


@attrs.define(eq=False)
class Completion:
    """One answer to one request: the teller of its run."""

    house: House
    turns: Turns
    answer: HttpAnswer
    id: str
    model: str
    created: int
    streamed: bool
    with_usage: bool
    told: str = ""
    opened: bool = False
    """Whether the chunk that names the role is out."""
    run: Run | None = None
    left: bool = False

    def submit(self, run: Run) -> None:
        """Have the run answered for this request."""
        self.run = run
        self.answer.when_left = self._leave
        if self.streamed and self._modern:
            self._open()
        self.turns.submit(run, "followup")

    def began(self, run: Run) -> None:
        self.run = run
        if self.left:
            self.house.after(0, partial(self.turns.abort, run, LEFT))

    def grew(self, run: Run) -> None:
        text = run.visible
        if not self.streamed or text in ("", SILENCE):
            return
        self._open()
        more, self.told = text.removeprefix(self.told), text
        if more:
            self._say({"content": more})

    def finished(self, run: Run) -> None:
        silent = run.standing == "silent"
        usage = {"prompt_tokens": len(run.text.split()), "completion_tokens": len(run.answer.split())}
        usage["total_tokens"] = sum(usage.values())
        if self.streamed:
            self._end(usage)
            return
        message = {"role": "assistant", "content": EMPTY if silent else run.visible}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self._whole(200, {**self._head("chat.completion"), "choices": [choice], "usage": usage})

    def failed(self, run: Run) -> None:
        modern = self._modern
        error = {"message": "upstream provider error" if modern else "internal error", "type": "api_error"}
        if not self.streamed:
            self._whole(502 if modern else 500, {"error": error})
        elif modern:
            self._write({"error": error})
            self._finish()
        else:
            self._end(None)

    def aborted(self, run: Run) -> None:
        if self.left:
            return
        if self.streamed:
            self._end(None)
        else:
            self.finished(run)

    def cut(self, run: Run) -> None:
        self.answer.break_off()

    def notified(self, run: Run) -> None:
        """Commands are not heard over HTTP."""

    def asked_again(self, run: Run) -> None:
        """It goes on as if nothing had been said."""

    def stumbled(self, run: Run, message: str) -> None:
        """Only the end matters."""

    def tried_again(self, run: Run) -> None:
        """Only the end matters."""

    def merged(self, run: Run) -> None:
        """The run that answers it has the same teller."""

    # Inside.

    @property
    def _modern(self) -> bool:
        return self.house.protocol == 4

    def _leave(self) -> None:
        self.left = True
        if self.run is not None and self.run.standing == "running":
            self.turns.abort(self.run, LEFT)

    def _open(self) -> None:
        if not self.opened:
            self.opened = True
            self._begin()
            choice: dict[str, Any] = {"index": 0, "delta": {"role": "assistant"}}
            self._chunk([{**choice, "finish_reason": None} if self._modern else choice])

    def _begin(self) -> None:
        if self.answer.status is None:
            self.answer.begin(200, EVENT_STREAM)

    def _say(self, delta: Mapping[str, Any], finish: str | None = None) -> None:
        self._chunk([{"index": 0, "delta": delta, "finish_reason": finish}])

    def _end(self, usage: Mapping[str, int] | None) -> None:
        self._begin()
        self._say({}, "stop")
        if self.with_usage and usage is not None:
            self._chunk([], usage=usage)
        self._finish()

    def _finish(self) -> None:
        self.answer.write(DONE)
        self.answer.end()

    def _chunk(self, choices: Sequence[Mapping[str, Any]], **more: Any) -> None:
        self._write({**self._head("chat.completion.chunk"), "choices": choices, **more})

    def _head(self, kind: str) -> Mapping[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def _write(self, event: Mapping[str, Any]) -> None:
        self.answer.write(b"data: " + encoded(event) + b"\n\n")

    def _whole(self, status: int, body: Mapping[str, Any]) -> None:
        say(self.answer, status, body)


def say(answer: HttpAnswer, status: int, body: Any, headers: Sequence[tuple[str, str]] = ()) -> None:
    """The whole answer, as JSON."""
    answer.begin(status, [*JSON, *headers])
    answer.write(encoded(body))
    answer.end()


def encoded(body: Any) -> bytes:
    """JSON in UTF-8. Half a surrogate pair, which a client may send, stays the escape that it was."""
    return json.dumps(body, ensure_ascii=False).encode(errors="backslashreplace")
