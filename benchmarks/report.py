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

from .flood.flood import Flood
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


def costs(figures: Mapping[str, Figures], titles: Mapping[str, str]) -> str:
    """What a message costs, and how many times what it costs elsewhere."""
    yardsticks = [figures[name] for name in YARDSTICKS if name in figures]
    heads = ["CPU µs/message", "median", "least", "spread", *(f"× {one.subject}" for one in yardsticks)]
    rows = [
        [
            titles[name],
            f"{one.median.cpu:.1f}",
            f"{one.least:.1f}",
            f"{one.spread:.0%}",
            *(f"{one.median.cpu / other.median.cpu:.2f}" for other in yardsticks),
            f"{one.median.first_tenth:.1f}",
            f"{one.median.last_tenth:.1f}",
        ]
        for name, one in figures.items()
    ]
    return table([*heads, "first tenth", "last tenth"], rows)


def circumstances(figures: Mapping[str, Figures], titles: Mapping[str, str]) -> str:
    """How it went, and whether the machine left the subjects alone."""
    rows = [
        [
            titles[name],
            f"{one.median.rate:,.0f}",
            f"{one.median.latency_p50:.2f}",
            f"{one.median.latency_p99:.2f}",
            f"{one.median.memory:.0f}",
            f"{one.median.busy:.0%}",
            f"{one.median.waited:.2f}",
            f"{one.median.server_busy:.0%}",
        ]
        for name, one in figures.items()
    ]
    heads = ["", "messages/s", "ack p50 ms", "ack p99 ms", "peak MiB", "busy", "waited s", "server busy"]
    return table(heads, rows)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown that can be read as it is: words to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(
        line([cells[0].ljust(widths[0]), *map(str.rjust, cells[1:], widths[1:])]) for cells in (heads, rule, *rows)
    )


def line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def as_json(scenario: str, flood: Flood, runs: Sequence[Run]) -> dict[str, Any]:
    """Everything that was measured, and where."""
    return {
        "scenario": scenario,
        "flood": attrs.asdict(flood),
        "machine": {"system": platform.system(), "cores": os.cpu_count(), "python": platform.python_version()},
        "figures": {name: attrs.asdict(figures) for name, figures in summarize(runs).items()},
        "runs": [attrs.asdict(run) for run in runs],
    }


def write_json(path: Path, figures: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
