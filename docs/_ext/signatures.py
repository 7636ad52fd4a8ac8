"""Shows signatures as callers see them: what ``async with`` gives, and what the defaults of a class are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

MANAGER = re.compile(
    r"~?(?:collections\.abc\.|contextlib\.)?(?:Abstract)?(?:Async)?(?:Generator|Iterator|ContextManager)\[(.*)\]"
)
GENERATED = re.compile(r"attr_dict\['(\w+)'\]\.default|NOTHING")
"""How the constructors that attrs writes name their defaults."""


def rewrite(
    app: Sphinx, what: str, name: str, obj: Any, options: dict[str, Any], signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """``-> AsyncGenerator[Bridge]`` becomes ``-> Bridge`` for a context manager, and a default what it is."""
    if "async-with" in options or "with" in options:
        found = MANAGER.fullmatch(returned or "")
        returned = None if found is None or found[1] == "None" else found[1]
    if signature is not None and isinstance(obj, type) and attrs.has(obj):
        defaults = {field.name: field.default for field in attrs.fields(obj)}
        signature = GENERATED.sub(lambda match: shown(defaults.get(match[1], ...)), signature)
    return signature, returned


def shown(default: Any) -> str:
    """A default, if it can be read; an ellipsis for what is made anew each time."""
    return repr(default) if default is None or isinstance(default, str | int | float | tuple) else "..."


def setup(app: Sphinx) -> ExtensionMetadata:
    app.connect("autodoc-process-signature", rewrite)
    return {"parallel_read_safe": True}
