"""The command ``trio-bridge``. Everything that it needs beyond the library is imported behind this door."""

from __future__ import annotations

import sys

from .stdout import stdout_of_any_kind

USAGE = 2


def main() -> None:
    """Run the program; ends the process with its exit code."""
    try:
        from .commands import program
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in ("click", "rich"):
            raise
        print(f"trio-bridge needs {missing}: pip install 'trio-bridge[cli]'", file=sys.stderr)
        sys.exit(USAGE)
    with stdout_of_any_kind():
        program()
