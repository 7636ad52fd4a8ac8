"""Figures of several runs."""

from __future__ import annotations

import attrs

from benchmarks.flood.run import Run
from benchmarks.report import circumstances, costs, summarize

RUN = Run(
    subject="floor",
    cpu=10.0,
    first_tenth=12.0,
    last_tenth=9.0,
    seconds=1.0,
    rate=20_000.0,
    busy=1.0,
    waited=0.25,
    server_busy=0.5,
    latency_p50=10.0,
    latency_p99=20.0,
    memory=30.0,
    facts={},
)


def test_several_runs_have_a_median_a_least_and_a_spread() -> None:
    others = [attrs.evolve(RUN, cpu=cpu, rate=rate) for cpu, rate in ((14.0, 5_000.0), (8.0, 1.0))]
    figures = summarize([others[0], attrs.evolve(RUN, subject="python-sdk", cpu=40.0), RUN, others[1]])
    floor = figures["floor"]
    assert (floor.runs, floor.median.cpu, floor.median.rate) == (3, 10.0, 5_000.0)
    assert (floor.least, floor.spread) == (8.0, 0.6)

    titles = {"floor": "the floor", "python-sdk": "the SDK"}
    heads, _, own, _ = costs(figures, titles).splitlines()
    assert cells(heads)[:6] == ["CPU µs/message", "median", "least", "spread", "× python-sdk", "× floor"]
    assert cells(own) == ["the floor", "10.0", "8.0", "60%", "0.25", "1.00", "12.0", "9.0"]
    went = circumstances(figures, titles).splitlines()[-1]
    assert cells(went) == ["the SDK", "20,000", "10.00", "20.00", "30", "100%", "0.25", "50%"]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]
