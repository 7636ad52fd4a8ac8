"""A file that may not be read is one that can't be used, like one that is not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from trio_bridge.runner.commands import program


@pytest.mark.parametrize(
    "command",
    [
        ["run"],
        ["check"],
        ["outbox", "list"],
        ["dead-letters", "list"],
        ["simulate", "dingtalk", "--script"],
    ],
)
def test_a_file_that_may_not_be_read_ends_with_78(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "private.toml"
    file.write_text("[agent]")
    monkeypatch.setattr(os, "access", lambda *_: False)

    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)
    monkeypatch.setattr(Path, "read_text", deny)
    monkeypatch.setattr(Path, "read_bytes", deny)
    done = CliRunner().invoke(program, [*command, str(file)])
    assert (done.exit_code, done.stderr) == (78, f"{file}: Permission denied\n")
