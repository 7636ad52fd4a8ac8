"""The tables of features and of mistakes hold what they say: keys that exist, tests that exist, and no gap."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.docs.conftest import DOCS
from trio_bridge.agents.openai.agent import OpenAI
from trio_bridge.config import AccountConfig
from trio_bridge.platforms.dingtalk.config import DingTalk
from trio_bridge.platforms.dingtalk.settings.groups import DingTalkGroup
from trio_bridge.platforms.feishu.config import Feishu
from trio_bridge.platforms.openclaw.config import OpenClaw
from trio_bridge.runner.sections import StoreSection

TESTS = DOCS.parent / "tests"
FEATURES = "Features"
FACES = {
    *("account", "bridge", "open_account", "open_bridge"),
    *("load_config", "extract_text"),
    # Helpers of tests that do one of these.
    *("opened", "stage", "begin", "load", "read", "problems", "text_of", "running", "open_reception"),
    # What an account is made of.
    "OpenClaw",
}
"""What a test calls that stands where an application stands."""
STRUCTURE = {"manager/test_manager_rows.py::test_row_12_nothing_that_is_managed_knows_the_manager"}
"""What no application can see: who needs whom."""


@attrs.frozen(slots=False)
class Pages:
    """What is said of a platform's features, and of the tests that prove it."""

    platform: str
    lists: Mapping[str, int]
    """How many there are of what, by the headings above them; the features are the first of them."""
    mistakes: str
    """The heading above those that tests name by their numbers."""
    keys: Mapping[str, type[Any]]
    """What has the keys that are named, by their scopes."""

    @cached_property
    def table(self) -> str:
        return (DOCS / f"{self.platform}-features.md").read_text(encoding="utf-8")

    @property
    def rows(self) -> list[tuple[str, str, str, str]]:
        """The table of features: number, name, state and how."""
        row = r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|(?: `test_\w+…` \|)?$"
        return re.findall(row, self.table, re.MULTILINE)

    @property
    def shown(self) -> dict[int, str]:
        """How the name of the test begins that stands in a row, on pages where one does."""
        found = re.findall(r"^\| (\d+) \|.+\| `(test_\w+)…` \|$", self.table, re.MULTILINE)
        return {int(number): test for number, test in found}

    def items(self, heading: str) -> dict[int, tuple[str, list[str]]]:
        """The list below a heading: by its numbers, what is said and the tests that are named."""
        _, _, text = self._proofs.partition(f"\n## {heading}\n")
        found = re.findall(r"^(\d+)\. (.+)\n((?: +\* .+\n)*)", text.partition("\n## ")[0], re.MULTILINE)
        return {int(number): (said, re.findall(r"\* `([^`]+)`", tests)) for number, said, tests in found}

    def tests(self, *headings: str) -> list[str]:
        """The tests that are named below these headings."""
        return [test for heading in headings for _, tests in self.items(heading).values() for test in tests]

    def found(self, test: str) -> ast.AST | None:
        """The test that is named, if it exists."""
        path, _, name = test.partition("::")
        file = TESTS / path if "/" in path else self.folder / path
        return functions(file).get(name) if name.startswith("test_") and file.is_file() else None

    def called(self, test: str) -> set[str]:
        """The names of what a test calls, without what stands before a dot."""
        node = self.found(test)
        calls = [each.func for each in ast.walk(node) if isinstance(each, ast.Call)] if node else []
        return {
            each.attr if isinstance(each, ast.Attribute) else each.id
            for each in calls
            if isinstance(each, ast.Name | ast.Attribute)
        }

    def numbered(self) -> Iterator[tuple[int, str]]:
        """The tests that have the numbers of mistakes in their names: ``test_trap_1_and_24_…`` is about two of them."""
        for file in self.folder.glob("test_*.py"):
            for name in functions(file):
                match = re.match(r"test_(?:row_\d+_and_)?trap_(\d+(?:_(?:and_)?\d+)*)_", name)
                for number in re.findall(r"\d+", match[1]) if match else ():
                    yield int(number), f"{file.name}::{name}"

    @property
    def folder(self) -> Path:
        return TESTS / "platforms" / self.platform

    @cached_property
    def _proofs(self) -> str:
        return (DOCS / f"{self.platform}-proofs.md").read_text(encoding="utf-8")


@cache
def functions(file: Path) -> Mapping[str, ast.AST]:
    """The tests in a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


each_platform = pytest.mark.parametrize(
    "pages",
    [
        Pages(
            "dingtalk",
            {FEATURES: 74, "Mistakes that others made": 70},
            "Mistakes that others made",
            {
                "": AccountConfig,
                "dingtalk": DingTalk,
                "dingtalk/group": DingTalkGroup,
                "openai": OpenAI,
                "store": StoreSection,
            },
        ),
        Pages(
            "feishu",
            {
                FEATURES: 17,
                "Acknowledgements": 8,
                "Failures": 15,
                "What was recorded": 5,
                "Mistakes that others made": 34,
            },
            "Mistakes that others made",
            {"": AccountConfig, "feishu": Feishu},
        ),
        Pages(
            "openclaw",
            {FEATURES: 47, "What gateways do": 36, "Failures": 3, "Mistakes that are easily made": 19},
            "Mistakes that are easily made",
            {"": AccountConfig, "openclaw": OpenClaw},
        ),
    ],
    ids=lambda pages: pages.platform,
)


@each_platform
def test_every_feature_has_a_row_and_the_same_name_beside_its_tests(pages: Pages) -> None:
    assert {number: said for number, (said, _) in pages.items(FEATURES).items()} == {
        int(number): said for number, said, *_ in pages.rows
    }


@each_platform
def test_nothing_is_left_out_and_nothing_is_without_a_test(pages: Pages) -> None:
    absent = {int(number) for number, _, state, _ in pages.rows if state == "**no**"}
    assert {state for _, _, state, _ in pages.rows} <= {"yes", "differently", "**no**"}
    for heading, count in pages.lists.items():
        items = pages.items(heading)
        assert [*items] == [*range(1, count + 1)]
        without = {number for number, (_, tests) in items.items() if not tests}
        assert without <= (absent if heading == FEATURES else set())


@each_platform
def test_the_test_that_a_row_names_is_one_of_its_tests(pages: Pages) -> None:
    assert len(pages.shown) in (0, len(pages.rows))
    proofs = pages.items(FEATURES)
    for number, begins in pages.shown.items():
        assert any(test.partition("::")[2].startswith(begins) for test in proofs[number][1]), number


@each_platform
def test_every_key_of_the_table_exists(pages: Pages) -> None:
    keys = re.findall(r"\{confval\}`(?:[^`<]+<)?([^`>]+)>?`", pages.table)
    assert len(keys) >= 15
    scoped = [key.rpartition("/") for key in keys]
    assert [(scope, name) for scope, _, name in scoped if name not in attrs.fields_dict(pages.keys[scope])] == []


@each_platform
def test_every_test_that_is_named_exists(pages: Pages) -> None:
    assert [test for test in pages.tests(*pages.lists) if pages.found(test) is None] == []


@each_platform
def test_every_feature_is_tested_where_an_application_stands(pages: Pages) -> None:
    assert [test for test in pages.tests(FEATURES) if not pages.called(test) & FACES and test not in STRUCTURE] == []


@each_platform
def test_every_test_with_the_number_of_a_mistake_is_listed_there(pages: Pages) -> None:
    avoided = pages.items(pages.mistakes)
    numbered = list(pages.numbered())
    assert numbered
    assert sorted(test for number, test in numbered if test not in avoided[number][1]) == []
