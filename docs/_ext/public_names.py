"""Links a class under the name by which users import it, wherever in the package it is defined."""

from __future__ import annotations

import importlib
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.typing import ExtensionMetadata

PUBLIC = ("trio_bridge", "trio_bridge.agents", "trio_bridge.testing", "trio_bridge.testing.openai")


def homes() -> dict[str, str]:
    """The public name of everything public, by where it is defined: the type hints know only that."""
    found = {}
    for place in PUBLIC:
        module = importlib.import_module(place)
        for name in module.__all__:
            value = getattr(module, name)
            if hasattr(value, "__qualname__"):
                found[f"{value.__module__}.{value.__qualname__}"] = f"{place}.{name}"
    return found


NAMES = homes()


def public_name(target: str) -> str | None:
    """How users call what is defined as ``target``: a public thing, or a member of one."""
    for home in (target, target.rpartition(".")[0]):
        if home in NAMES:
            return NAMES[home] + target.removeprefix(home)
    return None


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement) -> Any:
    """The link to what has another name in public, or ``None``."""
    public = public_name(node.get("reftarget", ""))
    if public is None or node.get("refdomain") != "py":
        return None
    domain = env.domains.python_domain
    return domain.resolve_xref(env, node["refdoc"], app.builder, node["reftype"], public, node, content)


def setup(app: Sphinx) -> ExtensionMetadata:
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True}
