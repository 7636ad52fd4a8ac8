"""The tables of features and of mistakes hold what they say: keys that exist, tests that exist, and no gap."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.docs.conftest import DOCS
from trio_bridge.agents.openai.agent import OpenAI
from trio_bridge.platforms.dingtalk.config import DingTalk
from trio_bridge.platforms.dingtalk.settings.groups import DingTalkGroup
from trio_bridge.runner.sections import StoreSection

TESTS = DOCS.parent / "tests"
FEATURES, MISTAKES = 74, 70
TABLES: Mapping[str, type[Any]] = {
    "": DingTalk,
    "dingtalk": DingTalk,
    "dingtalk/group": DingTalkGroup,
    "openai": OpenAI,
    "store": StoreSection,
}

TABLE = (DOCS / "dingtalk-features.md").read_text(encoding="utf-8")
PAGE = (DOCS / "dingtalk-proofs.md").read_text(encoding="utf-8")

ROWS = re.findall(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", TABLE, re.MULTILINE)
KEYS = re.findall(r"\{confval\}`(?:[^`<]+<)?([^`>]+)>?`", TABLE)


def items(heading: str) -> dict[int, tuple[str, list[str]]]:
    """The list below a heading: by its numbers, what is said and the tests that are named."""
    _, _, text = PAGE.partition(f"\n## {heading}\n")
    found = re.findall(r"^(\d+)\. (.+)\n((?: +\* .+\n)*)", text.partition("\n## ")[0], re.MULTILINE)
    return {int(number): (said, re.findall(r"\* `([^`]+)`", tests)) for number, said, tests in found}


PROOFS, AVOIDED = items("Features"), items("Mistakes that others made")


FACES = {
    *("account", "bridge", "open_account", "open_bridge"),
    *("load_config", "extract_text"),
    # Helpers of tests that do one of these.
    *("opened", "stage", "begin", "load", "read", "problems", "text_of"),
}
"""What a test calls that stands where an application stands."""


@cache
def functions(file: Path) -> Mapping[str, ast.AST]:
    """The tests in a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def found(test: str) -> ast.AST | None:
    """The test that is named, if it exists."""
    path, _, name = test.partition("::")
    file = TESTS / path if "/" in path else TESTS / "platforms" / "dingtalk" / path
    return functions(file).get(name) if name.startswith("test_") and file.is_file() else None


def called(test: str) -> set[str]:
    """The names of what a test calls, without what stands before a dot."""
    node = found(test)
    calls = [each.func for each in ast.walk(node) if isinstance(each, ast.Call)] if node else []
    return {
        each.attr if isinstance(each, ast.Attribute) else each.id
        for each in calls
        if isinstance(each, ast.Name | ast.Attribute)
    }


def test_every_feature_has_a_row_and_a_list_of_tests() -> None:
    assert [int(number) for number, *_ in ROWS] == [*range(1, FEATURES + 1)]
    assert {number: said for number, (said, _) in PROOFS.items()} == {int(number): said for number, said, *_ in ROWS}


def test_no_feature_is_there_without_a_test() -> None:
    states = {int(number): state for number, _, state, _ in ROWS}
    assert set(states.values()) == {"yes", "differently", "**no**"}
    assert [number for number, state in states.items() if state != "**no**" and not PROOFS[number][1]] == []


def test_every_key_of_the_table_exists() -> None:
    assert len(KEYS) > 70
    scoped = [key.rpartition("/") for key in KEYS]
    assert [(scope, name) for scope, _, name in scoped if name not in attrs.fields_dict(TABLES[scope])] == []


def test_every_mistake_is_listed_with_its_tests() -> None:
    assert [*AVOIDED] == [*range(1, MISTAKES + 1)]
    assert [number for number, (_, tests) in AVOIDED.items() if not tests] == []


@pytest.mark.parametrize("proofs", [PROOFS, AVOIDED], ids=["features", "mistakes"])
def test_every_test_that_is_named_exists(proofs: dict[int, tuple[str, list[str]]]) -> None:
    assert [test for _, tests in proofs.values() for test in tests if found(test) is None] == []


def test_every_feature_is_tested_where_an_application_stands() -> None:
    tests = [test for _, tests in PROOFS.values() for test in tests]
    assert [test for test in tests if not called(test) & FACES] == []


def test_every_test_with_the_number_of_a_mistake_is_listed_there() -> None:
    """``test_trap_1_and_24_…`` is about two of them."""
    unlisted = []
    for file in (TESTS / "platforms" / "dingtalk").glob("test_*.py"):
        for name in functions(file):
            numbered = re.match(r"test_(?:row_\d+_and_)?trap_(\d+(?:_(?:and_)?\d+)*)_", name)
            for number in re.findall(r"\d+", numbered[1]) if numbered else ():
                if f"{file.name}::{name}" not in AVOIDED[int(number)][1]:
                    unlisted.append(f"{number}: {file.name}::{name}")
    assert sorted(unlisted) == []
