"""What a configuration class says of its keys: read from the class and its source, so that no page can drift."""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import json
import re
import sys
from pathlib import Path
from typing import Any

import attrs

from trio_bridge.runner.wording import described, inner, is_optional, limit

DURATION = re.compile(
    r"(timeout|interval|interval_min|grace|ttl|probe|seconds|backoff_min|backoff_max|after|retry|deadline|window)$"
)
"""How the names of durations end."""
IN_UNITS = {"": "", "seconds": ", in seconds", "per second": " per second", "bytes": ", in bytes"}
LARGER = {"seconds": ((3600, "h"), (60, "min")), "bytes": ((2**20, "MiB"), (2**10, "KiB"))}
FACTORY: type[Any] = type(attrs.Factory(list))


@attrs.frozen
class Key:
    """One key of a table."""

    name: str
    default: str | None
    """As TOML writes it; ``None`` where nothing stands for a key that is left out."""
    kind: str
    """What may stand there: bounds and unit, and in what case it must."""
    text: str


def keys_of(cls: type[Any]) -> list[Key]:
    """The keys that ``cls`` itself adds, in the order of its source, and those of others of which it says something."""
    body = class_body(cls)
    said, others = docstrings(body), stand_ins(body)
    known = {field.name for base in cls.__mro__[1:] if attrs.has(base) for field in attrs.fields(base)}
    fields = attrs.fields(attrs.resolve_types(cls))
    own = [
        field
        for field in fields
        if field.init and not field.inherited and (field.name not in known or field.name in said)
    ]
    return [_key(field, said.get(field.name, ""), others.get(field.name)) for field in own]


def _key(field: attrs.Attribute[Any], text: str, other: str | None) -> Key:
    unit = unit_of(field, text)
    kind = f"{described(field.type)}{limit(field.validator)}{IN_UNITS[unit]}"
    default = field.default.factory() if other is None and isinstance(field.default, FACTORY) else field.default
    if other is not None:
        return Key(field.name, None, f"{kind}; without it, the value of {other}", text)
    if default is attrs.NOTHING:
        return Key(field.name, None, f"{kind}, required", text)
    if default is None:
        return Key(field.name, None, kind, text)
    return Key(field.name, as_toml(default), kind + readable(default, unit), text)


def class_body(cls: type[Any]) -> list[ast.stmt]:
    """The statements of a class, as they are written."""
    for node in ast.walk(_parsed(cls.__module__)):
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
            return node.body
    raise LookupError(f"{cls.__qualname__} is not in the source of {cls.__module__}")


def docstrings(body: list[ast.stmt]) -> dict[str, str]:
    """The strings that stand under the names of a class."""
    said = {}
    for statement, below in itertools.pairwise(body):
        match statement, below:
            case (
                (ast.AnnAssign(target=ast.Name(name)) | ast.Assign(targets=[ast.Name(name)])),
                ast.Expr(ast.Constant(str(text))),
            ):
                said[name] = inspect.cleandoc(text)
    return said


def stand_ins(body: list[ast.stmt]) -> dict[str, str]:
    """The fields that another field stands for, ``lambda self: self.OTHER``, each with the name of the other."""
    found = {}
    for statement in body:
        match statement:
            case ast.AnnAssign(target=ast.Name(name), value=ast.expr() as value):
                for node in ast.walk(value):
                    match node:
                        case ast.Lambda(body=ast.Attribute(value=ast.Name("self"), attr=other)):
                            found[name] = other
    return found


def unit_of(field: attrs.Attribute[Any], text: str) -> str:
    """What a number counts, if it is no plain count. The name tells of a duration, the docstring of a rate."""
    kind = inner(field.type) if is_optional(field.type) else field.type
    if kind is float and "per second" in text:
        return "per second"
    if kind is float and DURATION.search(field.name):
        return "seconds"
    return "bytes" if kind is int and "bytes" in field.name else ""


def as_toml(value: Any) -> str:
    """A value as TOML writes it."""
    match value:
        case float() if value.is_integer():
            return str(int(value))
        case tuple() | list():
            return f"[{', '.join(map(as_toml, value))}]"
        case Path():
            return json.dumps(str(value))
    return json.dumps(value, ensure_ascii=False)


def readable(value: Any, unit: str) -> str:
    """`` (24 h)``, where seconds or bytes are many."""
    for size, name in LARGER.get(unit, ()):
        if value >= size and value % size == 0:
            return f" ({value // size:g} {name})"
    return ""


@functools.cache
def _parsed(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(sys.modules[module]))
