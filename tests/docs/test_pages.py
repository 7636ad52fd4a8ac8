"""What pages show is what tests run: code comes from files in docs/examples, and each of them is run and shown."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.docs.conftest import DOCS

PAGES = sorted(page for pattern in ("*.md", "*.rst") for page in DOCS.glob(pattern))
EXAMPLES = sorted(
    file.relative_to(DOCS / "examples")
    for file in (DOCS / "examples").rglob("*")
    if file.is_file() and "__pycache__" not in file.parts
)

FENCED = re.compile(
    r"^( *)(`{3,}|~{3,}|:{3,})(?:\{code-block\} *)?(python|py|toml)\b[^\n]*\n(.*?)^\1\2", re.MULTILINE | re.DOTALL
)
DIRECTIVE = re.compile(r"^( *)\.\. code(?:-block)?:: *(python|py|toml)\b[^\n]*\n((?:\1 +[^\n]*\n|\n)*)", re.MULTILINE)
LITERAL = re.compile(r"^( *)[^.\s][^\n]*::\n\n((?:\1 +[^\n]*\n|\n)+)", re.MULTILINE)


def written_in(page: str) -> list[str]:
    """The code that stands in a page itself."""
    found = [match[4] for match in FENCED.finditer(page)]
    found += [match[3] for match in DIRECTIVE.finditer(page)] + [match[2] for match in LITERAL.finditer(page)]
    return [code for code in found if len(code.strip().splitlines()) > 1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_has_code_of_its_own(page: Path) -> None:
    assert written_in(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "page",
    [
        "```python\nx = 1\nprint(x)\n```\n",
        "* a list\n\n  ```toml\n  [a]\n  b = 1\n  ```\n",
        "~~~py\nx = 1\ny = 2\n~~~\n",
        "```{code-block} python\n:caption: one\nx = 1\n```\n",
        ".. code-block:: toml\n\n   [a]\n   b = 1\n\nText.\n",
        "like this::\n\n   x = 1\n   y = 2\n\nText.\n",
    ],
)
def test_code_in_a_page_is_found(page: str) -> None:
    assert len(written_in(page)) == 1


@pytest.mark.parametrize(
    "page",
    ["```python\nimport trio_bridge as tb\n```\n", "```console\n$ a\nb\n```\n", ".. toctree::\n   :hidden:\n\n   a\n"],
)
def test_one_line_and_what_is_no_code_may_stand_in_a_page(page: str) -> None:
    assert written_in(page) == []


@pytest.mark.parametrize("file", EXAMPLES, ids=str)
def test_every_example_is_shown(file: Path) -> None:
    assert any(f"examples/{file}" in page.read_text(encoding="utf-8") for page in PAGES)


def test_every_example_is_run() -> None:
    """A test names it, with or without its suffix, or names the folder that is run as a whole.

    The TOML files beside the programs are run as they are found.
    """
    tests = [file.read_text(encoding="utf-8") for file in DOCS.parent.glob("tests/**/test_*.py")]
    trees = [ast.parse(test) for test in tests if "example" in test]
    named = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    found = [file for file in EXAMPLES if len(file.parts) > 1 or file.suffix == ".py"]
    assert [str(file) for file in found if not {file.parts[0], file.stem} & named] == []


@pytest.mark.parametrize("file", EXAMPLES, ids=str)
def test_every_example_can_be_read_without_scrolling(file: Path) -> None:
    assert max(map(len, (DOCS / "examples" / file).read_text(encoding="utf-8").splitlines())) <= 88
