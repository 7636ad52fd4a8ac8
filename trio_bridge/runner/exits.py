"""How the program ends, for whoever started it: a shell, a service manager, a script."""

from __future__ import annotations

import enum
import logging
import os
import sys
from collections.abc import Iterable
from typing import NoReturn

from .text import one_line


class ExitCode(enum.IntEnum):
    """The numbers of sysexits.h where it has one."""

    CLEAN = 0
    FAILED = 1
    """A check did not hold."""
    USAGE = 2
    UNFINISHED = 70
    """The time for finishing ran out, or was cut short. What is left is in the store."""
    UNUSABLE = 78
    """The configuration or the store: starting again without a change is of no use."""


def say(problems: Iterable[str]) -> None:
    """Put each problem on stderr, on a line of its own."""
    for problem in problems:
        print(one_line(problem), file=sys.stderr)


def end_by_force(problems: Iterable[str]) -> NoReturn:
    """Say what is left and end the process here and now, whatever in it does not want to end. The store bears it."""
    say(problems)
    logging.shutdown()
    sys.stderr.flush()
    os._exit(ExitCode.UNFINISHED)
