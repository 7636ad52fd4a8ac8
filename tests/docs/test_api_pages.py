"""The API pages document what is public, all of it and nothing else."""

from __future__ import annotations

import re
from types import ModuleType

import pytest

import trio_bridge
from tests.docs.conftest import DOCS
from trio_bridge import agents, dingtalk, feishu, manager, openclaw, testing
from trio_bridge.testing import openai

DOCUMENTED = re.compile(r"^\.\. (?:auto(?:class|exception|function|data)|data):: ([\w.]+)", re.MULTILINE)


@pytest.mark.parametrize(
    ("module", "page"),
    [
        (trio_bridge, "api.rst"),
        (agents, "api-agents.rst"),
        (dingtalk, "api-dingtalk.rst"),
        (feishu, "api-feishu.rst"),
        (manager, "api-manager.rst"),
        (openclaw, "api-openclaw.rst"),
        (testing, "api-testing.rst"),
        (openai, "api-testing.rst"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_every_public_name_is_documented_once(module: ModuleType, page: str) -> None:
    documented = DOCUMENTED.findall((DOCS / page).read_text(encoding="utf-8"))
    public = set(module.__all__) - {name for name in module.__all__ if isinstance(getattr(module, name), ModuleType)}
    assert sorted(name for name in documented if name in public) == sorted(public)


def test_a_name_without_its_module_is_public() -> None:
    documented = DOCUMENTED.findall((DOCS / "api.rst").read_text(encoding="utf-8"))
    assert {name for name in documented if "." not in name} <= set(trio_bridge.__all__)
