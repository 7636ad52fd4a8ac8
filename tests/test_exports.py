"""What ``import trio_bridge`` gives, and what it does not load."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest

import trio_bridge
from trio_bridge import errors, messages

INTERNAL = {"MessageContext", "PathLike", "ReceiptState", "ConversationKind", "RefusalKind"}
"""Names of public modules that applications have no use for."""


def public_names(module: ModuleType) -> set[str]:
    """Names that are defined in a module for others."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    }


def test_all_is_what_is_there() -> None:
    there = {
        name
        for name, value in vars(trio_bridge).items()
        if not name.startswith("_") and not inspect.ismodule(value) and name != "annotations"
    }
    modules = {name for name in trio_bridge.__all__ if inspect.ismodule(getattr(trio_bridge, name))}
    assert set(trio_bridge.__all__) - {"__version__"} - modules == there


def test_nothing_is_named_twice() -> None:
    assert len(trio_bridge.__all__) == len(set(trio_bridge.__all__))


@pytest.mark.parametrize("module", [errors, messages])
def test_errors_and_messages_are_exported_whole(module: ModuleType) -> None:
    assert public_names(module) - INTERNAL <= set(trio_bridge.__all__)


@pytest.mark.parametrize("name", trio_bridge.__all__)
def test_every_name_has_something_to_say_of_itself(name: str) -> None:
    value = getattr(trio_bridge, name)
    assert isinstance(value, str) or inspect.getdoc(value)


def test_every_module_can_be_imported_by_itself() -> None:
    for module in pkgutil.walk_packages(trio_bridge.__path__, "trio_bridge."):
        if not module.name.endswith("__main__"):
            assert inspect.getdoc(importlib.import_module(module.name)), f"{module.name} says nothing of itself"


@pytest.mark.parametrize(
    "unwanted", ["click", "rich", "trio_bridge.runner", "trio_bridge.testing", "pytest", "trustme"]
)
def test_importing_the_library_loads_nothing_that_only_the_program_or_tests_need(unwanted: str) -> None:
    look = f"import sys, trio_bridge; sys.exit({unwanted!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], timeout=60, check=False).returncode == 0
