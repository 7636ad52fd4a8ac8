"""An agent of one's own: what it needs is open before the first message comes."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import attrs

import trio_bridge as tb
from trio_bridge.agents import Agent, OpenableAgent
from trio_bridge.engine.environment import Environment


@attrs.frozen
class Glossary(OpenableAgent):
    """Explains words, by the table ``words(word, meaning)`` of an SQLite file."""

    file: Path

    @asynccontextmanager
    async def open(self, environment: Environment) -> AsyncIterator[Agent]:
        try:
            database = sqlite3.connect(f"{self.file.as_uri()}?mode=ro", uri=True)
        except sqlite3.Error as error:
            raise tb.ConfigError(f"{self.file}: {error}") from error

        async def answer(message: tb.Message) -> str:
            query = "SELECT meaning FROM words WHERE word = ?"
            found = database.execute(query, [message.text]).fetchone()
            return found[0] if found else "never heard of it"

        with closing(database):
            yield answer


agent = Glossary(Path(__file__).with_name("words.db"))
