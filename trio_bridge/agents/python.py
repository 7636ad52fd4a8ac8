"""A handler of the user's own, named in a configuration file as ``package.module:function``."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from ..errors import ConfigError
from .protocol import Agent, OpenableAgent


def load_handler(reference: str, search_path: Path) -> Agent | OpenableAgent:
    """The handler or agent that ``reference`` names; modules in ``search_path`` are found first, as for a script there.

    Raises:
      ConfigError: naming what is wrong with the reference, or what the module raised and where.
    """
    handler = _named(reference, search_path)
    if isinstance(handler, OpenableAgent):
        return handler
    return cast("Agent", _checked(handler, reference, "message", may_yield=True))


def load_function(reference: str, search_path: Path, argument: str) -> Callable[..., Any]:
    """The same for an async function of something else: ``argument`` is what people call it.

    Raises:
      ConfigError: as for :func:`load_handler`.
    """
    return _checked(_named(reference, search_path), reference, argument)


def _named(reference: str, search_path: Path) -> object:
    if not re.fullmatch(r"[^./\\:][^/\\:]*:[^:]+", reference):  # a path is no name of a module
        raise ConfigError(f'expected "package.module:function", not "{reference}"')
    module_name, attribute = reference.split(":")
    found: object = _import(module_name, search_path)
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise ConfigError(f"module {module_name} has no {attribute}") from None
    return found


def _import(name: str, search_path: Path) -> ModuleType:
    # For good: what a handler imports later, while it runs, lies beside it too.
    if str(search_path) not in sys.path:
        sys.path.insert(0, str(search_path))
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Only the module asked for, or a package on the way to it; what it imports itself is its own trouble.
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise ConfigError(
                f"module {name} found neither in {search_path} nor among the installed packages"
            ) from None
        raise ConfigError(_raised(name, error)) from error
    except (Exception, SystemExit) as error:  # A wall: the module is the user's, and may raise anything.
        raise ConfigError(_raised(name, error)) from error


def _raised(name: str, error: BaseException) -> str:
    """What a module raised when it was imported, and where: the innermost line of the user's."""
    cause = f"{type(error).__name__}: {error}".removesuffix(": ")
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)[1:] if "importlib" not in frame.filename]
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"module {name} can't be imported: {cause}{where}"


def _checked(function: Any, reference: str, argument: str, *, may_yield: bool = False) -> Callable[..., Any]:
    """The function itself, if calling it gives something to await, or, where that will do, to iterate over."""
    if not callable(function):
        raise ConfigError(f"{reference} is not callable")
    if inspect.isclass(function):
        raise ConfigError(f"{reference} is a class: name an instance of it, or a function")
    called = inspect.unwrap(function if inspect.isroutine(function) else function.__call__)
    written_here = inspect.isfunction(called) or inspect.ismethod(called)
    if written_here and not (inspect.iscoroutinefunction(called) or (may_yield and inspect.isasyncgenfunction(called))):
        what = "yields, and can't be awaited" if inspect.isasyncgenfunction(called) else "is not async"
        raise ConfigError(f"{reference} {what}: expected async def {called.__name__}({argument})")
    if written_here and not _takes_one(function):
        what = "can't be called with one argument"
        raise ConfigError(f"{reference} {what}: expected async def {called.__name__}({argument})")
    return cast("Callable[..., Any]", function)


def _takes_one(function: Callable[..., Any]) -> bool:
    # Not what a decorator hides behind it: the outermost is called, and may add arguments of its own.
    try:
        inspect.signature(function, follow_wrapped=False).bind(None)
    except TypeError:
        return False
    return True
