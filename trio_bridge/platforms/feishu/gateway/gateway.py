"""The server side of the long connection: who is connected, and what is said. No I/O and no clock.

Rules, as the platform keeps them or as it is safest to assume:

1. An event goes to one connection of the app, chosen at random, each time anew. While there is none it waits.
2. What waits is flushed behind the answer to the upgrade, before the client has said a word.
3. A ping is answered with the client config, and is all that a client may say besides acknowledgements.

The caller passes in the time and writes what :meth:`GatewayConnection.take` returns; :meth:`Gateway.stirred` names the
connections that want that, and :meth:`Gateway.tick` is called when :meth:`Gateway.deadline` has come.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from ....gateways.timetable import Timetable
from .connection import GatewayConnection, Message
from .deliveries import Deliveries
from .directory import Directory
from .doorkeeper import Doorkeeper, HandshakeRefused
from .fragments import Fragments
from .frames import CONTROL, DATA, BadFrame, Frame, decode, encode
from .ledger import Ledger, Pushed
from .letters import Letter
from .letters import encode as as_json
from .model import Rules
from .transcript import Counts, Transcript
from .webhook import Webhook

SWITCHED = 101


class Gateway:
    """The server of all apps. ``epoch`` is the wall time, in seconds, at which ``now`` was 0."""

    def __init__(self, *, rules: Rules | None = None, rng: random.Random | None = None, epoch: float = 0.0) -> None:
        self.rules = rules or Rules()
        self.rng = rng or random.Random()
        self.epoch = epoch
        self.directory = Directory()
        self.ledger = Ledger()
        self.counts = Counts()
        self.transcript = Transcript()
        self.timetable = Timetable()
        self.doorkeeper = Doorkeeper(
            self.directory, lambda: self.rules, lambda app_id: len(self._live.get(app_id, ())), self.rng
        )
        self.deliveries = Deliveries(self)
        self.webhooks: dict[str, Webhook] = {}
        """The apps that are called for their events."""
        self._live: dict[str, list[GatewayConnection]] = {}
        self._stirred: dict[GatewayConnection, None] = {}

    # Who connects.

    def discover(self, call: Mapping[str, Any], now: float) -> Mapping[str, Any]:
        """The answer to a call for an address."""
        answer = self.doorkeeper.discover(call, now)
        code = answer["code"]
        self.counts.discoveries[code] += 1
        self.transcript.note(now, "discovery", self.doorkeeper.discoveries[-1].device_id, code=code)
        return answer

    def upgrade(self, query: Mapping[str, str], now: float) -> GatewayConnection:
        """The connection that this query opens.

        Raises:
          HandshakeRefused: it opens none.
        """
        try:
            app_id, device_id = self.doorkeeper.admit(query, now)
        except HandshakeRefused as refused:
            self.refused(refused.status, now)
            raise
        connection = GatewayConnection(device_id, app_id, now)
        self._note_handshake(SWITCHED, now, device_id)
        mates = self._live.setdefault(app_id, [])
        mates.append(connection)
        most = self.counts.most_connections
        most[app_id] = max(most[app_id], len(mates))
        if self.rules.early:
            self.deliveries.flush_kept(app_id, now)
        return connection

    def refused(self, status: int, now: float) -> None:
        """An upgrade was answered with this status."""
        self._note_handshake(status, now)

    def connections(self, app_id: str | None = None) -> list[GatewayConnection]:
        """The live connections of one app or of all, in the order of their opening."""
        if app_id is not None:
            return list(self._live.get(app_id, ()))
        return sorted((each for mates in self._live.values() for each in mates), key=lambda each: each.opened_at)

    def lost(self, connection: GatewayConnection, now: float) -> None:
        """The connection is closed, whoever closed it. Idempotent."""
        if connection.live:
            connection.live = False
            self._live[connection.app_id].remove(connection)
            self._stirred.pop(connection, None)
            self.transcript.note(now, "closed", connection.id)

    def broken(self, connection: GatewayConnection, detail: str, now: float) -> None:
        """The client broke the WebSocket protocol."""
        self.ledger.fault("protocol_broken", connection.app_id, connection.id, now, detail)

    # What the server says.

    def push(self, app_id: str, letter: Letter, now: float, fragments: Fragments | None = None) -> Pushed:
        """Push to one connection of the app, as soon as there is one; or call the app for it, if it wants that."""
        if app_id in self.webhooks:
            return self.webhooks[app_id].push(letter, now)
        return self.deliveries.push(app_id, letter, now, fragments)

    def push_again(self, pushed: Pushed, now: float) -> bool:
        """Deliver an event once more, settled or not. False if nobody is there to take it."""
        entry = self.ledger.entry(pushed)
        if pushed.app_id in self.webhooks:
            self.webhooks[pushed.app_id].deliver(entry, now)
            return True
        return self.deliveries.deliver(entry, now)

    def push_frame(self, connection: GatewayConnection, message: Message, now: float) -> Pushed | None:
        """Write a message as it is. Returns the event in it, if a client could acknowledge it."""
        pushed = self.deliveries.note_frame(connection, message, now)
        self.write(connection, message, now)
        return pushed

    # What the client says.

    def receive(self, connection: GatewayConnection, messages: Sequence[Message], now: float) -> None:
        """Heed pings and acknowledgements. What is none of them is a fault in the ledger."""
        for message in messages:
            self.transcript.note(now, "received", connection.id, message=message)
            if isinstance(message, str):
                self.ledger.fault("text_message", connection.app_id, connection.id, now)
                continue
            try:
                frame = decode(message)
            except BadFrame as error:
                self.ledger.fault("frame_unreadable", connection.app_id, connection.id, now, str(error))
                continue
            if frame.method == DATA:
                self.deliveries.acked(connection, frame, now)
            else:
                self._heed_control(connection, frame, now)
        if not self.rules.early:
            self.deliveries.flush_kept(connection.app_id, now)

    # Time.

    def deadline(self) -> float | None:
        """When :meth:`tick` is to be called next; ``None``: not before something else happens."""
        return self.timetable.next_at()

    def tick(self, now: float) -> None:
        """Do what is due: fragments, missed acknowledgements, redeliveries."""
        self.timetable.run(now)

    def stirred(self) -> list[GatewayConnection]:
        """The connections that got something to write, or were dropped, since the last call."""
        stirred, self._stirred = self._stirred, {}
        return list(stirred)

    # For its parts.

    def write(self, connection: GatewayConnection, message: Message, now: float) -> None:
        """Put a message on a connection."""
        connection.write(message)
        self._stirred[connection] = None
        self.transcript.note(now, "sent", connection.id, message=message)

    def _heed_control(self, connection: GatewayConnection, frame: Frame, now: float) -> None:
        if frame.method != CONTROL or frame.header("type") != "ping":
            detail = f"method {frame.method}, type {frame.header('type')}"
            self.ledger.fault("control_unknown", connection.app_id, connection.id, now, detail)
            return
        if frame.service != self.rules.service_id:
            detail = f"service {frame.service}, not {self.rules.service_id}"
            self.ledger.fault("ping_differs", connection.app_id, connection.id, now, detail)
        self.counts.pings += 1
        connection.pings.append(now)
        if self.rules.pong != "off":
            self.write(connection, encode(self._pong(frame)), now)

    def _pong(self, ping: Frame) -> Frame:
        wanted: Mapping[str, Any] | bytes | str | None = self.rules.pong
        if wanted == "config":
            wanted = self.rules.client_config
        if isinstance(wanted, Mapping):
            wanted = as_json(dict(wanted)).encode()
        payload = wanted if isinstance(wanted, bytes) else None
        return Frame(service=ping.service, method=CONTROL, headers=(("type", "pong"),), payload=payload)

    def _note_handshake(self, status: int, now: float, device_id: str = "") -> None:
        self.counts.handshakes[status] += 1
        self.transcript.note(now, "handshake", device_id, code=status)
