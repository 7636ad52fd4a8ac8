"""The frame class of Feishu's SDK for Python reads what we write, and writes it again byte for byte."""

from __future__ import annotations

import json
import os
import subprocess

import attrs
import pytest

from tests.interop.feishu.recorded import DATA
from tests.interop.feishu.stage import PEERS
from trio_bridge.platforms.feishu.frames import Frame, answered, decode, encode

pytestmark = pytest.mark.interop

FIELDS = {"seq_id": "SeqID", "log_id": "LogID", "log_id_new": "LogIDNew"}
"""What the SDK calls them; the others have the same name there."""


def recorded_frames(*, canonical: bool) -> list[Frame]:
    """Every frame that is one: those that are written in the one way, or those that are written oddly."""
    rows = [json.loads(line) for line in (DATA / "frames.jsonl").read_text(encoding="utf-8").splitlines()]
    return [decode(bytes.fromhex(row["hex"])) for row in rows if row.get("canonical") is canonical]


def fields_of(frame: Frame) -> dict[str, object]:
    plain = attrs.asdict(frame, filter=attrs.filters.exclude("around", "headers", "payload"))
    return {FIELDS.get(name, name): value for name, value in plain.items() if value is not None}


def test_what_we_write_is_what_the_sdk_reads() -> None:
    usual, odd = recorded_frames(canonical=True), recorded_frames(canonical=False)
    written = [encode(frame) for frame in usual + odd]
    written += [answered(frame, ("biz_rt", "7"), b'{"code":200}') for frame in usual]
    exact = len(written)
    written += [answered(frame, ("biz_rt", "7"), b'{"code":200}') for frame in odd]  # as oddly as they came
    ours = [decode(frame) for frame in written]
    assert min(len(usual), len(odd)) >= 10
    script = [os.environ["TRIO_BRIDGE_LARK_PYTHON"], PEERS / "frames.py"]
    lines = "\n".join(frame.hex() for frame in written)
    process = subprocess.run(script, input=lines, stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    theirs = [json.loads(line) for line in process.stdout.splitlines()]
    assert [read["complete"] for read in theirs] == [True] * len(ours)
    assert [read["fields"] for read in theirs] == [fields_of(frame) for frame in ours]
    assert [read["headers"] for read in theirs] == [[list(header) for header in frame.headers] for frame in ours]
    assert [read["payload"] for read in theirs] == [(frame.payload or b"").hex() for frame in ours]
    assert [read["hex"] for read in theirs[:exact]] == [frame.hex() for frame in written[:exact]], "byte for byte"
