"""A language model while it can be asked: one message in, an answer that grows, and a turn to remember."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import attrs

from ...engine.environment import Environment
from ...messages import Message, ReplyStream
from ...transport.http import open_http_client
from ...wire.characters import whole_characters
from .._remembered import Bounds, Turn
from .._speaker import with_speaker
from .agent import OpenAI
from .answer import WITHHELD
from .calls import Completions, Patience
from .failures import PerhapsTooLong

KEY = "openai"
"""Under which the turns lie in the small state of the conversation."""
SESSION = "openai_session"
"""Under which the name of the endpoint's own session lies there."""

logger = logging.getLogger(__name__)


@asynccontextmanager
async def open_model(agent: OpenAI, environment: Environment) -> AsyncGenerator[Model]:
    """The model answers while the block runs. Its connections are those of this block.

    Raises:
      ConfigError: the token or the certificates can't be read.
    """
    agent.check()
    async with open_http_client(
        network=environment.network,
        ca_file=agent.ca_file,
        allow_insecure=agent.allow_insecure,
        total=min(agent.first_timeout, agent.timeout),
        silence=agent.timeout,  # between two pieces there are limits of our own
    ) as client:
        patience = Patience(first=agent.first_timeout, silence=agent.silence_timeout, whole=agent.timeout)
        yield Model(agent, Completions(client=client, url=agent.url, read_token=agent.read_token, patience=patience))


@attrs.frozen(eq=False)
class Model:
    """The agent as it answers."""

    _agent: OpenAI
    _completions: Completions

    async def __call__(self, message: Message) -> None:
        if message.text.strip():
            await (self._in_its_session if self._agent.keeps_sessions else self._with_turns)(message)

    async def _in_its_session(self, message: Message) -> None:
        """Answer in a session that the endpoint keeps. It bears the name of the message that began it."""
        known = (await message.load_state()).get(SESSION)
        session = known if isinstance(known, str) else f"trio-bridge:{message.platform}:{message.account}:{message.id}"
        async with message.stream() as out:
            if out.committed is None:
                await self._say(out, message, [], session)
        async with message.transaction() as tx:
            # Conversations that share their memory may have begun one meanwhile: the first stands.
            if not isinstance(tx.state.get(SESSION), str):
                tx.state[SESSION] = session

    async def _with_turns(self, message: Message) -> None:
        """Answer with the last turns in mind, and remember this one."""
        bounds = Bounds(turns=self._agent.memory, characters=self._agent.memory_size)
        turns = bounds.read((await message.load_state()).get(KEY)) if self._agent.memory else []
        refused: list[Turn] = []
        async with message.stream() as out:
            # What an earlier run had said to its end is what people saw: it is remembered, and not asked for again.
            if out.committed is None:
                try:
                    await self._say(out, message, turns)
                except PerhapsTooLong:
                    if not turns:
                        raise
                    fields = {"account": message.account, "platform": message.platform, "key": message.id}
                    logger.info("refused with what is remembered: asked without it", extra=fields)
                    refused = turns
                    await self._say(out, message, [])
        said = out.text if out.committed is None else out.committed
        if self._agent.memory and said and not said.endswith(WITHHELD):
            async with message.transaction() as tx:
                # As it is now: conversations that share their memory may have added to it meanwhile.
                kept = [turn for turn in bounds.read(tx.state.get(KEY)) if turn not in refused]
                tx.state[KEY] = bounds.last([*kept, (self._question(message), said)])

    def _question(self, message: Message) -> str:
        return with_speaker(message) if self._agent.show_sender else message.text

    async def _say(self, out: ReplyStream, message: Message, turns: Iterable[Turn], session: str | None = None) -> None:
        """Write the answer while it comes."""
        told = "\n\n".join(filter(None, (self._agent.system, message.system_prompt)))
        said = [("system", told)] if told else []
        for asked, answered in turns:
            said += [("user", asked), ("assistant", answered)]
        said.append(("user", self._question(message)))
        conversation = [{"role": role, "content": whole_characters(content)} for role, content in said]
        async with aclosing(self._completions.answer(self._request(conversation, session))) as pieces:
            async for piece in pieces:
                await out.write(piece)

    def _request(self, conversation: list[dict[str, str]], session: str | None) -> dict[str, Any]:
        options = {"temperature": self._agent.temperature, "max_tokens": self._agent.max_tokens, "user": session}
        given = {name: value for name, value in options.items() if value is not None}
        return {"model": self._agent.model, "messages": conversation, "stream": True, **given}
