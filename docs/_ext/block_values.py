"""Shows what ``async with`` gives, where a type hint says how the function that gives it is written."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

MANAGER = re.compile(
    r"~?(?:collections\.abc\.|contextlib\.)?(?:Abstract)?(?:Async)?(?:Generator|Iterator|ContextManager)\[(.*)\]"
)


def unwrap(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None] | None:
    """``AsyncGenerator[Bridge]`` becomes ``Bridge`` for whatever a decorator has made a context manager."""
    found = MANAGER.fullmatch(returned or "")
    if found is None or not hasattr(obj, "__wrapped__"):
        return None
    return signature, found[1] if found[1] != "None" else None


def setup(app: Sphinx) -> ExtensionMetadata:
    app.connect("autodoc-process-signature", unwrap)
    return {"parallel_read_safe": True}
