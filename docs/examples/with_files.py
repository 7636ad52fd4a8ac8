"""Tell a gateway on this machine where files lie that people send, and their quotes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from textwrap import indent

import attrs

import trio_bridge as tb
from trio_bridge.agents import Agent, OpenableAgent
from trio_bridge.engine.environment import Environment


@attrs.frozen
class WithFiles(OpenableAgent):
    """Asks another agent, with all of a message in its text."""

    agent: OpenableAgent

    @asynccontextmanager
    async def open(self, environment: Environment) -> AsyncIterator[Agent]:
        async with self.agent.open(environment) as ask:

            async def answer(message: tb.Message) -> None:
                await ask(attrs.evolve(message, text=await whole(message)))

            yield answer

    async def probe(self, environment: Environment) -> str:
        return await self.agent.probe(environment)


async def whole(message: tb.Message) -> str:
    quoted = indent(message.reply_to.text, "> ") if message.reply_to else ""
    # Of a recording, what was said stands in the text.
    files = [each for each in message.attachments if each.kind != "audio"]
    parts = [quoted, message.text, *[await described(message, each) for each in files]]
    return "\n\n".join(filter(None, parts))


async def described(message: tb.Message, attachment: tb.Attachment) -> str:
    try:
        path = await message.download(attachment)
    except tb.RequestFailed as error:  # gone, or too large: for good
        return f"[{attachment.name or attachment.kind}: {error}]"
    if attachment.kind == "image":
        return f"![image](file://{path})"
    text = await tb.agents.extract_text(path)
    name = f"[file {attachment.name}: {path}]"
    return name if text is None else f"{name}\n{text}"


gateway = tb.agents.OpenAI(
    url="http://127.0.0.1:18789/v1",
    model="openclaw",
    token=tb.Secret(env="OPENCLAW_GATEWAY_TOKEN"),
    keeps_sessions=True,
)
agent = WithFiles(gateway)
