"""The gateway: its connections, its rooms, and its life from start to stop. No I/O and no clock.

1. A connection gets a challenge, says ``connect`` within a time, and is let in or turned away.
2. From then on it is answered in the order in which things are done; whoever may not call a method is told why.
3. Events are numbered for each connection on its own, from 1.

The caller passes in the time and writes what :meth:`GatewayConnection.take` returns; :meth:`Gateway.stirred` names the
connections that want that, and :meth:`Gateway.tick` is called when :meth:`Gateway.deadline` has come.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from ....gateways.timetable import Timetable
from . import frames, hello
from .answers import Answers
from .calls import Calls
from .connecting import Caller
from .connection import ABNORMAL, GatewayConnection
from .devices import Devices
from .doorkeeper import Doorkeeper
from .facts import Facts
from .frames import Misfit, Request
from .front import Front
from .handshake import Handshake
from .methods import READ, Admission, Entry, HttpAnswer, HttpCall, Peer, Personality, Room, Timer
from .pairing import Pairing
from .rooms import Rooms
from .settings import Settings

AUTH_CHANGED = 4001
SERVICE_RESTART = 1012
TOO_BIG = 1009
HEALTH_AFTER = 0.15
"""Seconds after a hello in which 3 tells everybody of its health."""
RESTART_EXPECTED_MS = 1500


@attrs.frozen
class Asked:
    """A request that came."""

    method: str
    params: Any = attrs.field(repr=False)
    connection_id: str
    at: float


class Gateway:
    """The server. ``epoch`` is the wall time, in seconds, at which ``now`` was 0."""

    def __init__(self, settings: Settings, *, rng: random.Random | None = None, epoch: float = 0.0) -> None:
        self.settings = settings
        self.rng = rng or random.Random()
        self.epoch = epoch
        self.now = 0.0
        self.asked: list[Asked] = []
        self.devices = Devices(self.rng, self.new_id)
        self._timetable = Timetable()
        self._connections: dict[str, GatewayConnection] = {}
        self._stirred: dict[GatewayConnection, None] = {}
        self._state = {"presence": 1, "health": 1}
        self._boot_id = self.new_id()
        self._started_at = 0.0
        self._ticker: Timer | None = None
        self._farewell: Mapping[str, Any] | None = None
        self._doorkeeper = Doorkeeper(settings)
        self.answers = Answers(self, self._stir)
        self.facts = Facts(self, settings, self._uptime_ms, self.rng)
        self.pairing = Pairing(self, self.devices, self.dismiss, self._proved_by_token)
        self.rooms = Rooms(self)
        self._rooms: Sequence[Room] = (self.facts, self.pairing, *self.rooms.all)
        self._methods: dict[str, Entry] = {}
        for room in self._rooms:
            self._methods |= room.methods()
        self.handshake = Handshake(settings, self.devices, self._doorkeeper)
        self.rooms.door.ready = lambda: not self.handshake.starting
        self._front = Front(self, settings, self.handshake, self.pairing, self.answers, self._facts_for)
        self._calls = Calls(self, self.answers, self._methods)

    # What rooms may use.

    @property
    def protocol(self) -> Personality:
        return self.settings.protocol

    def now_ms(self) -> int:
        return int((self.epoch + self.now) * 1000)

    def new_id(self) -> str:
        digits = f"{self.rng.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def peers(self) -> Sequence[Peer]:
        return [each.peer for each in self._connections.values() if each.peer is not None]

    def broadcast(
        self,
        event: str,
        payload: Any,
        *,
        scope: str | None = READ,
        to: Callable[[Peer], bool] | None = None,
        numbered: bool = True,
        state: Mapping[str, int] | None = None,
    ) -> None:
        for connection in self._connections.values():
            peer = connection.peer
            if peer is not None and peer.may(scope) and (to is None or to(peer)):
                connection.tell(event, payload, numbered=numbered, state=state)
                self._stir(connection)

    def after(self, seconds: float, act: Callable[[], None]) -> Timer:
        return self._timetable.add(self.now + seconds, act)

    def admit(self, secret: str | None, address: str) -> Admission:
        auth = {} if secret is None else {str(self.settings.auth): secret}
        found = self._doorkeeper.check(auth, address, self.now)
        if found.ok:
            self._doorkeeper.passed(address)
        wait = self._doorkeeper.failed(address, self.now) if found.outcome == "mismatch" else 0.0
        return Admission(found.ok, refuse_after=wait, retry_after=found.retry_after)

    # Connections.

    def upgrade(self, caller: Caller, now: float) -> GatewayConnection:
        """A connection that has been accepted: it is challenged at once."""
        self.now = now
        connection = GatewayConnection(self.new_id(), caller, self.new_id(), now)
        self._connections[connection.id] = connection
        self._front.challenge(connection)
        self._keep_ticking()
        return connection

    def receive(self, connection: GatewayConnection, received: Sequence[str | bytes], now: float) -> None:
        """Do what a client says. Once its connection ends, nothing is heard any more."""
        for frame in received:
            self.now = now
            if connection.ending is None and connection.live:
                self._hear(connection, frame)
                self.tick(now)

    def lost(self, connection: GatewayConnection) -> None:
        """The connection is closed, whoever closed it. Idempotent."""
        if not connection.live:
            return
        connection.live = False
        del self._connections[connection.id]
        self._stirred.pop(connection, None)

    def connections(self) -> Sequence[GatewayConnection]:
        """Those that live, the oldest first."""
        return tuple(self._connections.values())

    def stirred(self) -> list[GatewayConnection]:
        """The connections that got something to write, or were closed, since the last call."""
        stirred, self._stirred = self._stirred, {}
        return list(stirred)

    def dismiss(self, device_id: str) -> None:
        """Close every connection of a device."""
        for connection in self.connections():
            if connection.peer is not None and connection.peer.device_id == device_id:
                self.answers.close(connection, AUTH_CHANGED, "device removed")

    def answer_http(self, call: HttpCall, answer: HttpAnswer, now: float) -> None:
        """Answer an HTTP request, at once or later."""
        self.now = now
        self.rooms.door(call, answer)
        self.tick(now)

    def method(self, name: str) -> Entry:
        """One of its methods.

        Raises:
          LookupError: there is none of this name.
        """
        return self._methods[name]

    # Its life.

    def start(self, now: float, *, ready: bool = True) -> None:
        """Be there, for the first time or again; if not ``ready``, clients are put off until :meth:`get_ready`."""
        self.now = self._started_at = now
        self._boot_id = self.new_id()
        self.handshake.starting = not ready
        for room in self._rooms:
            room.start()
        self.tick(now)

    def get_ready(self, now: float) -> None:
        """Let clients in."""
        self.now = now
        self.handshake.starting = False

    def stop(self, now: float, *, restarts: bool = False) -> None:
        """Say goodbye and close everything: 3 ends what runs, 4 waits for it; :attr:`stopping` says whether it does."""
        self.now = now
        farewell: dict[str, Any] = {"reason": "gateway restarting" if restarts else "gateway stopping"}
        if self.protocol == 3 or restarts:
            farewell["restartExpectedMs"] = RESTART_EXPECTED_MS if restarts else None
        self._farewell = farewell
        self._part()

    def kill(self, now: float) -> None:
        """End without a word."""
        self.now = now
        self._farewell = None
        self._stop_rooms(killed=True)
        for connection in self.connections():
            self.answers.close(connection, ABNORMAL)

    @property
    def stopping(self) -> bool:
        """Whether it waits for something that runs, before it stops."""
        return self._farewell is not None

    def change_secret(self, secret: str, now: float) -> None:
        """Another token or password. Whoever came in with the old one is closed; 3 restarts because of it."""
        self.now = now
        if self.settings.auth == "password":
            self.settings.password = secret
        else:
            self.settings.token = secret
        for connection in self.connections():
            if connection.peer is not None and connection.method != "device-token":
                self.answers.close(connection, AUTH_CHANGED, "gateway auth changed")
        if self.protocol == 3:
            self.stop(now, restarts=True)
            self.start(now)

    # Time.

    def deadline(self) -> float | None:
        """When :meth:`tick` is to be called next; ``None``: not before something else happens."""
        return self._timetable.next_at()

    def tick(self, now: float) -> None:
        """Do what is due."""
        self.now = now
        self._timetable.run(now)
        if self._farewell is not None:
            self._part()

    # Inside.

    def _hear(self, connection: GatewayConnection, frame: str | bytes) -> None:
        peer = connection.peer
        limit = self.settings.max_handshake if peer is None else self.settings.max_payload
        if len(frame.encode(errors="replace") if isinstance(frame, str) else frame) > limit:
            self.answers.close(connection, TOO_BIG)
            return
        heard = frames.read(frame, self.protocol)
        if isinstance(heard, Request):
            self.asked.append(Asked(heard.method, heard.params, connection.id, self.now))
        if peer is None:
            self._front.hear(connection, heard)
            if connection.peer is not None and self.protocol == 3 and self.settings.tells_health:
                self.after(HEALTH_AFTER, self._tell_health)
        elif isinstance(heard, Request):
            self._calls.call(connection, peer, heard)
        elif isinstance(heard, Misfit):
            self.answers.refuse(connection, heard.id, heard.refusal)

    def _facts_for(self, connection: GatewayConnection) -> hello.Facts:
        return hello.Facts(
            connection_id=connection.id,
            boot_id=self._boot_id,
            methods=[name for name, entry in self._methods.items() if entry.listed],
            events=[event for room in self._rooms for event in room.events()],
            presence=self.facts.presence(),
            health=self.facts.health(),
            state_version=dict(self._state),
            uptime_ms=self._uptime_ms(),
        )

    def _tell_health(self) -> None:
        self._state["health"] += 1
        self.broadcast("health", self.facts.health(), scope=None, state=dict(self._state))

    def _keep_ticking(self) -> None:
        """All connections are told at the same times; while there are none, no time is kept."""
        if self._ticker is None and self._connections:
            interval = self.settings.tick_interval
            wait = interval - (self.now - self._started_at) % interval
            if wait < interval / 1000:
                wait += interval  # It is being told just now, and fractions of seconds are not exact.
            self._ticker = self.after(wait, self._tell_time)

    def _tell_time(self) -> None:
        self._ticker = None
        old = self.protocol == 3
        self.broadcast("tick", {"ts": self.now_ms()}, scope=None, to=lambda peer: old or bool(peer.scopes))
        self._keep_ticking()

    def _part(self) -> None:
        """Close everything; 4 does so when nothing runs any more."""
        if self.protocol == 4 and any(room.busy() for room in self._rooms):
            return
        payload, self._farewell = self._farewell, None
        self._stop_rooms(killed=False)
        self.broadcast("shutdown", payload, scope=None)
        for connection in self.connections():
            self.answers.close(connection, SERVICE_RESTART, "service restart")

    def _stop_rooms(self, *, killed: bool) -> None:
        for room in self._rooms:
            room.stop(killed=killed)

    def _proved_by_token(self, peer: Peer) -> bool:
        connection = self._connections.get(peer.id)
        return connection is not None and connection.method == "device-token"

    def _uptime_ms(self) -> int:
        return int((self.now - self._started_at) * 1000)

    def _stir(self, connection: GatewayConnection) -> None:
        if connection.live:
            self._stirred[connection] = None
