"""Recorded connections, replayed against a gateway of ours: what the clients sent then is sent again at its time."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from trio_bridge.platforms.openclaw.gateway.connecting import Caller
from trio_bridge.platforms.openclaw.gateway.connection import Ending, GatewayConnection
from trio_bridge.platforms.openclaw.gateway.gateway import Gateway

DATA = Path(__file__).parents[2] / "data" / "openclaw"
RECORDED = [json.loads(line) for line in (DATA / "access.jsonl").read_text(encoding="utf-8").splitlines()]
PERSONALITIES = {"2026.5.3-1": 3, "2026.9.6": 4}
PLACE = "127.0.0.1:18789"
REMOTE = "203.0.113.9"


@attrs.define
class Recording:
    """One connection: what went over it, with the wall time of each thing."""

    gateway: str
    case: str
    begun_at: float
    lines: list[Mapping[str, Any]] = attrs.Factory(list)

    @property
    def received(self) -> list[Any]:
        return [line["frame"] for line in self.lines if line["dir"] == "recv"]

    @property
    def close(self) -> Ending | None:
        for line in self.lines:
            if line["dir"] == "close":
                return Ending(line["code"], line["reason"])
        return None

    def caller(self) -> Caller:
        name = self.case.partition("/")[2]
        if self.case.startswith("pairing/") and name != "admin":
            return Caller(address=REMOTE, local=False, host=PLACE)
        if self.case.startswith("rate-limit/") and "loopback" not in name:
            return Caller(address=REMOTE, local=False, host=PLACE)
        origins = {"cli-evil-origin": "https://evil.example", "controlui-same-origin": f"http://{PLACE}"}
        return Caller(origin=origins.get(name), host=PLACE)


def recordings(gateway: str, *groups: str) -> list[Recording]:
    """The connections of some groups, in the order in which they were opened."""
    cases: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in RECORDED:
        if line["gateway"] == gateway and line["case"].startswith(groups):
            cases[line["case"]].append(line)
    found = []
    for case, lines in cases.items():
        challenge = next((line for line in lines if line.get("frame", {}).get("event") == "connect.challenge"), None)
        if challenge is not None:
            begun = challenge["frame"]["payload"]["ts"] / 1000 - challenge["t"]
            found.append(Recording(gateway, case, begun, lines))
    return sorted([*found, *unrecorded_failures(found)], key=lambda each: each.begun_at)


def unrecorded_failures(found: list[Recording]) -> list[Recording]:
    """Between the first login that failed from elsewhere and the one that was locked out there were nine like it."""
    first = next((each for each in found if each.case == "rate-limit/00"), None)
    if first is None:
        return []
    return [
        attrs.evolve(first, case=f"rate-limit/0{number}", begun_at=first.begun_at + number * 0.004)
        for number in range(1, 10)
    ]


@attrs.define
class Replayed:
    """What our gateway said on one connection."""

    recording: Recording
    connection: GatewayConnection
    said: list[Any] = attrs.Factory(list)
    ended: Ending | None = None
    ended_after: float | None = None
    """Seconds from the upgrade."""

    def compared(self) -> Iterator[tuple[Any, Any]]:
        """What was recorded and what we said, without what comes by the clock."""
        ours = [frame for frame in self.said if frame.get("event") not in ("health", "tick")]
        theirs = self.recording.received
        assert len(ours) == len(theirs), (self.recording.case, ours)
        return zip(theirs, ours, strict=True)


class Replay:
    """Plays recordings to a gateway, all in one time."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.all: dict[str, Replayed] = {}
        self.names: dict[str, str] = {}
        """Ids of the recorded gateway → ours."""

    def play(self, recordings: list[Recording]) -> None:
        steps = [
            (each.begun_at + line["t"], index, each, line)
            for index, each in enumerate(recordings)
            for line in each.lines
        ]
        for at, _, recording, line in sorted(steps, key=lambda step: (step[0], step[1])):
            self.pass_time(at)
            self.step(recording, line, at)

    def step(self, recording: Recording, line: Mapping[str, Any], at: float) -> None:
        replayed = self.all.get(recording.case)
        if replayed is None:
            connection = self.gateway.upgrade(recording.caller(), at)
            replayed = self.all[recording.case] = Replayed(recording, connection)
        match line["dir"]:
            case "send":
                self.gateway.receive(replayed.connection, [self.sent(line)], at)
            case "recv" if line["frame"].get("event") == "connect.challenge":
                replayed.connection.nonce = line["frame"]["payload"]["nonce"]
            case "recv":
                self.collect()
                self.learn(line["frame"], replayed)
            case "close":
                self.pass_time(at + 0.02)  # Ours may take a little longer.
                self.collect()
                self.gateway.lost(replayed.connection)
        self.collect()

    def sent(self, line: Mapping[str, Any]) -> str | bytes:
        if "binary_length" in line:
            return bytes(line["binary_length"])
        if "text_length" in line:
            return "x" * line["text_length"]
        text: str = line.get("text") or json.dumps(line["frame"])
        for theirs, ours in self.names.items():
            text = text.replace(theirs, ours)
        return text

    def learn(self, frame: Mapping[str, Any], replayed: Replayed) -> None:
        """A recorded client will show the tokens that it got then, and name the requests that it heard of."""
        answered = frame.get("payload") or (frame.get("error") or {}).get("details") or {}
        if not isinstance(answered, dict):
            return
        if "requestId" in answered:
            for ours in replayed.said:
                own = ours.get("payload") or (ours.get("error") or {}).get("details") or {}
                same_kind = ours.get("event") == frame.get("event") and ours.get("id") == frame.get("id")
                if same_kind and own.get("deviceId") == answered.get("deviceId") and "requestId" in own:
                    self.names[answered["requestId"]] = own["requestId"]
        token = answered.get("auth", {}).get("deviceToken") or answered.get("token")
        device_id = replayed.connection.peer.device_id if replayed.connection.peer else None
        if token and device_id in self.gateway.devices.paired:
            held = self.gateway.devices.paired[device_id].tokens.get("operator")
            if held is not None:
                held.text = token

    def pass_time(self, until: float) -> None:
        while (due := self.gateway.deadline()) is not None and due <= until:
            self.gateway.tick(max(due, self.gateway.now))
            self.collect()

    def collect(self) -> None:
        for replayed in self.all.values():
            replayed.said += [json.loads(text) for text in replayed.connection.take()]
            if replayed.ended is None and replayed.connection.ending is not None:
                replayed.ended = replayed.connection.ending
                replayed.ended_after = self.gateway.now - replayed.connection.opened_at
