"""Docstrings and signatures become what the API pages show."""

from __future__ import annotations

import attrs
import pytest

from tests.docs.conftest import Import

DOCSTRING = """Do it.

Raises:
  StoreUnavailable: the disk is full: make room.
    Nothing was changed.
  NotSent, RateLimited: later."""


@attrs.frozen
class Shelf:
    width: float = 1.5
    label: str = ""
    books: list[str] = attrs.Factory(list)


def test_what_is_raised_becomes_a_field_for_each_error(extension: Import) -> None:
    lines = DOCSTRING.splitlines()
    extension("raises.py").as_fields(None, "function", "do", None, {}, lines)
    assert lines == [
        "Do it.",
        "",
        ":raises StoreUnavailable: the disk is full: make room. Nothing was changed.",
        ":raises NotSent: later.",
        ":raises RateLimited: later.",
    ]


def test_a_docstring_that_says_nothing_of_errors_stays_as_it_is(extension: Import) -> None:
    lines = ["Do it.", "", "It raises nothing."]
    extension("raises.py").as_fields(None, "function", "do", None, {}, lines)
    assert lines == ["Do it.", "", "It raises nothing."]


@pytest.mark.parametrize(
    ("options", "written", "shown"),
    [
        ({"async-with": None}, "~collections.abc.AsyncGenerator[~trio_bridge.Bridge]", "~trio_bridge.Bridge"),
        ({"async-with": "out"}, "AbstractAsyncContextManager[Agent]", "Agent"),
        ({"with": None}, "collections.abc.Iterator[None]", None),
        ({"async": None}, "AsyncGenerator[Bridge]", "AsyncGenerator[Bridge]"),
    ],
)
def test_a_block_gives_what_is_inside_its_type(
    extension: Import, options: dict[str, str], written: str, shown: str | None
) -> None:
    rewrite = extension("signatures.py").rewrite
    assert rewrite(None, "function", "f", len, options, "(a)", written) == ("(a)", shown)


def test_defaults_of_attrs_are_shown(extension: Import) -> None:
    signature = "(width: float = attr_dict['width'].default, label: str = attr_dict['label'].default, books=NOTHING)"
    assert extension("signatures.py").rewrite(None, "class", "Shelf", Shelf, {}, signature, None) == (
        "(width: float = 1.5, label: str = '', books=...)",
        None,
    )
