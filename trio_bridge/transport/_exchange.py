"""One request over a stream that is ours alone, as far as the head of its answer."""

from __future__ import annotations

import h11
import trio


async def head_of_answer(connection: h11.Connection, stream: trio.abc.Stream, request: h11.Request) -> h11.Response:
    """Send a request without a body, and wait for the head of the answer.

    Raises:
      EOFError: there was no answer.
      h11.RemoteProtocolError: it was no HTTP.
      trio.BrokenResourceError: the connection broke.
    """
    await stream.send_all((connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b""))
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Response):
            return event
        if event is h11.NEED_DATA:
            data = await stream.receive_some(4096)
            if not data:
                raise EOFError("no answer")
            connection.receive_data(bytes(data))
