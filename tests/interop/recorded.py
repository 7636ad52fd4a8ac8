"""What was recorded of the official SDKs, once, with a server that was not ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs

DATA = Path(__file__).parents[1] / "data" / "dingtalk"

VERSIONS = {"python": "0.24.3", "node": "2.1.5"}
"""The versions that ``nox -s interop`` installs, as the noxfile pins them: only they were recorded in full."""


@attrs.frozen
class Recorded:
    """What an SDK made of one frame."""

    acks: list[str]
    close_code: int | None
    exit_status: int | None

    @property
    def ends_the_client(self) -> bool:
        return self.close_code is not None or self.exit_status is not None


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


FRAMES = {row["name"]: row["frame"] for row in lines("server_frames.jsonl")}
EXPECTED = {row["name"]: row["expect"] for row in lines("server_frames.jsonl")}


def recorded(sdk: str, handlers: str) -> dict[str, Recorded]:
    """What the SDK with these handlers made of each frame that it was shown, by the name of the frame."""
    return {
        row["frame"]: Recorded(row["acks"], row.get("client_close_code"), row.get("process_exit"))
        for row in lines("sdk_acks.jsonl")
        if (row["sdk"], row["version"], row["handlers"]) == (sdk, VERSIONS[sdk], handlers)
    }


def open_call(sdk: str, handlers: str, step: str) -> dict[str, Any]:
    """The recorded call (``open``) or upgrade (``upgrade``)."""
    (row,) = (row for row in lines("sdk_open_calls.jsonl") if row["name"] == f"{sdk}_{VERSIONS[sdk]}_{step}_{handlers}")
    return row
