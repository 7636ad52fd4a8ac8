"""Answers of a simulated REST side, as they go over the wire: whole, piece by piece, broken off, or never."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import trio

from ..gateways.calls import Answer
from ..transport.server import HttpResponse, HttpStreamResponse, SendPiece


async def response_to(
    answer: Answer, headers: Sequence[tuple[str, str]] = ()
) -> HttpResponse | HttpStreamResponse | None:
    """What the client gets; ``None``: nothing, and its connection is closed. Does not return where it gets silence."""
    if answer.delay:
        await trio.sleep(answer.delay)
    fields = [("Content-Type", answer.content_type), *headers, *answer.headers.items()]
    body = answer.body
    if not isinstance(body, str | bytes):
        return _in_pieces(answer, body, fields)
    if answer.ending == "hang":
        await trio.sleep_forever()
    if answer.ending != "answer":
        return None
    return HttpResponse(answer.status, fields, body.encode() if isinstance(body, str) else body)


def _in_pieces(answer: Answer, body: Iterable[bytes], fields: Sequence[tuple[str, str]]) -> HttpStreamResponse:
    async def write(send: SendPiece) -> bool:
        for piece in body:
            await send(piece)
            await trio.sleep(answer.pace)
        if answer.ending == "hang":
            await trio.sleep_forever()
        return answer.ending == "answer"

    return HttpStreamResponse(write, answer.status, fields)
