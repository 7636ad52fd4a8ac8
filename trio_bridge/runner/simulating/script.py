"""A script: a TOML file with steps that are played one after another. Read strictly; all that is wrong is said at once.

What a platform's script can say is up to the platform: a class for what stands before the steps, and one class for each
verb, the key that says what a step does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs

from ...config import Secret
from ...errors import ConfigError
from ..loading import raise_if_any, read_toml
from ..structure import Misfit, Problem, structure
from ..wording import kind_of, unknown


@attrs.frozen(kw_only=True)
class Step:
    """One thing to do."""

    after: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    """Seconds of rest before it, counted from the end of the step before."""


@attrs.frozen(kw_only=True)
class Script:
    """What a script says. A platform adds the keys that stand before its steps."""

    steps: tuple[Step, ...] = ()

    def problems(self) -> list[Problem]:
        """What is wrong with it as a whole, though every table in it is as it should be."""
        return []


def is_json(_step: Any, _key: attrs.Attribute[dict[str, Any]], table: dict[str, Any]) -> None:
    """A validator of what a step hands on: it can be sent.

    Raises:
      ConfigError: TOML has dates and times, and JSON has none.
    """
    try:
        json.dumps(table)
    except TypeError:
        raise ConfigError("expected no dates and no times: JSON has none") from None


Place = tuple[str | int, ...]
"""Where something stands in a file."""


def unreadable(secrets: Iterable[tuple[Place, Secret]]) -> Iterator[Problem]:
    """A problem for each secret that can't be read: a script that names one is not to fail in the middle."""
    for place, secret in secrets:
        try:
            secret.read()
        except ConfigError as error:
            yield Problem(place, str(error))


Verbs = Mapping[str, type[Step]]

S = TypeVar("S", bound=Script)


def load_script(file: Path, cls: type[S], verbs: Verbs) -> S:
    """What the file says.

    Raises:
      ConfigError: with a line for each problem: file, key path, what was expected there.
    """
    tables = read_toml(file)
    directory = file.absolute().parent
    steps, problems = _read_steps(tables.get("steps", []), verbs, directory)
    script = None
    try:
        script = structure(tables, cls, directory=directory, given={"steps": steps}, elsewhere=("steps",))
    except Misfit as misfit:
        problems = [*misfit.problems, *problems]
    raise_if_any(problems if problems or script is None else script.problems(), file)
    if script is None:
        raise AssertionError("a misfit has problems")  # pragma: no cover
    return script


def _read_steps(tables: object, verbs: Verbs, directory: Path) -> tuple[tuple[Step, ...], list[Problem]]:
    if not isinstance(tables, list):
        return (), [Problem(("steps",), f"expected a list of tables, not {kind_of(tables)}")]
    steps, problems = [], []
    for index, table in enumerate(tables):
        try:
            steps.append(structure(table, _verb_of(table, verbs), directory=directory))
        except Misfit as misfit:
            problems += [problem.under("steps", index) for problem in misfit.problems]
    return tuple(steps), problems


def _verb_of(table: object, verbs: Verbs) -> type[Step]:
    """What a step does: exactly one of its keys is a verb."""
    if not isinstance(table, dict):
        raise Misfit([Problem((), f"expected a table, not {kind_of(table)}")])
    said = [key for key in table if key in verbs]
    if len(said) == 1:
        return verbs[said[0]]
    if said:
        raise Misfit([Problem((), f"expected one thing to do, not {' and '.join(said)} together")])
    likely = [Problem((key,), text) for key in table if "did you mean" in (text := unknown(key, list(verbs)))]
    raise Misfit(likely or [Problem((), f"expected one of the keys {', '.join(verbs)}")])
