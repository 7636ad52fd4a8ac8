"""The configuration page has every key, and each says what it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from pydoc import locate
from typing import Any, get_args, get_origin

import attrs
import pytest

from tests.docs.conftest import DOCS, Import
from trio_bridge.agents.config import AGENTS
from trio_bridge.config import AccountConfig, positive
from trio_bridge.platforms.registry import PLATFORMS
from trio_bridge.runner.bindings import BindingSection
from trio_bridge.runner.sections import StoreSection
from trio_bridge.runner.structure import is_by_name

PAGE = (DOCS / "configuration.rst").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^\.\. config-keys:: ([\w.]+)\n(?:   :scope: (\S+)\n)?", PAGE, re.MULTILINE)
"""Classes, with the scope in which each has its keys. What platforms have in common stands there for each of them."""
LISTED = [*dict.fromkeys(name for name, _ in ENTRIES)]
CLASSES: Mapping[str, type[Any]] = {name: cls for name in LISTED if isinstance(cls := locate(name), type)}


def test_every_key_of_every_table_is_on_the_page_once() -> None:
    tables = {StoreSection, BindingSection, *AGENTS.values(), *(load() for load in PLATFORMS.values())}
    tables |= {inner for table in tables for inner in tables_in(table)}
    assert {base for table in tables for base in adding_keys(table)} == set(CLASSES.values())
    assert len(CLASSES) == len(LISTED)
    assert len(set(ENTRIES)) == len(ENTRIES)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_key_of_a_platform_is_on_the_page_as_one_of_it(platform: str) -> None:
    table = PLATFORMS[platform]()
    of_all = adding_keys(AccountConfig)
    assert listed_in(platform) == adding_keys(table) - of_all
    assert listed_in(f"{platform}/group") == {base for inner in tables_in(table) for base in adding_keys(inner)}


def listed_in(scope: str) -> set[type[Any]]:
    return {CLASSES[name] for name, under in ENTRIES if under == scope}


def adding_keys(table: type[Any]) -> set[type[Any]]:
    """The classes of which a table has its keys."""
    return {base for base in table.__mro__ if attrs.has(base) and own_fields(base)}


def tables_in(cls: type[Any]) -> set[type[Any]]:
    """What stands in a table, each under a name of its own or one after another."""
    kinds = [field.type for field in attrs.fields(attrs.resolve_types(cls))]
    named = {get_args(kind)[1] for kind in kinds if is_by_name(kind)}
    listed = {get_args(kind)[0] for kind in kinds if get_origin(kind) is tuple}
    return named | {kind for kind in listed if attrs.has(kind)}


def own_fields(cls: type[Any]) -> list[str]:
    return [field.name for field in attrs.fields(cls) if field.init and not field.inherited]


@pytest.mark.parametrize("name", LISTED)
def test_every_key_says_what_it_is(extension: Import, name: str) -> None:
    keys = extension("config_keys.py").keys_of(CLASSES[name])
    assert [key.name for key in keys if not key.text.strip()] == []


@pytest.mark.parametrize("name", LISTED)
def test_every_number_says_what_it_counts(extension: Import, name: str) -> None:
    """A duration by its name. Whoever adds another kind of number decides here that it has no unit."""
    keys = extension("config_keys.py").keys_of(CLASSES[name])
    assert {key.name for key in keys if key.kind.startswith("a number") and "second" not in key.kind} <= {"temperature"}


@attrs.frozen(kw_only=True)
class Base:
    name: str
    """Elsewhere."""
    loud: bool = True
    """Elsewhere, and mostly."""
    groups: tuple[str, ...] = ()
    """Elsewhere."""


@attrs.frozen(kw_only=True)
class Table(Base):
    required: str
    """Must be there."""
    other: str = attrs.field(default=attrs.Factory(lambda self: self.required, takes_self=True))
    """Nearly always the same."""
    long_grace: float = attrs.field(default=7200.0, validator=positive)
    """How long.

    And why.
    """
    rate: float = 0.5
    """Things per second."""
    max_bytes: int = 3 * 2**20
    """How much."""
    wait_timeout: float | None = None
    """May be left out."""
    heat: float = 1.0
    """Neither time nor rate."""
    names: tuple[str, ...] = ("a", "ü")
    """Some names."""
    loud: bool = False
    """Not here."""
    groups: tuple[str, ...] = ("narrower",)
    silent: bool = False
    _inner: int = attrs.field(default=0, init=False)


def test_a_key_is_read_from_its_class_and_its_source(extension: Import) -> None:
    keys = extension("config_keys.py").keys_of(Table)
    assert [(key.name, key.default, key.kind, key.text) for key in keys] == [
        ("required", None, "a string, required", "Must be there."),
        ("other", None, "a string; without it, the value of required", "Nearly always the same."),
        ("long_grace", "7200", "a number > 0, in seconds (2 h)", "How long.\n\nAnd why."),
        ("rate", "0.5", "a number per second", "Things per second."),
        ("max_bytes", "3145728", "a whole number, in bytes (3 MiB)", "How much."),
        ("wait_timeout", None, "a number, in seconds", "May be left out."),
        ("heat", "1", "a number", "Neither time nor rate."),
        ("names", '["a", "ü"]', "a list of strings", "Some names."),
        ("loud", "false", "true or false", "Not here."),
        ("silent", "false", "true or false", ""),
    ]


def test_the_defaults_of_the_page_are_those_of_the_code(extension: Import) -> None:
    keys = {key.name: key for key in extension("config_keys.py").keys_of(AccountConfig)}
    assert (keys["drain_grace"].default, keys["drain_grace"].kind) == ("60", "a number ≥ 0, in seconds (1 min)")
    assert set(keys) == {field.name for field in attrs.fields(AccountConfig)}


def test_defaults_are_written_as_toml(extension: Import) -> None:
    as_toml = extension("config_keys.py").as_toml
    assert [*map(as_toml, (True, 1, 1.5, 2.0, "a\"b", ("x",), Path("a/b")))] == [
        "true", "1", "1.5", "2", '"a\\"b"', '["x"]', '"a/b"',
    ]  # fmt: skip
