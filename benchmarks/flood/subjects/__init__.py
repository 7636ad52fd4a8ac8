"""What is measured. Each runs in a process of its own, and says when it has handled everything."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import attrs

HERE = Path(__file__).parent


@attrs.frozen
class Subject:
    """Something that keeps a DingTalk connection."""

    name: str
    title: str
    command: Callable[[], list[str]]
    missing: Callable[[], str | None] = lambda: None
    """What must be installed before it can run. ``None``: nothing."""


def python(module: str, *arguments: str) -> Callable[[], list[str]]:
    return lambda: [sys.executable, "-m", f"{__name__}.{module}", *arguments]


def node_binary() -> str | None:
    return os.environ.get("TRIO_BRIDGE_NODE") or shutil.which("node")


def node() -> list[str]:
    return [node_binary() or "node", str(HERE / "node.mjs")]


def missing_python_sdk() -> str | None:
    return None if importlib.util.find_spec("dingtalk_stream") else "dingtalk-stream is not installed here"


def missing_node_sdk() -> str | None:
    if node_binary() is None:
        return "there is no node (TRIO_BRIDGE_NODE)"
    modules = os.environ.get("TRIO_BRIDGE_NODE_MODULES")
    if modules is None or not (Path(modules) / "dingtalk-stream").is_dir():
        return "TRIO_BRIDGE_NODE_MODULES names no folder with dingtalk-stream"
    return None


SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject("floor", "floor: decode and acknowledge, no engine", python("floor")),
        Subject("memory", "trio_bridge, memory:", python("bridge", "memory")),
        Subject("sqlite", "trio_bridge, sqlite: (durable)", python("bridge", "sqlite")),
        Subject("python-sdk", "official Python SDK", python("python_sdk"), missing_python_sdk),
        Subject("node-sdk", "official Node SDK", node, missing_node_sdk),
    )
}
