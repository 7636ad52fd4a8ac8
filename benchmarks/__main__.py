"""Measure: ``python -m benchmarks flood --subjects memory,sqlite --repeat 3``."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeAlias

from .flood.flood import Flood
from .flood.frames import Frames
from .flood.platforms import PLATFORMS, Platform
from .flood.run import Run, SubjectFailed, run_subject
from .flood.subject import SUBJECTS, Subject
from .imports import IMPORTED, weigh, weights_table
from .imports import as_json as weights_json
from .report import as_json, circumstances, costs, summarize, write_json

RESULTS = Path("benchmarks/results")
Scenarios: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for. Returns the exit code: 1 where a subject failed."""
    given = parse(arguments)
    return int(given.run(given))


def flood(given: argparse.Namespace) -> int:
    """Flood the subjects in turns, and show what it cost them."""
    platform: Platform = given.platform
    wanted = Flood(count=given.count, lanes=given.lanes, size=given.bytes, window=given.window, burst=given.burst)
    subjects = choose(platform.name, given.subjects)
    given.folder.mkdir(parents=True, exist_ok=True)
    frames = Frames.of(platform, wanted)
    print(
        f"{wanted.count} messages of about {len(frames.wire) // wanted.count} bytes in {wanted.lanes} conversations, "
        f"at most {wanted.window} {'unacknowledged' if wanted.burst else 'under way'}; "
        f"{given.repeat} × {', '.join(subject.name for subject in subjects)}"
    )
    runs: list[Run] = []
    try:
        for number in range(given.repeat):
            for subject in subjects:  # A B C, A B C: what else the machine does falls on all of them
                runs.append(run_subject(subject, wanted, frames, given.folder))
                print(f"{number + 1}. {subject.name}: {runs[-1].cpu:.1f} µs/message", flush=True)
    except SubjectFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    figures, titles = summarize(runs), {subject.name: subject.title for subject in subjects}
    print("", costs(figures, titles), "", circumstances(figures, titles), "", sep="\n")
    written = given.json or RESULTS / f"{platform.scenario}.json"
    write_json(written, as_json(platform.scenario, wanted, runs))
    print(f"everything measured: {written}")
    return 0


def imports(given: argparse.Namespace) -> int:
    """Import what is here in turns, each time in a fresh process, and show what it cost."""
    present = [one for one in IMPORTED if one.python]
    weights = [weigh(one) for _ in range(given.repeat) for one in present]
    print(weights_table(weights, {one.name: one.title for one in present}), "", sep="\n")
    write_json(given.json, weights_json(weights))
    print(f"everything measured: {given.json}")
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    scenarios = parser.add_subparsers(required=True, metavar="SCENARIO")
    for make in PLATFORMS.values():
        add_flood(scenarios, make())
    said = "time and memory that an import takes"
    importing = scenarios.add_parser("imports", help=said, description=said)
    importing.set_defaults(run=imports)
    importing.add_argument("--repeat", type=at_least(1), default=5, help="rounds, each of all packages (default 5)")
    written = RESULTS / "imports.json"
    importing.add_argument("--json", type=Path, default=written, help=f"where figures go (default {written})")
    return parser.parse_args(arguments)


def add_flood(scenarios: Scenarios, platform: Platform) -> None:
    said = f"many messages of {platform.title} over one connection, as fast as the client takes them"
    flooding = scenarios.add_parser(platform.scenario, help=said, description=said)
    flooding.set_defaults(run=flood, platform=platform)
    known = SUBJECTS[platform.name]
    flooding.add_argument(
        "--subjects", type=names(known), help=f"some of {','.join(known)}; without it all that are here"
    )
    flooding.add_argument("--repeat", type=at_least(1), default=1, help="rounds, each of all subjects (default 1)")
    flooding.add_argument("--count", type=at_least(10), default=20_000, help="messages (default 20,000)")
    flooding.add_argument("--lanes", type=at_least(1), default=20, help="conversations (default 20)")
    size = platform.size
    flooding.add_argument("--bytes", type=at_least(1), default=size, help=f"of a message's JSON (default {size})")
    flooding.add_argument("--window", type=at_least(1), default=1000, help="most messages under way (default 1000)")
    flooding.add_argument("--burst", action="store_true", help="don't wait for handlers: let a backlog pile up")
    flooding.add_argument(
        "--folder", type=Path, default=RESULTS, help="where stores are: not in memory, or sqlite is flattered"
    )
    flooding.add_argument("--json", type=Path, help=f"where figures go (default {RESULTS}/{platform.scenario}.json)")


def at_least(least: int) -> Callable[[str], int]:
    """Reads a number that is not too small."""

    def number(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"expected {least} or more")
        return int(text)

    return number


def names(known: Collection[str]) -> Callable[[str], list[str]]:
    """Reads names of subjects, as the command line has them."""

    def chosen(text: str) -> list[str]:
        asked = text.split(",")
        if unknown := [name for name in asked if name not in known]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
        return asked

    return chosen


def choose(platform: str, asked: list[str] | None) -> list[Subject]:
    """The subjects that were asked for; of all, those that can run. The others are named on the way."""
    chosen = []
    known = SUBJECTS[platform]
    for name in asked or known:
        missing = known[name].missing()
        if missing and asked:
            raise SystemExit(f"{name}: {missing}")
        if missing:
            print(f"left out: {name} ({missing})")
        else:
            chosen.append(known[name])
    return chosen


if __name__ == "__main__":
    gc.disable()  # A collection in the process that sends would look like the latency of the one that is measured.
    sys.exit(main())
