"""How commands get at a store beside a bridge, or instead of one: what they are told, and what may be in the way."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click

from ..errors import ConfigError, StoreUnavailable
from .exits import ExitCode, say
from .loading import load_store

# Whether it can be read is seen when it is read: what is then in the way is named like any other trouble with it.
config_argument = click.argument("config", type=click.Path(path_type=Path, readable=False))
account_option = click.option("--account", metavar="NAME", help="Only of this account.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print nothing but one JSON object.")


class NotThere(Exception):
    """The store has not what was asked for."""


@contextmanager
def stored_by(config: Path) -> Iterator[Path]:
    """The file of the store that a configuration names. What is wrong with either ends the program, with a line.

    Only ``[store]`` is heeded: dead letters can be listed while a secret is missing, or an account half written.
    """
    try:
        scheme, _, place = load_store(config).partition(":")
        if scheme != "sqlite":
            raise ConfigError(
                f"{config}: store.url: {scheme}: is seen by nobody but the bridge itself: use sqlite:PATH"
            )
        yield Path(place)
    except ConfigError as error:
        _end(ExitCode.UNUSABLE, error.problems)
    except StoreUnavailable as error:
        _end(ExitCode.UNUSABLE, [f"{config}: store.url: {error}"])
    except NotThere as error:
        _end(ExitCode.FAILED, [str(error)])


def _end(code: ExitCode, problems: Iterable[str]) -> NoReturn:
    say(problems)
    sys.exit(code)


def known(account: str | None, accounts: Iterable[str]) -> None:
    """There is such an account, or none was asked for.

    Raises:
      NotThere: it is not among those of the store.
    """
    names = list(accounts)
    if account is not None and account not in names:
        raise NotThere(f"the store has no account {account}; it has {', '.join(names) or 'none'}")
