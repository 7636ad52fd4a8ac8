"""What was recorded of Feishu's official SDKs, once, with a server that was not ours."""

from __future__ import annotations

import json
from pathlib import Path

import attrs

from trio_bridge.platforms.feishu.gateway.frames import decode, encode

DATA = Path(__file__).parents[2] / "data" / "feishu"

NAMES = {"python": "py_", "node": "node_"}
"""How the names of an SDK's rows begin."""


@attrs.frozen
class Recording:
    """The frames that an SDK was shown, in their order, and what it answered to each."""

    shown: dict[str, bytes]
    acks: dict[str, bytes]
    """By the name of the frame that is answered. Of an event in fragments that is the last that came."""
    ping: bytes
    version: str
    """Of the SDK: what another one does need not be the same."""


def recording(sdk: str) -> Recording:
    """What was recorded of an SDK. Names are without its own."""
    prefix = NAMES[sdk]
    rows = [json.loads(line) for line in (DATA / "sdk_frames.jsonl").read_text(encoding="utf-8").splitlines()]
    frames = {row["name"].removeprefix(prefix): row for row in rows if row["name"].startswith(prefix)}
    return Recording(
        shown={
            name: bytes.fromhex(row["hex"])
            for name, row in frames.items()
            if row["direction"] == "server->sdk" and name != "pong_received"
        },
        acks={
            row["answers"].removeprefix(prefix): bytes.fromhex(row["hex"])
            for row in frames.values()
            if "answers" in row
        },
        ping=bytes.fromhex(frames["ping"]["hex"]),
        version=frames["ping"]["sdk"].split()[-1],
    )


def steady(ack: bytes) -> bytes:
    """The same frame, without how long it took: that alone is different each time."""
    frame = decode(ack)
    assert encode(frame) == ack, "every frame is written in the one way"
    headers = tuple((name, "…" if name == "biz_rt" else value) for name, value in frame.headers)
    return encode(attrs.evolve(frame, headers=headers))
