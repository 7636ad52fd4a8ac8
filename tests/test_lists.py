"""Ids and names, in every form in which people write them."""

from __future__ import annotations

from typing import Any

import pytest

from trio_bridge.errors import ConfigError
from trio_bridge.lists import text, text_or_none, texts, verbatim


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["a", "b"], ("a", "b")),
        (("a", 100001), ("a", "100001")),
        ({"a": 1}.keys(), ("a",)),
        ([], ()),
        ("", ()),
        (" , ", ()),
        ("a", ("a",)),
        ("a,b", ("a", "b")),
        (" a , b c,", ("a", "b c")),
        ("[]", ()),
        (' ["a", 100001, "b, c"]\n', ("a", "100001", "b, c")),
        (["a, b"], ("a, b",)),
    ],
)
def test_a_list_has_three_forms(written: Any, read: tuple[str, ...]) -> None:
    assert texts(written) == read


@pytest.mark.parametrize(
    "written",
    [5, None, True, b"a", {"a": 1}, [True], [1.5], [None], [["a"]], [" a"], ["a\n"], "[", '["a"', "[nonsense]", "[1.5]",
     "[" * 100_000, '["a "]', "[" + "9" * 5000 + "]"],
    ids=lambda written: repr(written)[:20],
)  # fmt: skip
def test_what_is_no_list_of_names_is_refused(written: Any) -> None:
    with pytest.raises(ConfigError, match=r"^expected [^\n]{1,150}$"):
        texts(written)


def test_one_id_may_be_a_number() -> None:
    assert (text("a"), text(100001), text_or_none(7), text_or_none(None)) == ("a", "100001", "7", None)


def test_where_a_comma_means_a_comma_nothing_is_cut() -> None:
    assert verbatim("a{1,2}") == ("a{1,2}",)
    assert verbatim(["[ab]", " c"]) == ("[ab]", " c")
