"""What it costs to be imported: time, and memory that is held for as long as the process lives."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from .flood.subject import python_with
from .report import table


@attrs.frozen
class Imported:
    """A package, with all that it needs before an account can connect."""

    name: str
    title: str
    modules: tuple[str, ...]
    package: str = ""
    """What must be installed besides this project."""

    @property
    def python(self) -> str | None:
        """An interpreter that has it; ``None`` where it is not installed."""
        return python_with(self.package) if self.package else sys.executable


IMPORTED: Final = (
    Imported("python", "the interpreter alone", ()),
    Imported("dingtalk", "trio_bridge, for DingTalk", ("trio_bridge", "trio_bridge.platforms.dingtalk.platform")),
    Imported("dingtalk-sdk", "dingtalk-stream", ("dingtalk_stream",), "dingtalk-stream"),
    Imported("feishu", "trio_bridge, for Feishu", ("trio_bridge", "trio_bridge.platforms.feishu.platform")),
    Imported("feishu-sdk", "lark-oapi", ("lark_oapi",), "lark-oapi"),
)

PROGRAM: Final = """
import importlib, json, os, sys, time
from pathlib import Path
wall, cpu = time.perf_counter(), time.process_time()
for module in sys.argv[1:]:
    importlib.import_module(module)
seconds, cpu = time.perf_counter() - wall, time.process_time() - cpu
pages = int(Path("/proc/self/statm").read_text().split()[1])
print(json.dumps({"seconds": seconds, "cpu": cpu, "memory": pages * os.sysconf("SC_PAGE_SIZE") / 2**20}))
"""


@attrs.frozen
class Weight:
    """What one import has cost."""

    name: str
    seconds: float
    cpu: float
    """Seconds too."""
    memory: float
    """Resident afterwards, in MiB, the interpreter included."""


def weigh(imported: Imported) -> Weight:
    """Import it in a fresh process."""
    command = [imported.python or sys.executable, "-c", PROGRAM, *imported.modules]
    return Weight(imported.name, **json.loads(subprocess.run(command, check=True, capture_output=True).stdout))


def medians(weights: Iterable[Weight]) -> dict[str, Weight]:
    """Each figure by itself, the median of all rounds."""
    grouped: dict[str, list[Weight]] = {}
    for weight in weights:
        grouped.setdefault(weight.name, []).append(weight)
    names = ("seconds", "cpu", "memory")
    return {
        name: Weight(name, *(statistics.median(getattr(one, figure) for one in own) for figure in names))
        for name, own in grouped.items()
    }


def weights_table(weights: Sequence[Weight], titles: Mapping[str, str]) -> str:
    rows = [
        [titles[name], f"{one.seconds:.2f}", f"{one.cpu:.2f}", f"{one.memory:.0f}"]
        for name, one in medians(weights).items()
    ]
    return table(["", "seconds", "CPU seconds", "MiB"], rows)


def as_json(weights: Sequence[Weight]) -> dict[str, Any]:
    """Everything that was measured."""
    figures = {name: attrs.asdict(one) for name, one in medians(weights).items()}
    return {"scenario": "imports", "figures": figures, "runs": [attrs.asdict(weight) for weight in weights]}
