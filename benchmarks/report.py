"""Figures for people and for programs."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from .flood.frames import Flood
from .flood.run import Run

YARDSTICKS = ("python-sdk", "floor")
"""What the others are compared with, where it was measured."""


@attrs.frozen
class Figures:
    """What the runs of one subject have in common: medians, and how far apart the runs were."""

    subject: str
    runs: int
    median: Run
    """Each figure by itself, the median of all runs."""
    least: float
    """The fewest microseconds of CPU for one message: of what others do on the machine, this has caught the least."""
    spread: float
    """From the cheapest to the dearest run, as a share of the median."""

    @classmethod
    def of(cls, runs: Sequence[Run]) -> Figures:
        names = [field.name for field in attrs.fields(Run) if field.name not in ("subject", "facts")]
        medians = {name: statistics.median(getattr(run, name) for run in runs) for name in names}
        middle = attrs.evolve(runs[-1], **medians)
        costs = [run.cpu for run in runs]
        return cls(runs[0].subject, len(runs), middle, min(costs), (max(costs) - min(costs)) / middle.cpu)


def summarize(runs: Iterable[Run]) -> dict[str, Figures]:
    """The figures of each subject, in the order of their first runs."""
    grouped: dict[str, list[Run]] = {}
    for run in runs:
        grouped.setdefault(run.subject, []).append(run)
    return {name: Figures.of(own) for name, own in grouped.items()}


def table(figures: Mapping[str, Figures], titles: Mapping[str, str]) -> str:
    """All figures side by side, as Markdown."""
    yardsticks = [name for name in YARDSTICKS if name in figures]
    heads = ["subject", "CPU µs/message", "least", "spread", *(f"× {name}" for name in yardsticks)]
    heads += [
        "first tenth",
        "last tenth",
        "messages/s",
        "busy",
        "waited s",
        "server busy",
        "ack p50 ms",
        "p99 ms",
        "MiB",
    ]
    rows = [row(one, titles[name], [figures[other] for other in yardsticks]) for name, one in figures.items()]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [heads, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])], *rows]
    return "\n".join("| " + " | ".join(map(pad, line, widths, range(len(line)))) + " |" for line in lines)


def row(figures: Figures, title: str, yardsticks: Sequence[Figures]) -> list[str]:
    run = figures.median
    ratios = [f"{run.cpu / other.median.cpu:.2f}" for other in yardsticks]
    return [
        title,
        f"{run.cpu:.1f}",
        f"{figures.least:.1f}",
        f"{figures.spread:.0%}",
        *ratios,
        f"{run.first_tenth:.1f}",
        f"{run.last_tenth:.1f}",
        f"{run.rate:,.0f}",
        f"{run.busy:.0%}",
        f"{run.waited:.2f}",
        f"{run.server_busy:.0%}",
        f"{run.latency_p50:.1f}",
        f"{run.latency_p99:.1f}",
        f"{run.memory:.0f}",
    ]


def pad(cell: str, width: int, column: int) -> str:
    """Words to the left, numbers to the right."""
    return cell.rjust(width) if column else cell.ljust(width)


def as_json(flood: Flood, runs: Sequence[Run]) -> dict[str, Any]:
    """Everything that was measured, and where."""
    return {
        "scenario": "flood",
        "flood": attrs.asdict(flood),
        "machine": {"system": platform.system(), "cores": os.cpu_count(), "python": platform.python_version()},
        "figures": {name: attrs.asdict(figures) for name, figures in summarize(runs).items()},
        "runs": [attrs.asdict(run) for run in runs],
    }


def write_json(path: Path, figures: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
