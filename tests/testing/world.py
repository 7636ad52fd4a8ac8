"""A simulator with one app, and a client that is written out here: ours is not to judge itself."""

import base64
import json
import os
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from trio_bridge.errors import PeerClosed
from trio_bridge.platforms.dingtalk.gateway.frames import CARD, ROBOT
from trio_bridge.testing.dingtalk import DingTalkSimulator
from trio_bridge.transport.client import open_websocket
from trio_bridge.transport.memory import MemoryNetwork

DATA = Path(__file__).parents[1] / "data" / "dingtalk"
APP, SECRET = "dingexampleappkey0001", "example-secret-not-real-0000000000000000000000000000000000000000"
OTHER = "dingexampleappkey0002"
TOPICS = [{"type": "EVENT", "topic": "*"}, {"type": "CALLBACK", "topic": ROBOT}, {"type": "CALLBACK", "topic": CARD}]


def lines(name):
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


@attrs.define
class World:
    """A simulator with one app, and what a client needs to reach it."""

    network: object
    sim: DingTalkSimulator

    async def raw(self, data):
        """Bytes to the simulator, and everything that comes back until it closes."""
        stream = await self.stream()
        async with stream:
            await stream.send_all(data)
            return b"".join([chunk async for chunk in stream])

    async def stream(self):
        host, port = self.sim.url.removeprefix("http://").split(":")
        return await self.network.connect_tcp(host, int(port))

    async def post(self, path, body, headers=(), *, method="POST"):
        body = json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", "Accept: application/json"]
        lines += [f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in headers)]
        reply = await self.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        if not reply:
            return None, None
        head, _, body = reply.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body) if body else None

    async def ticket(self, client_id=APP):
        call = {"clientId": client_id, "clientSecret": SECRET, "subscriptions": TOPICS}
        status, reply = await self.post("/v1.0/gateway/connections/open", call)
        assert status == 200
        return f"{reply['endpoint']}?ticket={reply['ticket']}"

    @asynccontextmanager
    async def connected(self, client_id=APP, **options):
        async with open_websocket(await self.ticket(client_id), network=self.network, **options) as websocket:
            yield websocket

    async def answer(self, pushed, text="pong"):
        """Reply through the session webhook."""
        url = json.loads(pushed.letter.data)["sessionWebhook"]
        return await self.post(url.removeprefix(self.sim.url), {"msgtype": "text", "text": {"content": text}})


@asynccontextmanager
async def simulated(network=None, **options):
    network = network or MemoryNetwork()
    async with DingTalkSimulator(network=network, seed=7, **options) as sim:
        sim.add_app(APP, SECRET)
        yield World(network, sim)


async def read(websocket, count=1):
    """The next frames, as objects."""
    frames = []
    while len(frames) < count:
        frames += map(json.loads, await websocket.receive_batch())
        await websocket.send_batch()
    return frames


def ack(frame, data="{}"):
    headers = {"contentType": "application/json", "messageId": frame["headers"]["messageId"]}
    return json.dumps({"code": 200, "headers": headers, "message": "OK", "data": data})


async def acknowledge(websocket):
    """Acknowledge everything until the connection ends."""
    while True:
        frames = await websocket.receive_batch()
        await websocket.send_batch([ack(json.loads(frame)) for frame in frames])


def upgrade(url):
    """The bytes of an upgrade request."""
    key = base64.b64encode(os.urandom(16)).decode()
    head = f"GET /connect?{url.partition('?')[2]} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return f"{head}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()


async def closing(websocket):
    """The code with which the simulator closes."""
    try:
        while True:
            await websocket.receive_batch()
    except PeerClosed as closed:
        return closed.code
