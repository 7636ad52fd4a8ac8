"""Measure: ``python -m benchmarks flood --subjects memory,sqlite --repeat 3``."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from .flood.frames import Flood, Frames
from .flood.run import Run, SubjectFailed, run_subject
from .flood.subjects import SUBJECTS, Subject
from .report import as_json, circumstances, costs, summarize, write_json

RESULTS = Path("benchmarks/results")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for. Returns the exit code: 1 where a subject failed."""
    given = parse(arguments)
    flood = Flood(count=given.count, lanes=given.lanes, size=given.bytes, window=given.window, burst=given.burst)
    subjects = choose(given.subjects)
    given.folder.mkdir(parents=True, exist_ok=True)
    frames = Frames.of(flood)
    print(
        f"{flood.count} messages of about {len(frames.wire) // flood.count} bytes in {flood.lanes} conversations, "
        f"at most {flood.window} {'unacknowledged' if flood.burst else 'under way'}; "
        f"{given.repeat} × {', '.join(subject.name for subject in subjects)}"
    )
    runs: list[Run] = []
    try:
        for number in range(given.repeat):
            for subject in subjects:  # A B C, A B C: what else the machine does falls on all of them
                runs.append(run_subject(subject, flood, frames, given.folder))
                print(f"{number + 1}. {subject.name}: {runs[-1].cpu:.1f} µs/message", flush=True)
    except SubjectFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    figures, titles = summarize(runs), {subject.name: subject.title for subject in subjects}
    print("", costs(figures, titles), "", circumstances(figures, titles), "", sep="\n")
    write_json(given.json, as_json(flood, runs))
    print(f"everything measured: {given.json}")
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    scenarios = parser.add_subparsers(required=True, metavar="SCENARIO")
    flood = scenarios.add_parser("flood", help="many messages over one connection, as fast as the client takes them")
    flood.add_argument("--subjects", type=names, help=f"some of {','.join(SUBJECTS)}; without it all that are here")
    flood.add_argument("--repeat", type=at_least(1), default=1, help="rounds, each of all subjects (default 1)")
    flood.add_argument("--count", type=at_least(10), default=20_000, help="messages (default 20,000)")
    flood.add_argument("--lanes", type=at_least(1), default=20, help="conversations (default 20)")
    flood.add_argument("--bytes", type=at_least(1), default=1024, help="size of a message (default 1024)")
    flood.add_argument("--window", type=at_least(1), default=1000, help="most messages under way (default 1000)")
    flood.add_argument("--burst", action="store_true", help="don't wait for handlers: let a backlog pile up")
    flood.add_argument(
        "--folder", type=Path, default=RESULTS, help="where stores are: not in memory, or sqlite is flattered"
    )
    flood.add_argument("--json", type=Path, default=RESULTS / "flood.json", help="where figures go")
    return parser.parse_args(arguments)


def at_least(least: int) -> Callable[[str], int]:
    """Reads a number that is not too small."""

    def number(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"expected {least} or more")
        return int(text)

    return number


def names(text: str) -> list[str]:
    """Names of subjects, as the command line has them."""
    chosen = text.split(",")
    if unknown := [name for name in chosen if name not in SUBJECTS]:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(SUBJECTS)}")
    return chosen


def choose(asked: list[str] | None) -> list[Subject]:
    """The subjects that were asked for; of all, those that can run. The others are named on the way."""
    chosen = []
    for name in asked or SUBJECTS:
        missing = SUBJECTS[name].missing()
        if missing and asked:
            raise SystemExit(f"{name}: {missing}")
        if missing:
            print(f"left out: {name} ({missing})")
        else:
            chosen.append(SUBJECTS[name])
    return chosen


if __name__ == "__main__":
    gc.disable()  # A collection in the process that sends would look like the latency of the one that is measured.
    sys.exit(main())
