"""What a click program says of its commands and options, as reStructuredText."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click


def describe(command: click.Command, name: str) -> Iterator[str]:
    """The lines of a section for each command below ``command``, in the order of ``--help``."""
    context = click.Context(command, info_name=name)
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            child = command.get_command(context, each)
            if child is not None and not child.hidden:
                yield from describe(child, f"{name} {each}")
    else:
        yield from _section(command, context, name)


def _section(command: click.Command, context: click.Context, name: str) -> Iterator[str]:
    yield from (name, "-" * len(name), "")
    yield from (".. code-block:: text", "", f"   {' '.join((name, *command.collect_usage_pieces(context)))}", "")
    yield from (_marked(inspect.cleandoc(command.help or "")), "")
    yield from (f".. program:: {name}", "")
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Option) and not parameter.hidden and "--help" not in parameter.opts:
            yield from _option(parameter, context)


def _option(option: click.Option, context: click.Context) -> Iterator[str]:
    value = "" if option.is_flag else f" {option.make_metavar(context)}"
    yield from (f".. option:: {', '.join(opt + value for opt in option.opts)}", "")
    default = option.get_default(context)
    said = f" Default: ``{default:g}``." if isinstance(default, float) else f" Default: ``{default}``."
    shown = said if isinstance(default, str | int | float) and not option.is_flag else ""
    yield from (f"   {_marked(option.help or '')}{shown}", "")


def _marked(text: str) -> str:
    """``--option`` in a text is shown as it is typed."""
    return re.sub(r"(?<!\S)--[a-z][a-z-]*", r"``\g<0>``", text)
