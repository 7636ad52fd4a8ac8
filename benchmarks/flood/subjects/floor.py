"""The least that any client on Trio must do: bytes in, JSON decoded, an acknowledgement out. No engine, no handler."""

from __future__ import annotations

import json
from importlib.metadata import version

import trio
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from benchmarks.flood.subjects.progress import Progress, Task

RECEIVE_SIZE = 65_536
MAX_SIZE = 16 * 2**20
ANSWER = '{"response":{"success":true}}'


async def main(task: Task) -> None:
    progress = Progress(task)
    core = ClientProtocol(parse_uri(f"ws://{task.host}/connect?ticket=floor"), max_size=MAX_SIZE)
    host, _, port = task.host.partition(":")
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        core.send_request(core.connect())
        await stream.send_all(b"".join(core.data_to_send()))
        while data := await stream.receive_some(RECEIVE_SIZE):
            core.receive_data(data)
            count = 0
            for event in core.events_received():
                if isinstance(event, Response):
                    continue
                assert isinstance(event, Frame)
                assert event.opcode is Opcode.TEXT
                core.send_text(acknowledge(bytes(event.data).decode()))
                count += 1
            await stream.send_all(b"".join(core.data_to_send()))
            if progress.add(count):
                progress.finish(version=version("websockets"))


def acknowledge(text: str) -> bytes:
    """The answer to a message whose content has been decoded."""
    envelope = json.loads(text)
    json.loads(envelope["data"])
    headers = {"contentType": "application/json", "messageId": envelope["headers"]["messageId"]}
    return json.dumps({"code": 200, "headers": headers, "message": "OK", "data": ANSWER}).encode()


if __name__ == "__main__":
    trio.run(main, Task.given())
