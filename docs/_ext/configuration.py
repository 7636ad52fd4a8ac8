"""The directive ``config-keys``: an entry for each key of a configuration class, with what its docstring says."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from pydoc import locate
from typing import ClassVar

from config_keys import Key, keys_of
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.std import ConfigurationValue
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata, OptionSpec


class ConfigKey(ConfigurationValue):
    """``.. confval:: SCOPE/NAME`` shows NAME and its default; platforms and agents may have keys of one name."""

    def handle_signature(self, sig: str, signode: addnodes.desc_signature) -> str:
        name = sig.rpartition("/")[2]
        signode["fullname"] = sig
        signode += addnodes.desc_name(name, name)
        if default := self.options.get("default"):
            signode += addnodes.desc_annotation(default, f" = {default}")
        return sig

    def transform_content(self, content_node: addnodes.desc_content) -> None:
        """Leave the content as it is: the default stands in the signature."""


class ConfigKeys(SphinxDirective):
    """``.. config-keys:: package.module.Class`` with the ``:scope:`` in which its keys have their names."""

    required_arguments = 1
    option_spec: ClassVar[OptionSpec | None] = {"scope": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        cls = locate(self.arguments[0])
        if not isinstance(cls, type):
            raise self.error(f"there is no class {self.arguments[0]}")
        self.env.note_dependency(inspect.getfile(cls))
        lines = [line for key in keys_of(cls) for line in entry(key, self.options.get("scope", ""))]
        return self.parse_text_to_nodes("\n".join(lines))


def entry(key: Key, scope: str) -> Iterator[str]:
    """A key as the lines of a ``confval``."""
    yield f".. confval:: {scope}/{key.name}" if scope else f".. confval:: {key.name}"
    if key.default is not None:
        yield f"   :default: {key.default}"
    yield from ("", textwrap.indent(f"*{key.kind[0].upper()}{key.kind[1:]}.*\n{key.text}", "   "), "")


def setup(app: Sphinx) -> ExtensionMetadata:
    app.add_directive_to_domain("std", "confval", ConfigKey, override=True)
    app.add_directive("config-keys", ConfigKeys)
    return {"parallel_read_safe": True}
