"""The least that any client on Trio must do: bytes in, JSON decoded, an acknowledgement out. No engine, no handler."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.metadata import version

import trio
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from benchmarks.flood.subjects.progress import Progress, Task
from trio_bridge.platforms.feishu import frames

RECEIVE_SIZE = 65_536
MAX_SIZE = 16 * 2**20
ANSWER = '{"response":{"success":true}}'
PING = frames.encode(frames.Frame(0, 0, 1, frames.CONTROL, (("type", "ping"),)))


async def main(platform: str, task: Task) -> None:
    progress, acknowledge = Progress(task), ACKNOWLEDGE[platform]
    core = ClientProtocol(parse_uri(f"ws://{task.host}/"), max_size=MAX_SIZE)
    host, _, port = task.host.partition(":")
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        core.send_request(core.connect())
        await stream.send_all(b"".join(core.data_to_send()))
        while data := await stream.receive_some(RECEIVE_SIZE):
            core.receive_data(data)
            count = 0
            for event in core.events_received():
                if isinstance(event, Response):
                    if platform == "feishu":
                        core.send_binary(PING)
                    continue
                assert isinstance(event, Frame)
                if ack := acknowledge(bytes(event.data)):
                    send = core.send_text if event.opcode is Opcode.TEXT else core.send_binary
                    send(ack)
                    count += 1
            await stream.send_all(b"".join(core.data_to_send()))
            if progress.add(count):
                progress.finish(version=version("websockets"))


def dingtalk(message: bytes) -> bytes:
    """The answer to a message whose content has been decoded."""
    envelope = json.loads(message.decode())
    json.loads(envelope["data"])
    headers = {"contentType": "application/json", "messageId": envelope["headers"]["messageId"]}
    return json.dumps({"code": 200, "headers": headers, "message": "OK", "data": ANSWER}).encode()


def feishu(message: bytes) -> bytes | None:
    """The same, with the frame around it. To a pong there is none."""
    frame = frames.decode(message)
    if frame.method != frames.DATA:
        return None
    event = json.loads((frame.payload or b"").decode())
    json.loads(event["event"]["message"]["content"])
    return frames.answered(frame.around or frame, ("biz_rt", "0"), b'{"code":200}')


ACKNOWLEDGE: dict[str, Callable[[bytes], bytes | None]] = {"dingtalk": dingtalk, "feishu": feishu}

if __name__ == "__main__":
    trio.run(main, sys.argv[1], Task.given())
