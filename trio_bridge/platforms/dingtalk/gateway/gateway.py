"""The server side of Stream Mode: apps, tickets, connections, pushes, redelivery. No I/O and no clock.

Rules, as the platform keeps them or as it is safest to assume:

1. A ticket opens one connection, within 90 s.
2. A push goes to one live connection of the app that subscribed to the topic, chosen at random.
3. A callback without any acknowledgement, and an event without an accepting one, is pushed again after a while, with a
   new message id and the same data, until it is settled.
4. After ``disconnect`` nothing is pushed on that connection, and 10 s later it is dropped.
5. What is said while the app has no connection is lost, unless the rules keep it for redelivery.

The caller passes in the time and writes what :meth:`GatewayConnection.take` returns; :meth:`Gateway.stirred` names the
connections that want that, and :meth:`Gateway.tick` is called when :meth:`Gateway.deadline` has come.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from .frames import (
    EVENTS,
    Ack,
    BadAck,
    Letter,
    as_object,
    encode,
    frame_text,
    letter_in,
    read_ack,
    same_json,
    system_in,
)
from .ledger import Entry, Ledger, Pushed
from .model import App, GatewayConnection, Ping, Refused, Rules, Subscription
from .timetable import Timetable


@attrs.define(eq=False)
class _Ticket:
    client_id: str
    subscriptions: frozenset[Subscription]
    expires_at: float
    used: bool = False


@attrs.frozen(eq=False)
class _Notice:
    """A frame of the server's own that may be acknowledged: a ping, or something without consequences."""

    connection: GatewayConnection
    ping: Ping | None


class Gateway:
    """The server of all apps. ``epoch`` is the wall time, in seconds, at which ``now`` was 0."""

    def __init__(self, *, rules: Rules | None = None, rng: random.Random | None = None, epoch: float = 0.0) -> None:
        self.rules = rules or Rules()
        self.apps: dict[str, App] = {}
        self.ledger = Ledger()
        self.epoch = epoch
        self._rng = rng or random.Random()
        self._stem = f"{self._rng.getrandbits(32):08x}"
        self._minted = 0
        self._tickets: dict[str, _Ticket] = {}
        self._live: dict[str, list[GatewayConnection]] = {}
        self._sent: dict[str, Entry | _Notice] = {}
        self._timetable = Timetable()
        self._stirred: dict[GatewayConnection, None] = {}

    # Apps, tickets, connections.

    def add_app(self, client_id: str, client_secret: str, robot_code: str | None = None) -> App:
        """Know these credentials. An app that is known gets a new secret; its connections live on."""
        app = self.apps[client_id] = App(client_id, client_secret, robot_code or client_id)
        return app

    def remove_app(self, client_id: str) -> None:
        """Know these credentials no more; connections live on."""
        del self.apps[client_id]

    def authenticate(self, client_id: object, client_secret: object) -> App:
        """The app with these credentials.

        Raises:
          Refused: there is none.
        """
        app = self.apps.get(client_id) if isinstance(client_id, str) else None
        if app is not None and app.client_secret == client_secret:
            return app
        if self.rules.any_credentials and isinstance(client_id, str) and isinstance(client_secret, str):
            return self.add_app(client_id, client_secret, app.robot_code if app else None)
        raise Refused(401, "authFailed", "鉴权失败")

    def open(self, call: Mapping[str, Any], now: float) -> str:
        """The ticket for an open call.

        Raises:
          Refused: unknown credentials, or a call that is not as it should be.
        """
        client_id = call.get("clientId")
        if not isinstance(client_id, str) or not client_id.strip():
            raise Refused(400, "invalidParameter", "clientId: expected the app key")
        subscriptions = _subscriptions(call.get("subscriptions"))
        app = self.authenticate(client_id, call.get("clientSecret"))
        ticket = self._uuid()
        self._tickets[ticket] = _Ticket(app.client_id, subscriptions, now + self.rules.ticket_life)
        return ticket

    def upgrade(self, ticket: str | None, now: float) -> GatewayConnection:
        """The connection that the ticket opens.

        Raises:
          Refused: the ticket is unknown, used or too old.
        """
        known = self._tickets.get(ticket or "")
        if known is None or known.used or now >= known.expires_at:
            raise Refused(401, "invalidTicket", "the ticket is unknown, used or expired")
        known.used = True
        connection = GatewayConnection(self._uuid(), known.client_id, known.subscriptions, now)
        mates = self._live.setdefault(known.client_id, [])
        if mates:
            self._timetable.add(now + self.rules.overlap_grace, _OverlapCheck(self.ledger, connection, tuple(mates)))
        mates.append(connection)
        return connection

    def connections(self, client_id: str | None = None) -> list[GatewayConnection]:
        """The live connections of one app or of all, in the order of their opening."""
        if client_id is not None:
            return list(self._live.get(client_id, ()))
        return sorted((each for mates in self._live.values() for each in mates), key=lambda each: each.opened_at)

    def lost(self, connection: GatewayConnection) -> None:
        """The connection is closed, whoever closed it. Idempotent."""
        if connection.live:
            connection.live = False
            self._live[connection.client_id].remove(connection)
            self._stirred.pop(connection, None)

    def broken(self, connection: GatewayConnection, detail: str, now: float) -> None:
        """The client broke the WebSocket protocol."""
        self.ledger.fault("protocol_broken", connection.client_id, connection.id, now, detail)

    # What the server says.

    def push(self, client_id: str, letter: Letter, now: float) -> Pushed:
        """Push to one connection of the app."""
        entry = self.ledger.pushed(client_id, letter, now)
        if not self.deliver(entry, now) and self.rules.keep_offline:
            self.schedule_redelivery(entry, now)
        return entry.pushed

    def push_again(self, pushed: Pushed, now: float) -> bool:
        """Deliver a message once more, settled or not. False if nobody is there to take it."""
        return self.deliver(self.ledger.entry(pushed), now)

    def push_frame(self, connection: GatewayConnection, frame: str, now: float) -> Pushed | None:
        """Write a frame as it is. Returns the message in it, if a client could acknowledge it.

        A frame with the key of an earlier message is another delivery of that message.
        """
        entry = None
        message_id: str | None
        if (found := letter_in(frame)) is not None:
            message_id, letter = found
            known = self.ledger.find(connection.client_id, letter.key) if letter.key else None
            entry = known or self.ledger.pushed(connection.client_id, letter, now)
            self._note_delivery(entry, connection, message_id, now)
            if "headers" not in as_object(frame):
                connection.nameless.append(None)  # spelt otherwise: not every client finds the id
        elif (system := system_in(frame)) is not None:
            message_id, topic, data = system
            ping = Ping(connection.id, data, now) if topic == "ping" else None
            if ping is not None:
                connection.pings.append(ping)
            if message_id is not None:
                self._sent[message_id] = _Notice(connection, ping)
            else:
                connection.nameless.append(ping)
        else:
            connection.nameless.append(None)
        self._write(connection, frame)
        return entry.pushed if entry else None

    def ping(self, connection: GatewayConnection, data: str, now: float) -> Ping:
        """Ask the client whether it lives; it must echo the data."""
        ping = Ping(connection.id, data, now)
        connection.pings.append(ping)
        self._say(connection, "ping", data, now, ping)
        return ping

    def notify(self, connection: GatewayConnection, topic: str, data: str, now: float) -> None:
        """Send a SYSTEM frame of another topic."""
        self._say(connection, topic, data, now)

    def disconnect(self, connection: GatewayConnection, reason: str, now: float) -> None:
        """Announce that the server will leave this connection: from here on nothing is pushed on it."""
        self._say(connection, "disconnect", encode({"reason": reason}), now)
        connection.leaving = True
        self._timetable.add(now + self.rules.leave_grace, _Drop(self, connection))

    # What the client says.

    def receive(self, connection: GatewayConnection, frames: Sequence[str | bytes], now: float) -> None:
        """Book the acknowledgements in these frames. What is none of them is a fault in the ledger."""
        for frame in frames:
            try:
                ack = read_ack(frame)
            except BadAck as error:
                self.ledger.fault("ack_unreadable", connection.client_id, connection.id, now, str(error))
            else:
                self._book(connection, ack, now)

    # Time.

    def deadline(self) -> float | None:
        """When :meth:`tick` is to be called next; ``None``: not before something else happens."""
        return self._timetable.next_at()

    def tick(self, now: float) -> None:
        """Do what is due: redeliveries, dropped connections, checks."""
        self._timetable.run(now)

    def stirred(self) -> list[GatewayConnection]:
        """The connections that got something to write, or were dropped, since the last call."""
        stirred, self._stirred = self._stirred, {}
        return list(stirred)

    # Inside.

    def deliver(self, entry: Entry, now: float) -> bool:
        letter = entry.pushed.letter
        candidates = [
            each for each in self._live.get(entry.pushed.client_id, ()) if not each.leaving and each.hears(letter)
        ]
        if not candidates:
            return False
        connection = self._rng.choice(candidates) if len(candidates) > 1 else candidates[0]
        message_id = self._new_message_id()
        headers = self._headers(message_id, letter.topic, now)
        if letter.kind == "CALLBACK":
            headers |= {"appId": entry.pushed.client_id, "connectionId": connection.id}
        self._note_delivery(entry, connection, message_id, now)
        self._write(connection, frame_text(letter.kind, {**letter.headers, **headers}, letter.data))
        return True

    def _note_delivery(self, entry: Entry, connection: GatewayConnection, message_id: str, now: float) -> None:
        self.ledger.delivered(entry, connection.id, message_id, now)
        self._sent[message_id] = entry
        self.schedule_redelivery(entry, now)

    def schedule_redelivery(self, entry: Entry, now: float) -> None:
        wait = self.rules.redeliver_after
        if wait is not None:
            self._timetable.add(now + wait, _Redelivery(self, entry, len(entry.deliveries)))

    def _say(self, connection: GatewayConnection, topic: str, data: str, now: float, about: Ping | None = None) -> None:
        message_id = self._new_message_id()
        self._sent[message_id] = _Notice(connection, about)
        self._write(connection, frame_text("SYSTEM", self._headers(message_id, topic, now), data))

    def _book(self, connection: GatewayConnection, ack: Ack, now: float) -> None:
        if ack.message_id is None and connection.nameless:
            _book_nameless(connection, ack, now)
            return
        sent = self._sent.get(ack.message_id or "")
        if ack.message_id is None or sent is None:
            self.ledger.fault("ack_unknown", connection.client_id, connection.id, now, ack.message_id or "no messageId")
            return
        home = sent.connection.id if isinstance(sent, _Notice) else sent.home_of(ack.message_id)
        rightly = home == connection.id
        if not rightly:
            detail = f"{ack.message_id} was delivered on {home}"
            self.ledger.fault("ack_on_wrong_connection", connection.client_id, connection.id, now, detail)
        if isinstance(sent, Entry):
            self.ledger.acked(sent, connection.id, ack, now, rightly=rightly)
        elif sent.ping is not None and rightly:
            sent.ping.answered_at = now
            if not same_json(sent.ping.data, ack.data):
                self.ledger.fault("echo_differs", connection.client_id, connection.id, now, ack.data)

    def _write(self, connection: GatewayConnection, frame: str) -> None:
        connection.write(frame)
        self.stir(connection)

    def stir(self, connection: GatewayConnection) -> None:
        self._stirred[connection] = None

    def _new_message_id(self) -> str:
        self._minted += 1
        return f"{self._stem}_{self._minted:x}"

    def _headers(self, message_id: str, topic: str, now: float) -> dict[str, str]:
        time = str(int((self.epoch + now) * 1000))
        return {"contentType": "application/json", "messageId": message_id, "time": time, "topic": topic}

    def _uuid(self) -> str:
        digits = f"{self._rng.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


@attrs.frozen(eq=False)
class _Redelivery:
    """A message that is not settled comes again; if nobody is there to take it, another time."""

    gateway: Gateway
    entry: Entry
    after: int
    """Deliveries so far: another one in the meantime brings a duty of its own."""

    def needless(self) -> bool:
        return self.entry.settled or len(self.entry.deliveries) != self.after

    def act(self, now: float) -> None:
        if not self.gateway.deliver(self.entry, now):
            self.gateway.schedule_redelivery(self.entry, now)


@attrs.frozen(eq=False)
class _Drop:
    """A connection that the server has left is closed."""

    gateway: Gateway
    connection: GatewayConnection

    def needless(self) -> bool:
        return not self.connection.live

    def act(self, now: float) -> None:
        self.connection.dropped = True
        self.gateway.stir(self.connection)


@attrs.frozen(eq=False)
class _OverlapCheck:
    """An app that still has two connections is at fault."""

    ledger: Ledger
    connection: GatewayConnection
    mates: tuple[GatewayConnection, ...]

    def needless(self) -> bool:
        return not self.connection.live or self.connection.excused or not self._living_mates()

    def act(self, now: float) -> None:
        detail = "beside " + ", ".join(mate.id for mate in self._living_mates())
        self.ledger.fault("two_connections", self.connection.client_id, self.connection.id, now, detail)

    def _living_mates(self) -> list[GatewayConnection]:
        return [mate for mate in self.mates if mate.live and not mate.excused]


def _book_nameless(connection: GatewayConnection, ack: Ack, now: float) -> None:
    """A frame without an id can't be answered better. Where the data is that of a ping, the ping is answered."""
    ping = next((each for each in connection.nameless if each and same_json(each.data, ack.data)), None)
    connection.nameless.remove(ping or connection.nameless[0])
    if ping is not None:
        ping.answered_at = now


def _subscriptions(wanted: object) -> frozenset[Subscription]:
    found = set()
    for each in wanted if isinstance(wanted, list) else [wanted]:
        match each:
            case {"type": "EVENT", "topic": "*"}:
                found.add(("EVENT", EVENTS))
            case {"type": "CALLBACK", "topic": str(topic)}:
                found.add(("CALLBACK", topic))
            case _:
                raise Refused(400, "invalidParameter", f"subscriptions: {each!r} can't be subscribed to")
    return frozenset(found)
