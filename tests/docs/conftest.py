"""Examples and extensions of the documentation, imported from where they lie, and a DingTalk in memory."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from trio_bridge.testing.fixtures import dingtalk

__all__ = ["dingtalk"]

DOCS = Path(__file__).parents[2] / "docs"

Import = Callable[[str], ModuleType]


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Import:
    """Import one of the files in docs/examples, by its name."""
    return lambda name: _imported(DOCS / "examples" / name, monkeypatch)


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch) -> Import:
    """Import one of the files in docs/_ext, by its name."""
    return lambda name: _imported(DOCS / "_ext" / name, monkeypatch)


def _imported(file: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"_docs_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module
