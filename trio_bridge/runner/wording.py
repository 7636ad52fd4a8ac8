"""What is said of a mistake in a configuration file: what was expected there, and what was found."""

from __future__ import annotations

import difflib
import json
import re
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import attrs

from ..config import Proxy, Secret

NAMES: Mapping[Any, tuple[str, str]] = {
    bool: ("true or false", "truth values"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("a string", "strings"),
    Path: ("a path", "paths"),
    Secret: ("a string, { env = NAME } or { file = PATH }", "secrets"),
    Proxy: ('a URL, "none", { env = NAME } or { file = PATH }', "URLs"),
}
"""What a person calls a type, one and many of it."""


def is_optional(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType) and type(None) in get_args(kind) and len(get_args(kind)) == 2


def is_function(kind: Any) -> bool:
    """Whether a function of the user's own is to stand there."""
    return get_origin(kind) is Callable


def argument_of(kind: Any) -> str:
    """What such a function would call what it gets: ``action`` for a CardAction, ``argument`` for anything."""
    (argument, *_), _result = get_args(kind)
    if argument is Any:
        return "argument"
    return str(re.findall("[A-Z][a-z]*", argument.__name__)[-1]).lower()


def inner(kind: Any) -> Any:
    """What is optional. TOML has no null: such a key is left out, or has a value of this kind."""
    return next(arg for arg in get_args(kind) if arg is not type(None))


def unknown(key: str, known: Collection[str]) -> str:
    """What to say of a key that nobody declared."""
    snake = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", key[:100]).lower()
    near = [snake] if snake in known else difflib.get_close_matches(key[:100], known, n=1)
    return f"unknown key; did you mean {near[0]}?" if near else "unknown key"


def expectation(kind: Any, validator: Any, value: object) -> str:
    """``expected a whole number ≥ 1, not "8"``."""
    found = kind_of(value) if _holds_secret(kind) else shown(value)
    return f"expected {described(kind)}{limit(validator)}, not {found}"


def _holds_secret(kind: Any) -> bool:
    return kind in (Secret, Proxy) or any(_holds_secret(arg) for arg in get_args(kind))


def described(kind: Any) -> str:
    """What a person would call a type."""
    if kind in NAMES:
        return NAMES[kind][0]
    if is_optional(kind):
        return described(inner(kind))
    if is_function(kind):
        return 'a function, as "package.module:function"'
    if get_origin(kind) is Literal:
        return one_of(get_args(kind))
    if get_origin(kind) is tuple:
        return f"a list of {_many(get_args(kind)[0])}"
    return "a table"


def _many(kind: Any) -> str:
    if kind in NAMES:
        return NAMES[kind][1]
    return "tables" if attrs.has(kind) else described(kind)


def one_of(choices: Collection[str]) -> str:
    """``"a" or "b"``, ``one of "a", "b", "c"``."""
    quoted = [json.dumps(choice) for choice in choices]
    return f"one of {', '.join(quoted)}" if len(quoted) > 2 else " or ".join(quoted)


def limit(validator: Any) -> str:
    """The bound that a validator of attrs sets, as `` ≥ 1``; empty for other validators."""
    if hasattr(validator, "compare_op"):
        sign = {">=": "≥", "<=": "≤"}.get(validator.compare_op, validator.compare_op)
        return f" {sign} {validator.bound}"
    return limit(validator.validator) if hasattr(validator, "validator") else ""


def kind_of(value: object) -> str:
    """What TOML calls the kind of a value."""
    match value:
        case bool():
            return "a truth value"
        case int() | float():
            return "a number"
        case str():
            return "a string" if value else "an empty string"
        case list():
            return "a list"
        case dict():
            return "a table"
    return "a date or time"


def shown(value: object) -> str:
    """A value as TOML writes it, if it is short; else its kind."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() if abs(value) >= 10**15:
            return "a number of that size"
        case int() | float():
            return str(value)
        case str() if len(value) <= 40:
            return json.dumps(value, ensure_ascii=False)
        case str():
            return json.dumps(f"{value[:40]}…", ensure_ascii=False)
        case Path():
            return shown(value.name)
    return kind_of(value)


def key_path(path: Sequence[str | int]) -> str:
    """A path as TOML writes it: ``accounts."two words".allowed[0]``."""
    keys = "".join(f"[{key}]" if isinstance(key, int) else f".{_quoted(key)}" for key in path)
    return keys.removeprefix(".")


def _quoted(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)
