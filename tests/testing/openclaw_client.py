"""A client of an OpenClaw Gateway that is written out here: ours is not to judge itself."""

import base64
import hashlib
import itertools
import json
from contextlib import asynccontextmanager, suppress

import attrs
import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from trio_bridge.errors import ConnectionLost, PeerClosed
from trio_bridge.transport.client import open_websocket

ALL = ("operator.admin", "operator.read", "operator.write", "operator.approvals", "operator.pairing")
BACKEND = {"id": "gateway-client", "version": "1", "platform": "linux", "mode": "backend"}
CLI = {"id": "cli", "version": "1", "platform": "linux", "mode": "cli"}


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@attrs.frozen
class Key:
    """The key of a device."""

    private: Ed25519PrivateKey

    @classmethod
    def number(cls, number):
        return cls(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))

    @property
    def public(self):
        return self.private.public_key().public_bytes_raw()

    @property
    def device_id(self):
        return hashlib.sha256(self.public).hexdigest()

    def proof(self, challenge, client, scopes, auth, role="operator"):
        signed_at, nonce = challenge["ts"], challenge["nonce"]
        secret = auth.get("token") or auth.get("deviceToken") or ""
        parts = ["v3", self.device_id, client["id"], client["mode"], role, ",".join(scopes), str(signed_at), secret]
        text = "|".join([*parts, nonce, client["platform"].lower(), client.get("deviceFamily", "").lower()])
        signature = encoded(self.private.sign(text.encode()))
        return {
            "id": self.device_id,
            "publicKey": encoded(self.public),
            "signature": signature,
            "signedAt": signed_at,
            "nonce": nonce,
        }


@attrs.define(eq=False)
class Client:
    """One connection: what it heard is kept, and how it was closed."""

    websocket: object
    heard: list = attrs.Factory(list)
    closed: tuple | None = None
    _news: trio.Event = attrs.Factory(trio.Event)
    _ids: object = attrs.Factory(lambda: itertools.count(1))

    async def read(self):
        try:
            while True:
                self.heard += [json.loads(text) for text in await self.websocket.receive_batch()]
                self.tell()
        except PeerClosed as close:
            self.closed = (close.code, close.reason)
        except ConnectionLost:
            self.closed = ("lost", "")
        self.tell()

    def tell(self):
        self._news.set()
        self._news = trio.Event()

    async def until(self, holds):
        while not holds():
            await self._news.wait()

    async def send(self, frame):
        await self.websocket.send_batch([frame if isinstance(frame, str | bytes) else json.dumps(frame)])

    async def ask(self, method, params=None, *, within=60.0):
        """The answer to a request; ``None`` if the connection was closed before there was one, or in time."""
        own = f"r{next(self._ids)}"
        await self.send({"type": "req", "id": own, "method": method, "params": params or {}})
        with trio.move_on_after(within):
            await self.until(lambda: self.closed or self.answers(own))
        return next(iter(self.answers(own)), None)

    def answers(self, own):
        return [frame for frame in self.heard if frame.get("type") == "res" and frame["id"] == own]

    def events(self, name=None):
        return [each for each in self.heard if each.get("type") == "event" and name in (None, each["event"])]

    async def connect(self, *, token=None, client=None, scopes=ALL, key=None, auth=None, role="operator", **params):
        """Say who we are, and return the answer."""
        await self.until(lambda: self.closed or self.events("connect.challenge"))
        auth = ({"token": token} if token else {}) if auth is None else auth
        client = client or (CLI if key else BACKEND)
        asked = {
            "minProtocol": 3,
            "maxProtocol": 4,
            "client": client,
            "role": role,
            "scopes": list(scopes),
            "auth": auth,
            **params,
        }
        if key is not None:
            challenge = self.events("connect.challenge")[0]["payload"]
            asked["device"] = key.proof(challenge, client, scopes, auth, role)
        return await self.ask("connect", asked)

    async def wait_closed(self):
        await self.until(lambda: self.closed)
        return self.closed


@asynccontextmanager
async def dialled(simulator, network, **options):
    """A connection that has said nothing yet."""
    async with open_websocket(simulator.url, network=network, max_size=2**26, **options) as websocket:
        client = Client(websocket)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.read)
            nursery.start_soon(flush, websocket)
            yield client
            nursery.cancel_scope.cancel()


async def flush(websocket):
    """Have pings answered."""
    with suppress(ConnectionLost):
        while True:
            await trio.sleep(5)
            await websocket.send_batch()


@asynccontextmanager
async def connected(simulator, network, **options):
    """A connection that was let in, with the hello that it got."""
    async with dialled(simulator, network) as client:
        answer = await client.connect(token=simulator.token, **options)
        assert answer["ok"], answer
        yield client
