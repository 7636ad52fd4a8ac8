"""An OpenClaw Gateway of your own, on loopback or in memory: talk to its agent, break its connections, see who asked.

::

    async def test_a_reply_comes():
        async with OpenClawSimulator() as gateway, gateway.open_account() as account:
            async with account.api.chat("main", "hello") as run:
                async for _ in run:
                    pass
        assert run.text == "you said hello"

It serves the WebSocket and the HTTP side on one port, in real or in virtual time, and shares no code with the client.
It keeps the manners of two releases: ``protocol=4``, and ``protocol=3``.
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from ..config import Transport
from ..nurseries import open_background
from ..platforms.openclaw.config import OpenClaw
from ..platforms.openclaw.gateway.acts import Behind, Closes, Late, Lost, Refuses, Says
from ..platforms.openclaw.gateway.devices import Devices
from ..platforms.openclaw.gateway.gateway import Asked, Gateway
from ..platforms.openclaw.gateway.methods import Personality, Refusal
from ..platforms.openclaw.gateway.rooms import Rooms
from ..platforms.openclaw.gateway.script import Fail, Hold, Pause, Question, Retake, Say
from ..platforms.openclaw.gateway.settings import AuthMode, Settings
from ..platforms.openclaw.gateway.shelf import Skill
from ..transport.network import Network
from ..transport.tcp import SystemNetwork
from ._block import Block
from ._openclaw_agent import AgentSide
from ._openclaw_connection import SimulatedConnection
from ._openclaw_mischief import Mischief
from ._openclaw_owner import Owner
from ._openclaw_server import OpenClawServer
from ._world import environment_of

if TYPE_CHECKING:
    from ..agents.protocol import OpenableAgent
    from ..engine.account import Account
    from ..engine.dispatch import Handler
    from ..engine.environment import Environment
    from ..engine.store import Store

__all__ = [
    "Asked",
    "Behind",
    "Closes",
    "Fail",
    "Hold",
    "Late",
    "Lost",
    "OpenClawSimulator",
    "Pause",
    "Question",
    "Refusal",
    "Refuses",
    "Retake",
    "Say",
    "Says",
    "SimulatedConnection",
    "Skill",
]

PATIENCE = 100.0
"""Seconds after which somebody who is waited for will not come."""
TOKEN, PASSWORD = "simulated-gateway-token", "simulated-gateway-password"


class OpenClawSimulator(AgentSide, Owner, Mischief, Block):
    """A gateway, for as long as the ``async with`` block runs.

    ``auth`` says what it asks for: ``token``, ``password`` or ``none``. ``pairing``: devices that are new must be
    approved, even from this machine. ``seed`` makes ids repeatable; ``wall`` is the clock behind all times that are
    told; ``transport`` names the library that speaks WebSocket here; ``patience`` is how long somebody is waited for.
    """

    def __init__(
        self,
        *,
        protocol: Personality = 4,
        auth: AuthMode = "token",
        token: str = TOKEN,
        password: str = PASSWORD,
        pairing: bool = False,
        network: Network | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int | None = None,
        wall: Callable[[], float] = time.time,
        transport: Transport = "websockets",
        patience: float = PATIENCE,
    ) -> None:
        self._network = network or SystemNetwork()
        self._host = host
        self._port = port
        self._rng = random.Random(seed)
        self._wall = wall
        self.settings = Settings(protocol=protocol, auth=auth, token=token, password=password, pairing=pairing)
        """How the gateway is set up. May be changed at any time, except for the protocol."""
        self._gateway = Gateway(self.settings, rng=self._rng)
        Mischief.__init__(self, OpenClawServer(self._gateway, self._network, host, transport=transport))
        AgentSide.__init__(self)
        self.patience = patience
        self.url = ""
        """Where the gateway listens: ``ws://host:port``."""
        self.http_url = ""
        """The same for HTTP."""
        self._returned: set[str] = set()

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[None]:
        listener = await self._network.listen_tcp(self._host, self._port)
        self._port = self._network.port_of(listener)
        self.url = f"ws://{self._host}:{self._port}"
        self.http_url = f"http://{self._host}:{self._port}"
        self._gateway.epoch = self._wall() - trio.current_time()
        self._gateway.start(trio.current_time())
        async with open_background("the simulator is left") as nursery:
            await nursery.start(self._server.run, listener, name="openclaw-simulator")
            yield

    # What happened.

    @property
    def connections(self) -> Sequence[SimulatedConnection]:
        """The live connections, the oldest first."""
        return self._server.connections

    @property
    def opened(self) -> Sequence[SimulatedConnection]:
        """Every connection that ever was, the oldest first."""
        return self._server.opened

    @property
    def asked(self) -> Sequence[Asked]:
        """Every request that came, on whatever connection, in order."""
        return self._gateway.asked

    def asked_for(self, method: str) -> Sequence[Asked]:
        """The requests for one method."""
        return [each for each in self._gateway.asked if each.method == method]

    @property
    def rooms(self) -> Rooms:
        """What the gateway consists of besides connections: its sessions and runs, its approvals."""
        return self._gateway.rooms

    @property
    def devices(self) -> Devices:
        """Devices that are paired, and requests that wait."""
        return self._gateway.devices

    @property
    def token(self) -> str | None:
        """The shared token that it asks for now."""
        return self.settings.token

    @property
    def password(self) -> str | None:
        """The shared password."""
        return self.settings.password

    @property
    def identity(self) -> str:
        """The gateway's own device id."""
        return self._gateway.facts.device_id

    # Accounts of ours.

    def config(self, name: str = "openclaw", **tuning: Any) -> OpenClaw:
        """An account at this simulator, with its secret. ``tuning`` is passed on."""
        secrets = {
            "token": {"token": self.settings.token},
            "password": {"password": self.settings.password},
            "none": {},
        }[self.settings.auth]
        return OpenClaw(name=name, **{"url": self.url, **secrets, **tuning})

    @property
    def environment(self) -> Environment:
        """What a bridge needs to live in the world of this simulator: its network and its clock."""
        return environment_of(self._network, self._wall, self._rng)

    @asynccontextmanager
    async def open_account(
        self, handler: Handler | OpenableAgent | None = None, *, store: str | Store = "memory:", **tuning: Any
    ) -> AsyncGenerator[Account]:
        """Run an account of ours at this simulator while the block runs. The block begins when it is connected.

        ``tuning`` changes its configuration, as for :meth:`config`.

        Raises:
          AssertionError: it was not ready within the patience.
        """
        from ..opening import open_account

        config = self.config(**tuning)
        async with open_account(config, handler, store=store, environment=self.environment) as account:
            with trio.move_on_after(self.patience) as impatience:
                await account.wait_ready()
            if impatience.cancelled_caught:
                raise AssertionError(f"account {config.name} was not ready within {self.patience:g} s")
            yield account

    # Waiting.

    async def wait_until(self, holds: Callable[[], object]) -> None:
        """Return when it holds. It is looked at whenever something has happened here."""
        await self._server.wait_until(holds)

    async def next_connection(self) -> SimulatedConnection:
        """The oldest connection on which hello was said and that this has not returned yet; waits for it."""
        await self.wait_until(self._fresh)
        connection = self._fresh()[0]
        self._returned.add(connection.id)
        return connection

    def _fresh(self) -> list[SimulatedConnection]:
        return [each for each in self.opened if each.ready and each.id not in self._returned]

    def _act(self) -> None:
        """Have done at once what is due, and written what the gateway wants to say."""
        self._gateway.tick(trio.current_time())
        self._server.flush()
