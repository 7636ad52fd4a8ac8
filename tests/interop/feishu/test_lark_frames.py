"""The frame class of Feishu's SDK for Python reads what we write, and writes it again byte for byte."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from typing import Any

import pytest

from tests.interop.feishu.recorded import DATA
from tests.interop.feishu.stage import PEERS
from trio_bridge.platforms.feishu.frames import answered, decode, encode

pytestmark = pytest.mark.interop

TOOK = ("biz_rt", "7")
TAKEN = b'{"code":200}'
ELSEWHERE = ("headers", "payload_len", "payload_sha256", "payload_hex", "payload_text")


def rows(*, canonical: bool) -> list[dict[str, Any]]:
    """The recorded frames: those that are written in the one way, or those that are written oddly."""
    lines = (DATA / "frames.jsonl").read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if row.get("canonical") is canonical]


def in_full(row: dict[str, Any]) -> dict[str, Any]:
    """What is to be read of a frame: as it was recorded, and not as we understand it."""
    decoded = row["decoded"]
    fields = {name: value for name, value in decoded.items() if name not in ELSEWHERE and value is not None}
    empty = hashlib.sha256().hexdigest()
    return {"fields": fields, "headers": decoded["headers"], "payload": decoded.get("payload_sha256") or empty}


def acknowledged(row: dict[str, Any]) -> dict[str, Any]:
    """What is to be read of its acknowledgement."""
    whole = in_full(row)
    return whole | {"headers": [*whole["headers"], list(TOOK)], "payload": hashlib.sha256(TAKEN).hexdigest()}


def test_what_we_write_is_what_the_sdk_reads() -> None:
    usual, odd = rows(canonical=True), rows(canonical=False)
    assert min(len(usual), len(odd)) >= 10
    frames = [decode(bytes.fromhex(row["hex"])) for row in usual + odd]
    acks = [answered(frame, TOOK, TAKEN) for frame in frames]  # the odd ones as oddly as they came, and so the last
    written = [encode(frame) for frame in frames] + acks
    exact = len(frames) + len(usual)
    script = [os.environ["TRIO_BRIDGE_LARK_PYTHON"], PEERS / "frames.py"]
    lines = "\n".join(frame.hex() for frame in written)
    process = subprocess.run(script, input=lines, stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    theirs = [json.loads(line) for line in process.stdout.splitlines()]
    for read in theirs:
        read["payload"] = hashlib.sha256(bytes.fromhex(read["payload"])).hexdigest()
    assert [read.pop("hex") for read in theirs][:exact] == [frame.hex() for frame in written[:exact]], "byte for byte"
    assert theirs == [
        {"complete": True, **read} for read in [*map(in_full, usual + odd), *map(acknowledged, usual + odd)]
    ]
