"""Tables become frozen values, strictly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.agents.config import AGENTS
from trio_bridge.config import Proxy, Secret
from trio_bridge.errors import ConfigError
from trio_bridge.platforms.registry import PLATFORMS
from trio_bridge.runner.structure import Misfit, structure
from trio_bridge.runner.wording import is_function, is_optional

HERE = Path("/etc/bridge")


@attrs.frozen
class Inner:
    size: int


@attrs.frozen
class Everything:
    flag: bool = False
    count: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    rate: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))
    text: str = ""
    path: Path = Path()
    secret: Secret | None = None
    choice: Literal["a", "b"] = "a"
    maybe: int | None = None
    many: tuple[str, ...] = ()
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()
    by_name: Mapping[str, Inner] = attrs.Factory(dict)


def read(table: object) -> Everything:
    return structure(table, Everything, directory=HERE)


def problems(table: object) -> list[str]:
    with pytest.raises(Misfit) as caught:
        read(table)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("key", "value", "becomes"),
    [
        ("flag", True, True),
        ("count", 5, 5),
        ("rate", 2.5, 2.5),
        ("rate", 2, 2.0),
        ("text", "多", "多"),
        ("path", "ca.pem", HERE / "ca.pem"),
        ("path", "/ca.pem", Path("/ca.pem")),
        ("secret", "hush", Secret(text="hush")),
        ("secret", {"env": "HUSH"}, Secret(env="HUSH")),
        ("secret", {"file": "hush"}, Secret(file=HERE / "hush")),
        ("choice", "b", "b"),
        ("maybe", 3, 3),
        ("many", ["a", "b"], ("a", "b")),
        ("inner", {"size": 1}, Inner(1)),
        ("inners", [{"size": 1}, {"size": 2}], (Inner(1), Inner(2))),
        ("by_name", {"a b": {"size": 1}, "size": {"size": 2}}, {"a b": Inner(1), "size": Inner(2)}),
    ],
)
def test_a_value_of_the_declared_kind_is_taken(key: str, value: object, becomes: object) -> None:
    read_value = getattr(read({key: value}), key)
    assert read_value == becomes
    assert type(read_value) is type(becomes)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("flag", 1),
        ("flag", "true"),
        ("count", "5"),
        ("count", True),
        ("count", 5.0),
        ("rate", True),
        ("rate", "2"),
        ("rate", float("inf")),
        ("rate", float("nan")),
        ("rate", 10**400),
        ("text", 5),
        ("text", None),
        ("path", 5),
        ("path", ""),
        ("path", "a\0b"),
        ("secret", ""),
        ("secret", {"env": 5}),
        ("secret", {"env": ""}),
        ("secret", {"env": "A", "file": "b"}),
        ("secret", {"file": ""}),
        ("secret", {}),
        ("choice", "c"),
        ("choice", ["a"]),
        ("maybe", "3"),
        ("maybe", None),
        ("many", "a"),
        ("many", {"a": "b"}),
        ("inner", []),
        ("by_name", [{"size": 1}]),
    ],
)
def test_nothing_is_coerced(key: str, value: object) -> None:
    [problem] = problems({key: value})
    assert problem.startswith(f"{key}: expected ")


def test_a_limit_is_part_of_what_was_expected() -> None:
    assert problems({"count": 0}) == ["count: expected a whole number ≥ 1, not 0"]
    assert problems({"rate": 0}) == ["rate: expected a number > 0, not 0"]


def test_everything_that_is_wrong_is_said_at_once_in_the_order_of_the_fields() -> None:
    assert problems({"zzz": 1, "rate": "2", "count": 0, "inner": {"size": "1", "sice": 2}, "many": ["a", 1, 2]}) == [
        "zzz: unknown key",
        "count: expected a whole number ≥ 1, not 0",
        'rate: expected a number > 0, not "2"',
        "many[1]: expected a string, not 1",
        "many[2]: expected a string, not 2",
        "inner.sice: unknown key; did you mean size?",
        'inner.size: expected a whole number, not "1"',
    ]


def test_a_table_in_a_list_is_named_by_its_number() -> None:
    assert problems({"inners": [{"size": 1}, {}]}) == ["inners[1].size: missing: expected a whole number"]


def test_a_table_under_a_name_of_its_own_is_named_by_it() -> None:
    assert problems({"by_name": {"a b": {"sice": 1}, "c": 5, "d": {"size": 1}}}) == [
        'by_name."a b".sice: unknown key; did you mean size?',
        'by_name."a b".size: missing: expected a whole number',
        "by_name.c: expected a table, not 5",
    ]


def test_what_is_no_table_is_said_to_be_none() -> None:
    with pytest.raises(Misfit) as caught:
        read([])
    assert [problem.text for problem in caught.value.problems] == ["expected a table, not a list"]


def test_a_key_that_somebody_else_reads_is_known_but_not_taken() -> None:
    assert structure({"kind": "x", "size": 1}, Inner, directory=HERE, elsewhere=("kind",)) == Inner(1)
    with pytest.raises(Misfit) as caught:
        structure({"kin": "x", "size": 1}, Inner, directory=HERE, elsewhere=("kind",))
    assert [str(problem) for problem in caught.value.problems] == ["kin: unknown key; did you mean kind?"]


def test_a_field_that_is_given_from_outside_is_no_key() -> None:
    assert structure({}, Inner, directory=HERE, given={"size": 3}) == Inner(3)
    with pytest.raises(Misfit):
        structure({"size": 4}, Inner, directory=HERE, given={"size": 3})


def test_a_rule_over_several_fields_is_placed_at_the_field_it_names() -> None:
    @attrs.frozen
    class Ruled:
        low: int = 1
        high: int = 2

        def __attrs_post_init__(self) -> None:
            if self.low > self.high:
                raise ConfigError("high: expected at least low", "the order is wrong")

    with pytest.raises(Misfit) as caught:
        structure({"low": 3}, Ruled, directory=HERE)
    assert [(problem.path, problem.text) for problem in caught.value.problems] == [
        (("high",), "expected at least low"),
        ((), "the order is wrong"),
    ]


toml = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text() | st.dates() | st.datetimes() | st.times(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
fields = st.sampled_from([field.name for field in attrs.fields(Everything)])


@given(st.dictionaries(fields | st.text(), toml))
def test_whatever_a_table_holds_it_fits_or_every_misfit_is_named(table: dict[str, Any]) -> None:
    try:
        read(table)
    except Misfit as misfit:
        places = {problem.path[0] for problem in misfit.problems}
    else:
        places = set()
    assert places <= table.keys()
    assert table.keys() - attrs.fields_dict(Everything).keys() <= places


def kinds(cls: type[Any]) -> list[Any]:
    return [field.type for field in attrs.fields(attrs.resolve_types(cls)) if field.init]


def is_strict(kind: Any) -> bool:
    """Whether a kind is one of those for which nothing is coerced."""
    if kind in (bool, int, float, str, Path, Proxy, Secret):
        return True
    if is_function(kind):
        return True
    if is_optional(kind):
        return all(is_strict(arg) for arg in get_args(kind) if arg is not type(None))
    match get_args(kind):
        case (item, ellipsis) if ellipsis is ...:
            return is_strict(item)
        case (name, item) if name is str:
            return is_strict(item)
        case choices if choices and all(isinstance(choice, str) for choice in choices):
            return True
    return attrs.has(kind) and all(map(is_strict, kinds(kind)))


@pytest.mark.parametrize("cls", [*(load() for load in PLATFORMS.values()), *AGENTS.values()])
def test_every_field_that_a_file_can_set_is_read_strictly(cls: type[Any]) -> None:
    assert [kind for kind in kinds(cls) if not is_strict(kind)] == []
