"""A language model while it can be asked: one message in, an answer that grows, and a turn to remember."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import attrs
import trio

from ..engine.environment import Environment
from ..errors import ConnectionLost, NotSent, OutcomeUnknown, PeerSilent
from ..messages import Message, ReplyStream
from ..transport.http import HttpClient, HttpReply, HttpStream, open_http_client
from ..wire.characters import whole_characters
from ._openai_answer import WITHHELD, Answer, answer_of
from ._openai_failures import PerhapsTooLong, failure_of, pause
from ._remembered import Bounds, Turn
from .openai import OpenAI

OK = 200
KEY = "openai"
"""Under which the turns lie in the small state of the conversation."""
SESSION = "openai_session"
"""Under which the name of the endpoint's own session lies there."""
REFUSAL_SIZE = 64 * 1024
"""Bytes of an answer that is none: only its beginning is shown."""
COMPRESSED_SIZE = 2**20
"""Bytes of an answer that comes compressed, and therefore at once."""
ENDING = 1.0
"""Seconds for what follows the end of an answer, so that its connection can serve the next one; or for the words of a
refusal."""
NAME = 60
"""Characters of a name in front of what somebody said."""

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
        yield Model(agent, client)


@attrs.frozen(eq=False)
class Model:
    """The agent as it answers."""

    _agent: OpenAI
    _client: HttpClient

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
        if not (self._agent.show_sender and message.conversation.kind == "group"):
            return message.text
        name = " ".join(message.sender.name.split())[:NAME]
        return f"{name or message.sender.id}: {message.text}"

    async def _say(self, out: ReplyStream, message: Message, turns: Iterable[Turn], session: str | None = None) -> None:
        """Write the answer while it comes."""
        told = "\n\n".join(filter(None, (self._agent.system, message.system_prompt)))
        said = [("system", told)] if told else []
        for asked, answered in turns:
            said += [("user", asked), ("assistant", answered)]
        said.append(("user", self._question(message)))
        conversation = [{"role": role, "content": whole_characters(content)} for role, content in said]
        async with aclosing(self._answer(self._request(conversation, session))) as pieces:
            async for piece in pieces:
                await out.write(piece)

    async def _answer(self, request: dict[str, Any]) -> AsyncGenerator[str]:
        """The pieces of an answer, to its end.

        Raises:
          BridgeError: there is none, or it is not whole. ``retry_after`` where it is known to be too early.
        """
        begun, token = trio.current_time(), self._agent.read_token()
        try:
            async with self._client.stream(
                "POST",
                f"{self._agent.url}/chat/completions",
                headers=[*bearer(token), ("Accept", "text/event-stream, application/json")],
                json=request,
            ) as response:
                if response.status != OK:
                    reply = HttpReply(response.status, response.headers, await _beginning(response))
                    raise failure_of(reply, token=token, model=self._agent.model)
                async with aclosing(self._read(response, answer_of(response.headers, token), begun)) as pieces:
                    async for piece in pieces:
                        yield piece
        except NotSent as error:
            raise NotSent(str(error), retry_after=pause(error.retry_after)) from error

    def _request(self, conversation: list[dict[str, str]], session: str | None) -> dict[str, Any]:
        options = {"temperature": self._agent.temperature, "max_tokens": self._agent.max_tokens, "user": session}
        given = {name: value for name, value in options.items() if value is not None}
        return {"model": self._agent.model, "messages": conversation, "stream": True, **given}

    async def _read(self, response: HttpStream, answer: Answer, begun: float) -> AsyncGenerator[str]:
        compressed = response.headers.get("content-encoding", "identity") != "identity"
        until, last_moment = begun + self._agent.first_timeout, begun + self._agent.timeout
        while not answer.finished:
            with trio.move_on_at(min(until, last_moment)) as limit:
                piece = await (response.read(COMPRESSED_SIZE) if compressed else response.receive_some())
            if limit.cancelled_caught:
                raise self._too_slow(last_moment)
            if not piece:
                break
            for text in answer.feed(piece):
                yield text
            until = trio.current_time() + self._agent.silence_timeout
        for text in answer.end():
            yield text
        if mark := answer.last_words():
            yield mark
        with trio.move_on_after(ENDING), suppress(OutcomeUnknown):
            while await response.receive_some():
                pass

    def _too_slow(self, last_moment: float) -> ConnectionLost:
        if trio.current_time() >= last_moment:
            return ConnectionLost(f"the model was not through with its answer within {self._agent.timeout:g} s")
        return PeerSilent("the model fell silent before its answer had ended")


def bearer(token: str | None) -> list[tuple[str, str]]:
    """The header that proves who asks."""
    return [] if token is None else [("Authorization", f"Bearer {token}")]


async def _beginning(response: HttpStream) -> bytes:
    """What is soon to be had of the body of a refusal."""
    body = b""
    with trio.move_on_after(ENDING), suppress(OutcomeUnknown):
        while len(body) < REFUSAL_SIZE and (piece := await response.receive_some()):
            body += piece
    return body
