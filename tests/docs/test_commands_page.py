"""The page of commands has every command and every option."""

from __future__ import annotations

import click

from tests.docs.conftest import Import
from trio_bridge.runner.commands import program


@click.group()
def tool() -> None:
    """A tool."""


@tool.group()
def letters() -> None:
    """Letters."""


@letters.command()
@click.argument("names", nargs=-1)
@click.option("-n", "--number", type=int, default=3, help="How many; --json counts.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--secret", hidden=True)
def send(names: tuple[str, ...], number: int, as_json: bool, secret: str) -> None:
    """Send letters.

    All of them.
    """


@tool.command(hidden=True)
def experiment() -> None:
    """Not yet."""


def test_a_command_is_described_with_its_options(extension: Import) -> None:
    assert list(extension("click_commands.py").describe(tool, "tool")) == [
        "tool letters send",
        "-----------------",
        "",
        ".. code-block:: text",
        "",
        "   tool letters send [OPTIONS] [NAMES]...",
        "",
        "Send letters.\n\nAll of them.",
        "",
        ".. program:: tool letters send",
        "",
        ".. option:: -n INTEGER, --number INTEGER",
        "",
        "   How many; ``--json`` counts. Default: ``3``.",
        "",
        ".. option:: --json",
        "",
        "   For programs.",
        "",
    ]


def test_every_command_of_ours_and_every_option_has_words(extension: Import) -> None:
    lines = list(extension("click_commands.py").describe(program, "trio-bridge"))
    assert {f"trio-bridge {name}" for name in ("demo", "run")} <= set(lines)
    options = [line for line in lines if line.startswith(".. option::")]
    words = [lines[index + 2] for index, line in enumerate(lines) if line.startswith(".. option::")]
    assert [option for option, said in zip(options, words, strict=True) if not said.strip()] == []
