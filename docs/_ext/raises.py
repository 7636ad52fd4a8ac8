"""Turns the ``Raises:`` paragraph of a docstring into fields: a name, a colon and what it means, indented."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata


INDENT = "  "


def as_fields(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Rewrite a docstring where autodoc has it."""
    if "Raises:" in lines:
        start = lines.index("Raises:")
        lines[start:] = fields(lines[start + 1 :])


def fields(lines: list[str]) -> Iterator[str]:
    """``A, B: why`` becomes a field for A and a field for B; a line that is indented further goes on with the last."""
    entries: list[str] = []
    for line in filter(None, lines):
        if line.startswith(INDENT * 2):
            entries[-1] += f" {line.strip()}"
        else:
            entries.append(line.strip())
    for entry in entries:
        names, _, why = entry.partition(": ")
        for each in names.split(", "):
            yield f":raises {each}: {why}"


def setup(app: Sphinx) -> ExtensionMetadata:
    app.connect("autodoc-process-docstring", as_fields)
    return {"parallel_read_safe": True}
