"""What programs that we run get to know of the bridge's environment: secrets of the bridge may be in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

PASSED: Final = ("HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER")
"""What every program is told, and all of ``LC_*``."""

LOADING: Final = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "SYSTEMROOT")
"""What some programs can't even be started without."""


def passed(environment: Mapping[str, str], names: Collection[str] = LOADING) -> dict[str, str]:
    """What a program gets of an environment: the usual, and what ``names`` adds."""
    return {
        name: value for name, value in environment.items() if name in PASSED or name in names or name.startswith("LC_")
    }
