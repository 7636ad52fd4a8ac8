"""The directive ``click-commands``: a section for each command of a click program, with its options."""

from __future__ import annotations

from pydoc import locate

import click
from click_commands import describe
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata


class ClickCommands(SphinxDirective):
    """``.. click-commands:: package.module.group NAME``: the program has this name on the command line."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        path, name = self.arguments
        command = locate(path)
        if not isinstance(command, click.Command):
            raise self.error(f"there is no click command {path}")
        return self.parse_text_to_nodes("\n".join(describe(command, name)), allow_section_headings=True)


def setup(app: Sphinx) -> ExtensionMetadata:
    app.add_directive("click-commands", ClickCommands)
    return {"parallel_read_safe": True}
