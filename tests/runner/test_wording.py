"""What is said of a mistake: what a person would call it, and no secret."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest

from trio_bridge.config import Secret
from trio_bridge.runner.wording import described, expectation, key_path, one_of, shown, unknown

at_least_one = attrs.validators.ge(1)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (int, "a whole number"),
        (float | None, "a number"),
        (bool, "true or false"),
        (Path, "a path"),
        (Secret, "a string, { env = NAME } or { file = PATH }"),
        (tuple[str, ...], "a list of strings"),
        (tuple[Literal["a", "b"], ...], 'a list of "a" or "b"'),
        (Literal["spill", "shed", "drop"] | None, 'one of "spill", "shed", "drop"'),
        (dict[str, int], "a table"),
    ],
)
def test_a_type_has_a_name_that_people_use(kind: Any, name: str) -> None:
    assert described(kind) == name


@pytest.mark.parametrize(
    ("kind", "validator", "value", "text"),
    [
        (int, at_least_one, "8", 'expected a whole number ≥ 1, not "8"'),
        (int, at_least_one, True, "expected a whole number ≥ 1, not true"),
        (float | None, attrs.validators.optional(attrs.validators.gt(0)), -1.5, "expected a number > 0, not -1.5"),
        (int, attrs.validators.le(9), 10, "expected a whole number ≤ 9, not 10"),
        (str, attrs.validators.min_len(2), "", 'expected a string, not ""'),
        (tuple[str, ...], None, {"a": 1}, "expected a list of strings, not a table"),
    ],
)
def test_a_mistake_names_the_limit_and_what_was_found(kind: Any, validator: Any, value: object, text: str) -> None:
    assert expectation(kind, validator, value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (False, "false"),
        (12, "12"),
        (float("nan"), "nan"),
        pytest.param(10**5000, "a number of that size", id="a number that Python will not write out"),
        ("多", '"多"'),
        ('"\n', '"\\"\\n"'),
        ("x" * 41, f'"{"x" * 40}…"'),
        ([1], "a list"),
        ({}, "a table"),
        (date(2026, 1, 1), "a date or time"),
        (Path("/home/me/cat.jpg"), '"cat.jpg"'),
    ],
)
def test_a_value_is_shown_as_it_was_written_if_it_is_short(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("value", "kind"),
    [(12345678, "a number"), (["tell-nobody"], "a list"), ("", "an empty string"), (True, "a truth value")],
)
def test_what_was_given_for_a_secret_is_not_repeated(value: object, kind: str) -> None:
    assert expectation(Secret, None, value).endswith(f", not {kind}")
    assert expectation(Secret | None, None, value).endswith(f", not {kind}")


def test_a_misspelt_key_gets_a_suggestion() -> None:
    assert unknown("worker", ["workers", "owner"]) == "unknown key; did you mean workers?"
    assert unknown("drainGrace", ["drain_grace", "drainGraced"]) == "unknown key; did you mean drain_grace?"
    assert unknown("zzz", ["workers", "owner"]) == "unknown key"


def test_a_path_is_written_as_toml_writes_it() -> None:
    assert key_path(("accounts", "sales", "allowed", 0)) == "accounts.sales.allowed[0]"
    assert key_path(("accounts", "two words", "销售\n")) == 'accounts."two words"."销售\\n"'


def test_a_choice_of_two_is_an_or() -> None:
    assert one_of(["a", "b"]) == '"a" or "b"'
    assert one_of(["a", "b", "c"]) == 'one of "a", "b", "c"'
