"""A simulated Feishu with one app, and a client that is written out here: neither codec of ours is to judge itself."""

import base64
import json
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

import attrs

from trio_bridge.errors import PeerClosed
from trio_bridge.testing.feishu import FeishuSimulator
from trio_bridge.transport.client import open_websocket
from trio_bridge.transport.memory import MemoryNetwork

APP, SECRET = "cli_a1b2c3d4e5f60718", "s3cr3t"
OTHER = "cli_0000000000000002"
PING = bytes.fromhex("0800100018f681801020002a0c0a0474797065120470696e67")
DISCOVER = "/callback/ws/endpoint"


def varint(value):
    written = b""
    while value > 127:
        written += bytes([value & 127 | 128])
        value >>= 7
    return written + bytes([value])


def fields_in(data):
    """Numbers and pieces, in order: all that frames have."""

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    at, found = 0, []
    while at < len(data):
        tag = number()
        value = number()
        if tag & 7 == 2:
            value, at = data[at : at + value], at + value
        found.append((tag >> 3, value))
    return found


def written(fields):
    return b"".join(
        varint(field << 3) + varint(value)
        if isinstance(value, int)
        else varint(field << 3 | 2) + varint(len(value)) + value
        for field, value in fields
    )


def header(name, value):
    return 5, written([(1, name.encode()), (2, value.encode())])


@attrs.frozen
class Heard:
    """A frame, field by field."""

    fields: list

    @property
    def headers(self):
        return [tuple(piece.decode() for _, piece in fields_in(value)) for field, value in self.fields if field == 5]

    def header(self, name):
        return dict(reversed(self.headers)).get(name)

    def number(self, field):
        return dict(self.fields)[field]

    @property
    def payload(self):
        return dict(self.fields).get(8)

    @property
    def event(self):
        return json.loads(self.payload)

    def ack(self, code=200, data=None, took="3"):
        """The acknowledgement: the frame again, and what became of it."""
        said = {"code": code}
        if data is not None:
            said["data"] = base64.b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).decode()
        return self.echo(json.dumps(said).encode(), more=[header("biz_rt", took)])

    def echo(self, payload, more=()):
        kept = [(field, value) for field, value in self.fields if field not in (8, 9)]
        last = [(field, value) for field, value in self.fields if field == 9]
        return written([*kept, *more, (8, payload), *last])


async def read(websocket, count=1):
    """The next frames."""
    frames = []
    while len(frames) < count:
        frames += [Heard(fields_in(message)) for message in await websocket.receive_batch()]
        await websocket.send_batch()
    assert len(frames) == count
    return frames


async def acknowledge(websocket):
    """Acknowledge everything until the connection ends."""
    while True:
        messages = await websocket.receive_batch()
        frames = [Heard(fields_in(message)) for message in messages]
        await websocket.send_batch([frame.ack() for frame in frames if frame.header("type") == "event"])


async def closing(websocket):
    """The code with which the simulator closes."""
    try:
        while True:
            await websocket.receive_batch()
    except PeerClosed as closed:
        return closed.code


@attrs.define
class World:
    """A simulator with one app, and what a client needs to reach it."""

    network: object
    sim: FeishuSimulator

    async def raw(self, data):
        """Bytes to the simulator, and everything that comes back until it closes."""
        async with await self.stream() as stream:
            await stream.send_all(data)
            return b"".join([chunk async for chunk in stream])

    async def stream(self):
        host, port = self.sim.url.removeprefix("http://").split(":")
        return await self.network.connect_tcp(host, int(port))

    async def post(self, path, body):
        """Status, headers and body of the answer."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        head, _, body = (await self.raw(head.encode() + body)).partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        return int(status.split()[1]), dict(line.lower().split(": ", 1) for line in lines), body

    async def discover(self, app_id=APP, secret=SECRET):
        _, _, body = await self.post(DISCOVER, {"AppID": app_id, "AppSecret": secret})
        return json.loads(body)

    async def address(self, app_id=APP):
        return (await self.discover(app_id))["data"]["URL"]

    @asynccontextmanager
    async def connected(self, app_id=APP, **options):
        async with open_websocket(await self.address(app_id), network=self.network, **options) as websocket:
            yield websocket

    def faults(self):
        return [fault.kind for fault in self.sim.ledger.faults]


@asynccontextmanager
async def simulated(network=None, **options):
    network = network or MemoryNetwork()
    async with FeishuSimulator(network=network, seed=7, **options) as sim:
        sim.add_app(APP, SECRET)
        yield World(network, sim)


def query_of(url):
    return parse_qsl(urlsplit(url).query)
