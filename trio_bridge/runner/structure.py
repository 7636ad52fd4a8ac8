"""Tables of a configuration file become frozen values: strictly, and with everything that is wrong said at once.

1. Nothing is coerced. ``"5"`` is not 5, ``true`` is not 1; only a whole number may stand where a number is declared,
   and where an id is. Lists of ids and names are read in the three forms that :mod:`trio_bridge.lists` knows.
2. A key that is not declared is a problem, with a suggestion where one is near.
3. A path is relative to the directory of the file, not to wherever the program was started; a module that a function
   is in is looked for there first.
4. What was given for a secret is never repeated, whatever is wrong with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import attrs
import cattrs

from ..agents.python import load_function
from ..config import Proxy, Secret
from ..errors import ConfigError
from ..lists import hosts, text, text_or_none, texts, texts_or_none, unfolded
from .wording import argument_of, described, expectation, inner, is_function, is_optional, key_path, kind_of, unknown

T = TypeVar("T")


@attrs.frozen
class Problem:
    """One thing that is wrong: where, and what was expected there."""

    path: tuple[str | int, ...]
    text: str

    def under(self, *path: str | int) -> Problem:
        return Problem((*path, *self.path), self.text)

    def __str__(self) -> str:
        """``accounts.sales.workers: expected …``"""
        return f"{key_path(self.path)}: {self.text}"


class Misfit(Exception):
    """A table that can't become what was declared, with every reason for it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems


class Unfit(Exception):
    """A value of the wrong kind. What was expected is said by whoever knows the limits too."""


def structure(
    table: object,
    cls: type[T],
    *,
    directory: Path,
    given: Mapping[str, Any] | None = None,
    elsewhere: Collection[str] = (),
) -> T:
    """A ``cls`` made of ``table``.

    ``given`` are fields whose values come from outside the table; ``elsewhere`` are keys of the table that somebody
    else reads.

    Raises:
      Misfit: with paths relative to the table.
    """
    try:
        made: T = _Table(cls, strict_converter(directory), given or {}, elsewhere).read(table)
    except Unfit:
        raise Misfit([Problem((), f"expected a table, not {kind_of(table)}")]) from None
    return made


def strict_converter(directory: Path) -> cattrs.Converter:
    """A converter that takes only what has the declared kind. Paths are relative to ``directory``."""

    def read_path(value: object, _: object) -> Path:
        if not isinstance(value, str) or not value or "\0" in value:
            raise Unfit
        return directory / value

    def read_secret(value: object, kind: type[Secret]) -> Secret:
        match value:
            case str() if value or kind is Proxy:
                return kind(text=value)
            case {"env": str(name), **rest} if name and not rest:
                return kind(env=name)
            case {"file": name, **rest} if not rest:
                return kind(file=read_path(name, Path))
        raise Unfit

    def read_function(value: object, kind: object) -> Callable[..., Any]:
        if not isinstance(value, str):
            raise Unfit
        return load_function(value, directory, argument_of(kind))

    converter = cattrs.Converter()
    for plain in (bool, int, float, str):
        converter.register_structure_hook(plain, _read_plain)
    converter.register_structure_hook(Path, read_path)
    for kind in (Secret, Proxy):
        converter.register_structure_hook(kind, read_secret)
    converter.register_structure_hook_func(_is_choice, _read_choice)
    converter.register_structure_hook_func(_is_free, _read_free)
    converter.register_structure_hook_func(is_function, read_function)
    converter.register_structure_hook_factory(is_optional, lambda kind: _read_optional(kind, converter))
    converter.register_structure_hook_factory(_is_list, lambda kind: _read_list(kind, converter))
    converter.register_structure_hook_factory(is_by_name, lambda kind: _read_by_name(kind, converter))
    converter.register_structure_hook_factory(attrs.has, lambda kind: _read_table(kind, converter))
    return converter


def _is_choice(kind: Any) -> bool:
    return get_origin(kind) is Literal


def _is_free(kind: Any) -> bool:
    return get_origin(kind) is dict


def _is_list(kind: Any) -> bool:
    return get_origin(kind) is tuple


def is_by_name(kind: Any) -> bool:
    """Whether it is a table whose keys are names that people choose, each with a value of one kind."""
    return get_origin(kind) is Mapping


def _read_plain(value: object, kind: type) -> object:
    # bool is a subclass of int, and TOML knows inf and nan: neither is a number to count or wait with.
    if kind is float and type(value) is int and abs(value) < 10**15:
        return float(value)
    if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
        raise Unfit
    return value


def _read_choice(value: object, kind: Any) -> object:
    if value not in get_args(kind):
        raise Unfit
    return value


def _read_free(value: object, _: object) -> object:
    """A table whose keys nobody declares: it is passed on as it is."""
    if not isinstance(value, dict):
        raise Unfit
    return value


def _read_optional(kind: Any, converter: cattrs.Converter) -> Callable[[object, object], object]:
    return lambda value, _: converter.structure(value, inner(kind))


def _read_table(kind: Any, converter: cattrs.Converter) -> Callable[[object, object], object]:
    return lambda value, _: _Table(kind, converter).read(value)


def _read_list(kind: Any, converter: cattrs.Converter) -> Callable[[object, object], object]:
    def read(values: object, _: object) -> tuple[object, ...]:
        if not isinstance(values, list):
            raise Unfit
        return tuple(_read_each(enumerate(values), get_args(kind)[0], converter).values())

    return read


def _read_by_name(kind: Any, converter: cattrs.Converter) -> Callable[[object, object], object]:
    def read(values: object, _: object) -> dict[str, object]:
        if not isinstance(values, dict):
            raise Unfit
        return _read_each(values.items(), get_args(kind)[1], converter)

    return read


Place = TypeVar("Place", int, str)


def _read_each(values: Iterable[tuple[Place, object]], item: Any, converter: cattrs.Converter) -> dict[Place, object]:
    read, problems = {}, []
    for place, value in values:
        try:
            read[place] = converter.structure(value, item)
        except Unfit:
            problems.append(Problem((place,), expectation(item, None, value)))
        except Misfit as misfit:
            problems += [problem.under(place) for problem in misfit.problems]
        except ConfigError as error:
            problems.append(Problem((place,), str(error)))
    if problems:
        raise Misfit(problems)
    return read


def _read_text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Unfit
    return text(value)


def _read_texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, str | list):
        raise Unfit
    read, problems = [], []
    for index, value in enumerate(unfolded(values)):
        try:
            read.append(_read_text(value))
        except Unfit:
            problems.append(Problem((index,), expectation(str, None, value)))
        except ConfigError as error:
            problems.append(Problem((index,), str(error)))
    if problems:
        raise Misfit(problems)
    return tuple(read)


FREELY_WRITTEN: Mapping[object, Callable[[object], object]] = {
    text: _read_text,
    text_or_none: _read_text,
    texts: _read_texts,
    texts_or_none: _read_texts,
    hosts: _read_texts,
}
"""How ids and names are read, by the converter that says that a field holds some: numbers and lists in a text too."""


@attrs.frozen
class _Table:
    """How the keys of one table become the fields of one class."""

    cls: type[Any]
    converter: cattrs.Converter
    given: Mapping[str, Any] = attrs.Factory(dict)
    elsewhere: Collection[str] = ()

    def read(self, table: object) -> Any:
        if not isinstance(table, dict):
            raise Unfit
        fields = {
            field.name: field
            for field in attrs.fields(attrs.resolve_types(self.cls))
            if field.init and field.name not in self.given
        }
        known = [*fields, *self.elsewhere]
        problems = [Problem((key,), self.unfit(key, known)) for key in table if key not in known]
        values = dict(self.given)
        for name, field in fields.items():
            if name not in table:
                if field.default is attrs.NOTHING:
                    problems.append(Problem((name,), f"missing: expected {described(field.type)}"))
                continue
            try:
                values[field.alias] = self.value(field, table[name])
            except Misfit as misfit:
                problems += [problem.under(name) for problem in misfit.problems]
        if problems:
            raise Misfit(problems)
        return self.build(values)

    def unfit(self, key: str, known: Collection[str]) -> str:
        """What to say of a key that can't stand in the table."""
        return "not here: it is the NAME in the heading of the table" if key in self.given else unknown(key, known)

    def value(self, field: attrs.Attribute[Any], value: object) -> Any:
        """One field's value. Each is validated by itself, so that the first mistake doesn't hide the second."""
        try:
            if field.converter in FREELY_WRITTEN:
                read = FREELY_WRITTEN[field.converter](value)
            else:
                read = self.converter.structure(value, field.type)  # type: ignore[arg-type]  # Any type is welcome.
            if field.validator is not None:
                field.validator(None, field, read)
        except (Unfit, ValueError, TypeError):
            raise Misfit([Problem((), expectation(field.type, field.validator, value))]) from None
        except ConfigError as error:  # a program is told the field in the text, a file by the path
            raise Misfit([Problem((), str(error).removeprefix(f"{field.name}: "))]) from None
        return read

    def build(self, values: Mapping[str, Any]) -> Any:
        """The object. Only what concerns several fields at once can still be wrong."""
        try:
            return self.cls(**values)
        except ConfigError as error:
            raise Misfit([placed(text, self.cls) for text in error.problems]) from None


def placed(text: str, cls: type[Any]) -> Problem:
    """A problem whose text begins with the name of a field is a problem of that field."""
    name, colon, rest = text.partition(": ")
    return Problem((name,), rest) if colon and name in attrs.fields_dict(cls) else Problem((), text)
