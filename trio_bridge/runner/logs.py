"""Log records become lines on stderr: one for each record, for people or for programs.

1. A record is one line, whatever is in it: nobody who sends a message can write a line of their own, or command the
   terminal.
2. A record is bounded. What is cut ends in an ellipsis.
3. Libraries that log requests with their headers and addresses are heard from WARNING on only, at every level.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import sysconfig
import traceback
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any, Literal, TextIO

from .text import one_line

LogFormat = Literal["human", "json"]

TRACEBACK = 8000
"""Characters of a traceback: some sixty frames."""
CAUSES = 4
"""Errors of a chain that are told: the last one, and what led to it."""
TALKATIVE = ("httpx", "httpcore", "websockets", "trio-websocket", "hypercorn")

_LIBRARIES = (
    str(Path(__file__).parents[1]) + os.sep,
    *(sysconfig.get_path(name) + os.sep for name in ("stdlib", "purelib", "platlib")),
    "<",
)
"""Where code lies that nobody wrote for this bridge: ours, Python's, what is installed, and what is frozen."""

WIRE = "trio_bridge.transport.wirelog"

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def set_up_logging(log_format: LogFormat = "human", level: str = "INFO") -> None:
    """Send everything that is logged, and every warning, to stderr in this format."""
    handler = _Stderr()
    handler.setFormatter(JsonLines() if log_format == "json" else HumanLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def log_the_wire() -> None:
    """Let accounts that ask for it log what they say and hear, whatever else is logged."""
    logging.getLogger(WIRE).setLevel(logging.DEBUG)


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what stderr is at the moment: a live table puts something in its place that writes above it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # An attribute there, set once.
        return sys.stderr


class HumanLines(logging.Formatter):
    """``10:42:07 INFO    dingtalk:sales/3: ready``, then what else is known, then what went wrong."""

    def format(self, record: logging.LogRecord) -> str:
        fields = fields_of(record)
        account, platform, generation = (fields.pop(name, None) for name in ("account", "platform", "generation"))
        if account is None:
            where = record.name
        else:
            where = f"{platform}:{account}" if platform else str(account)
            where += f"/{generation}" if generation else ""
        if record.exc_info and record.exc_info[1] is not None:
            fields["error"] = told(record.exc_info[1])
        clock = f"{datetime.fromtimestamp(record.created, UTC).astimezone():%H:%M:%S}"
        known = "".join(f" {name}={_quoted(value)}" for name, value in fields.items())
        return one_line(f"{clock} {record.levelname:<7} {where}: {record.getMessage()}{known}")


class JsonLines(logging.Formatter):
    """One JSON object: ``time level logger message``, then every field of the record, then ``traceback``."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _bounded(record.getMessage()),
            **{name: _bounded(value) for name, value in fields_of(record).items()},
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = told(record.exc_info[1])
            written = "".join(traceback.format_exception(record.exc_info[1]))
            # The end of a traceback tells more than its beginning.
            line["traceback"] = written if len(written) <= TRACEBACK else f"…{written[-TRACEBACK:]}"
        return json.dumps(line)


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What was logged with ``extra``."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def told(error: BaseException) -> str:
    """An error in one line: what it was, which line of the user's led to it, if one did, and its causes."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and len(chain) < CAUSES:
        # A group that holds one error says nothing of its own.
        while isinstance(current, BaseExceptionGroup) and len(current.exceptions) == 1:
            current = current.exceptions[0]
        chain.append(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return one_line(", because of ".join(map(_one, chain)))


def _one(error: BaseException) -> str:
    what = f"{type(error).__name__}: {error}".removesuffix(": ")
    if error.__traceback__ is None:
        return what
    frames = traceback.extract_tb(error.__traceback__)
    # Whoever wrote the handler can change a line of it, and not the one of a library that it called.
    frame = next((frame for frame in reversed(frames) if not frame.filename.startswith(_LIBRARIES)), frames[-1])
    return f"{what} ({PurePath(frame.filename).name}:{frame.lineno} in {frame.name})"


def _quoted(value: Any) -> str:
    text = str(value)
    return text if text and not any(character.isspace() or character in "\"'=" for character in text) else repr(text)


def _bounded(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return one_line(str(value))
