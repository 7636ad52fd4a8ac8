"""An agent of one's own: what it needs is open before the first message comes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

import trio_bridge as tb
from trio_bridge.agents import Agent, OpenableAgent
from trio_bridge.engine.environment import Environment


@attrs.frozen
class Glossary(OpenableAgent):
    """Explains words by a file of lines like ``lane: one conversation's messages``."""

    file: Path

    @asynccontextmanager
    async def open(self, environment: Environment) -> AsyncIterator[Agent]:
        try:
            text = await trio.Path(self.file).read_text(encoding="utf-8")
        except OSError as error:
            raise tb.ConfigError(f"{self.file}: {error.strerror}") from error
        words = dict(line.split(": ", 1) for line in text.splitlines())

        async def answer(message: tb.Message) -> str:
            return words.get(message.text, "never heard of it")

        yield answer
