"""What a check found: a table for people, one JSON object for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

import attrs
from rich import box
from rich.table import Table
from rich.text import Text

from .._version import __version__
from ..engine.findings import GRAVITY, Finding, Verdict, worst
from .preflight import Subject
from .text import one_line

STYLES: Mapping[Verdict, str] = {"ok": "green", "skipped": "dim", "warning": "yellow", "failed": "bold red"}

NAME = 48
"""Cells of the first column on a wide screen. On a narrow one it has less, and long names go on in a second line."""
TEXT = 240
"""Characters of what was found; some eight lines on a screen of 80."""


@attrs.frozen(kw_only=True)
class Report:
    """Everything that was tried, and how long it took."""

    config: str
    subjects: Sequence[Subject]
    seconds: float

    @property
    def verdict(self) -> Verdict:
        return worst(finding for subject in self.subjects for finding in subject.findings)

    @property
    def ok(self) -> bool:
        """Whether a bridge would run with all that is enabled. Warnings don't keep it from that."""
        return self.verdict != "failed"

    def as_json(self) -> str:
        """One object, in one line."""
        subjects = [{**attrs.asdict(subject), "verdict": subject.verdict} for subject in self.subjects]
        told = {"config": self.config, "ok": self.ok, "verdict": self.verdict, "seconds": round(self.seconds, 1)}
        return json.dumps({"version": __version__, **told, "subjects": subjects})

    def table(self) -> Table:
        """A row for each finding. Accounts that would not run come last: that is where one looks after a long list."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        table.add_column("", max_width=NAME, overflow="fold")
        table.add_column("check", no_wrap=True)
        table.add_column("verdict", no_wrap=True)
        table.add_column("what was found", overflow="fold", ratio=1)
        for subject in sorted(self.subjects, key=lambda each: each.kind == "account" and GRAVITY[each.verdict]):
            for index, finding in enumerate(subject.findings):
                table.add_row("" if index else Text(_label(subject)), *_cells(finding))
        return table

    def summary(self) -> str:
        """The accounts, counted."""
        counts = Counter(subject.verdict for subject in self.subjects if subject.kind == "account")
        accounts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in STYLES if counts[verdict])
        return f"accounts: {accounts} ({self.seconds:.1f} s)"


def _label(subject: Subject) -> str:
    """What a person calls it. The store is named by its file: there is one."""
    match subject.kind:
        case "store":
            return "store"
        case "account":
            return f"account {one_line(subject.name, 60)}"
        case _:
            return one_line(subject.name, 100)


def _cells(finding: Finding) -> tuple[Text, Text, Text]:
    """Everything is text: a server can't name itself in a way that colours the screen."""
    said = Text(one_line(finding.text, TEXT))
    if finding.advice:
        said.append(f"\n→ {finding.advice}", style="italic")
    return Text(finding.check), Text(finding.verdict, style=STYLES[finding.verdict]), said
