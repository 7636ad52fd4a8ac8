"""A language model of your own, on loopback or in memory: script what it says and how it fails, see what it was asked.

::

    async def test_an_answer_that_breaks_off_is_asked_for_again():
        async with OpenAISimulator() as model, DingTalkSimulator() as dingtalk:
            model.script(Says("half of it", ending="broken"), Says("all of it"))
            async with dingtalk.open_account(model.agent()):
                assert await dingtalk.ask("hello") == "all of it"
        assert [asked.text for asked in model.asked] == ["hello", "hello"]

It serves ``/v1/chat/completions`` and ``/v1/models``, for any client. What is not scripted is answered with "you said",
and what was said.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from ..nurseries import open_background
from ..transport.network import Network
from ..transport.server import HttpRequest, HttpResponse, HttpStreamResponse, SendPiece, serve_listener
from ..transport.tcp import SystemNetwork
from ._block import Block
from ._openai_acts import Act, Asked, Hangs, Refuses, Says, Sends, chunks_of, completion, end_of

if TYPE_CHECKING:
    from ..agents.openai.agent import OpenAI

__all__ = ["Asked", "Hangs", "OpenAISimulator", "Refuses", "Says", "Sends"]

EVENT_STREAM = ("Content-Type", "text/event-stream; charset=utf-8")


class OpenAISimulator(Block):
    """The server's side of the chat completions API, for as long as the ``async with`` block runs.

    ``token`` is the only one that is let in; ``None`` lets in everybody. ``models`` are those that there are; ``None``:
    any, and they are not listed. Where no script says otherwise, the answer to ``hello`` is ``you said hello``.
    """

    def __init__(
        self,
        *,
        network: Network | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
        models: Sequence[str] | None = ("simulated",),
    ) -> None:
        self._network = network or SystemNetwork()
        self._host = host
        self._port = port
        self.token = token
        self.models = models
        self.url = ""
        """The base URL, which ends in ``/v1``."""
        self.asked: list[Asked] = []
        """Every request for an answer that was let in, the oldest first."""
        self._acts: deque[Act] = deque()
        self._news = trio.Event()

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[None]:
        listener = await self._network.listen_tcp(self._host, self._port)
        self.url = f"http://{self._host}:{self._network.port_of(listener)}/v1"
        async with open_background("the simulator is left") as nursery:
            nursery.start_soon(lambda: serve_listener(listener, self._answer, strict=True), name="openai-simulator")
            yield

    def script(self, *acts: Act) -> None:
        """Do these next, one for each request for an answer."""
        self._acts.extend(acts)

    def agent(self, **options: Any) -> OpenAI:
        """An agent that asks this simulator. ``options`` are passed on."""
        from ..agents.openai.agent import OpenAI  # whoever tests another client needs nothing of ours

        given = {"url": self.url, "token": self.token, "model": self.models[0] if self.models else "any"}
        return OpenAI(**{**given, **options})

    async def wait_until(self, holds: Callable[[], object]) -> None:
        """Return when it holds. It is looked at whenever something has happened here."""
        await trio.lowlevel.checkpoint()
        while not holds():
            await self._news.wait()

    def _tell(self) -> None:
        self._news.set()
        self._news = trio.Event()

    async def _answer(self, request: HttpRequest) -> HttpResponse | HttpStreamResponse:
        if self.token is not None and request.headers.get("authorization") != f"Bearer {self.token}":
            return _refusal(Refuses(401, "Incorrect API key provided.", code="invalid_api_key"))
        match request.method, request.path:
            case "GET", "/v1/models" if self.models is not None:
                listed = [{"id": name, "object": "model", "created": 0, "owned_by": "us"} for name in self.models]
                return HttpResponse.json({"object": "list", "data": listed})
            case "POST", "/v1/chat/completions":
                return await self._meet(request)
        return _refusal(Refuses(404, f"no such path: {request.path}"))

    async def _meet(self, request: HttpRequest) -> HttpResponse | HttpStreamResponse:
        try:
            body = request.json()
            asked = Asked(body, request.headers, trio.current_time())
            model, text = body["model"], asked.text
        except (ValueError, TypeError, LookupError):
            return _refusal(Refuses(400, "expected a JSON object with model and messages"))
        if self.models is not None and model not in self.models:
            return _refusal(Refuses(404, f"The model {model!r} does not exist.", code="model_not_found"))
        self.asked.append(asked)
        self._tell()
        act = self._acts.popleft() if self._acts else Says(f"you said {text}")
        match act:
            case Refuses():
                return self._whole(asked, _refusal(act))
            case Hangs():
                return await trio.sleep_forever()
            case Sends():
                return self._streamed(asked, act, model, [*act.headers, ("Content-Type", act.content_type)])
            case Says() if act.plain or not body.get("stream"):
                return self._whole(asked, HttpResponse.json(completion(act, model)))
        return self._streamed(asked, act, model, [EVENT_STREAM])

    def _whole(self, asked: Asked, response: HttpResponse) -> HttpResponse:
        asked.ended = "answered"
        return response

    def _streamed(
        self, asked: Asked, act: Says | Sends, model: str, headers: Sequence[tuple[str, str]]
    ) -> HttpStreamResponse:
        async def write(send: SendPiece) -> bool:
            asked.ended = "left"  # until it is known better
            try:
                whole = await _perform(act, model, send)
                asked.ended = "answered"
            finally:
                self._tell()
            return whole

        return HttpStreamResponse(write, headers=headers)


async def _perform(act: Says | Sends, model: str, send: SendPiece) -> bool:
    """Say it; whether the body ends as it should."""
    if isinstance(act, Sends):
        for piece in act.pieces:
            await send(piece)
        return True
    for piece in chunks_of(act, model):
        await trio.sleep(act.pause)
        await send(piece)
    for piece in end_of(act, model):
        await send(piece)
    if act.ending in ("hanging", "lingering"):
        await trio.sleep_forever()
    return act.ending != "broken"


def _refusal(refuses: Refuses) -> HttpResponse:
    headers = [] if refuses.retry_after is None else [("Retry-After", refuses.retry_after)]
    if refuses.body is not None:
        return HttpResponse(refuses.status, [("Content-Type", refuses.content_type), *headers], refuses.body)
    error = {"message": refuses.message, "type": "error", "param": None, "code": refuses.code}
    return HttpResponse.json({"error": error}, status=refuses.status, headers=headers)
