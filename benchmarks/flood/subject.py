"""What is measured. Each runs in a process of its own, and says when it has handled everything."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import attrs

PROGRAMS = Path(__file__).parent / "subjects"


@attrs.frozen
class Subject:
    """Something that keeps a connection to a platform."""

    name: str
    title: str
    command: Callable[[], list[str]]
    missing: Callable[[], str | None] = lambda: None
    """What must be installed before it can run. ``None``: nothing."""


def python(program: str, *arguments: str) -> Callable[[], list[str]]:
    return lambda: [sys.executable, "-m", f"{__package__}.subjects.{program}", *arguments]


def node_binary() -> str | None:
    return os.environ.get("TRIO_BRIDGE_NODE") or shutil.which("node")


def node(program: str) -> list[str]:
    return [node_binary() or "node", str(PROGRAMS / program)]


def python_with(package: str) -> str | None:
    """An interpreter that has an SDK: Feishu's may need one of its own, with other versions of what we need too."""
    if package == "lark-oapi" and (python := os.environ.get("TRIO_BRIDGE_LARK_PYTHON")):
        return python
    return sys.executable if importlib.util.find_spec(package.replace("-", "_")) else None


def python_sdk(package: str, program: str) -> list[str]:
    return [python_with(package) or sys.executable, "-m", f"{__package__}.subjects.{program}"]


def missing_python_sdk(package: str) -> str | None:
    return None if python_with(package) else f"{package} is not installed here"


def missing_node_sdk(package: str) -> str | None:
    if node_binary() is None:
        return "there is no node (TRIO_BRIDGE_NODE)"
    modules = os.environ.get("TRIO_BRIDGE_NODE_MODULES")
    if modules is None or not (Path(modules) / package).is_dir():
        return f"TRIO_BRIDGE_NODE_MODULES names no folder with {package}"
    return None


def of_platform(platform: str, python_package: str, node_package: str) -> dict[str, Subject]:
    """All that keep a connection to a platform, by their names."""
    in_python = partial(python_sdk, python_package, f"{platform}_sdk"), partial(missing_python_sdk, python_package)
    in_node = partial(node, f"{platform}.mjs"), partial(missing_node_sdk, node_package)
    everybody = (
        Subject("floor", "floor: decode and acknowledge, no engine", python("floor", platform)),
        Subject("memory", "trio_bridge, memory:", python("bridge", platform, "memory")),
        Subject("sqlite", "trio_bridge, sqlite: (durable)", python("bridge", platform, "sqlite")),
        Subject("python-sdk", "official Python SDK", *in_python),
        Subject("node-sdk", "official Node SDK", *in_node),
    )
    return {subject.name: subject for subject in everybody}


SUBJECTS: Final[Mapping[str, Mapping[str, Subject]]] = {
    "dingtalk": of_platform("dingtalk", python_package="dingtalk-stream", node_package="dingtalk-stream"),
    "feishu": of_platform("feishu", python_package="lark-oapi", node_package="@larksuiteoapi/node-sdk"),
}
"""By platform, then by name."""
