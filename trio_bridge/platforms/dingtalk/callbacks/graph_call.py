"""A call that DingTalk makes at the app in place of an HTTP server of its own, and the answer to it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import attrs

from ....wire.jsontext import encodable, word
from ..content import as_object

ANSWER_WITHIN: Final = 10.0
"""Seconds for a handler. Nobody has said how long DingTalk waits; the earliest time at which it is known to have sent
something again is 16 s, and a call that is made twice may do twice what it does."""


@attrs.frozen(kw_only=True)
class GraphRequest:
    """A call, as an HTTP request would say it."""

    method: str
    uri: str
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: str = attrs.field(default="", repr=False)
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    """The platform's own data, whole."""

    def json(self) -> Any:
        """What the body says.

        Raises:
          ValueError: it is not JSON.
        """
        return json.loads(self.body)


def _phrase(response: GraphResponse) -> str:
    try:
        return HTTPStatus(response.status).phrase
    except ValueError:
        return ""


@attrs.frozen
class GraphResponse:
    """The answer to a call, as an HTTP response would say it."""

    status: int = 200
    reason: str = attrs.field(default=attrs.Factory(_phrase, takes_self=True))
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: str = attrs.field(default="", repr=False)

    @classmethod
    def of(cls, answer: GraphResponse | Mapping[str, Any] | str) -> GraphResponse:
        """What a handler returned: a response, or the body of one that is a success.

        Raises:
          TypeError: it is none of these, or holds what is not JSON.
        """
        match answer:
            case GraphResponse():
                return answer
            case str():
                return cls(headers={"Content-Type": "text/plain; charset=utf-8"}, body=answer)
            case Mapping():
                return cls(headers={"Content-Type": "application/json"}, body=json.dumps(dict(answer)))
        raise TypeError(f"on_graph returns a GraphResponse, a dict or a str, not {type(answer).__name__}")


GraphHandler = Callable[[GraphRequest], Awaitable[GraphResponse | Mapping[str, Any] | str]]
"""``async def on_graph(request)``."""

FAILED: Final = GraphResponse(500)
LATE: Final = GraphResponse(504)
"""In place of an answer that was not there in time: whoever called must not take it for a success."""


def read_graph_request(data: Mapping[str, Any]) -> GraphRequest:
    """The call in the data of a callback. Raises nothing, whatever the data."""
    line, headers, body = as_object(data.get("requestLine")), as_object(data.get("headers")), data.get("body")
    return GraphRequest(
        method=word(line.get("method")),
        uri=word(line.get("uri")),
        headers={name: word(value) for name, value in headers.items()},
        body=json.dumps(body) if isinstance(body, dict | list) else word(body),
        raw=data,
    )


def graph_answer(response: GraphResponse) -> str:
    """The answer to a call, as data of its acknowledgement.

    Raises:
      TypeError: a header or the body is no text.
    """
    answer = {
        "body": encodable(response.body),
        "headers": {encodable(name): encodable(value) for name, value in response.headers.items()},
        "statusLine": {"code": response.status, "reasonPhrase": encodable(response.reason)},
    }
    return json.dumps({"response": answer}, ensure_ascii=False, separators=(",", ":"))
