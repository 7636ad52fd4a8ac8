"""Ids and names, in every form in which people write them."""

from __future__ import annotations

from typing import Any

import pytest

from trio_bridge.errors import ConfigError
from trio_bridge.lists import hosts, text, text_or_none, texts, verbatim


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


def test_names_of_hosts_are_lower_case_and_may_be_addresses() -> None:
    read = hosts("Files.Example.com, 10.0.0.7, 2001:db8::1, localhost")
    assert read == ("files.example.com", "10.0.0.7", "2001:db8::1", "localhost")


@pytest.mark.parametrize(
    "written",
    ["https://example.com", "example.com/files", "example.com:8080", "a b", "me@example.com", "[2001:db8::1]", "//x"],
)
def test_what_no_host_is_called_is_refused(written: str) -> None:
    with pytest.raises(ConfigError, match=r"^expected the name of a host without scheme, port and path"):
        hosts(["example.com", written])
