"""An OpenClaw Gateway while it can be asked: one message in, one run of an agent, an answer that grows.

1. A message is asked under a key of its own. Asked again, after a crash or a lost connection, it finds its run.
2. The gateway's trouble is not the message's, which then waits in the store and spends no attempt.
3. A run that is known to have failed is the message's attempt, and the next attempt is another run: the gateway would
   only repeat how the first one ended. Which runs failed is known from having seen it; where this process is a new one,
   the gateway tells when it is asked. So nobody has to count attempts, some of which never reached a gateway.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

import attrs

from ...engine.environment import Environment
from ...engine.executors import Executor
from ...errors import Postponed, RateLimited, RequestFailed
from ...messages import Message
from ...platforms.openclaw.chat.run import Run
from ...platforms.openclaw.sessions import canonical
from .agent import OpenClaw
from .files import Room, pass_on
from .gateway import Gateway, open_gateway
from .names import question_key
from .question import STOPPED, below, question_of, said_in
from .routes import Routing
from .session import Opening, Session, in_session

MOST_FAILED: Final = 20
"""Failed runs of one message that are passed over: more than a message has attempts."""
REMEMBERED: Final = 1000
"""Messages of which it is known how often they failed. Of older ones the gateway tells."""
CLOCKS: Final = 60.0
"""Seconds by which the clock of a chat platform may be ahead of ours."""
REST: Final = 64 * 1024
"""Bytes of a request that are not for files: the text, and what surrounds it."""

logger = logging.getLogger(__name__)


@asynccontextmanager
async def open_asking(agent: OpenClaw, environment: Environment) -> AsyncGenerator[Asking]:
    """The gateway answers while the block runs.

    Raises:
      ConfigError: the secrets or the certificates can't be read, or another agent describes the gateway otherwise.
    """
    agent.check()
    async with open_gateway(agent.account, environment) as gateway:
        yield Asking(agent, gateway, environment.disk)


@attrs.define(eq=False)
class Asking:
    """The agent as it answers."""

    _agent: OpenClaw
    _gateway: Gateway
    _disk: Executor
    _routing: Routing = attrs.field(
        init=False, default=attrs.Factory(lambda self: Routing(self._agent), takes_self=True)
    )
    _failures: OrderedDict[str, int] = attrs.field(init=False, factory=OrderedDict)
    """How many runs failed, by the first key of their message: those that were asked, and are not answered yet."""

    async def __call__(self, message: Message) -> None:
        if not (said_in(message) or message.attachments):
            return
        await self._gateway.wait_ready(self._agent.ready_timeout)
        await in_session(message, self._answer, keep=self._agent.session_key is None)

    async def _answer(self, opening: Opening, message: Message, session: Session) -> None:
        """Write the answer while it comes, under the first key of the message that has not failed."""
        first = question_key(message)
        asked_before = message.again or first in self._failures
        for _ in range(MOST_FAILED):
            failures = self._failures.get(first, 0)
            asked = await self._ask(message, session, question_key(message, failures), asked_before=asked_before)
            self._remember(first, failures)
            try:
                async with self._gateway.while_there(self._agent.ready_timeout), asked as run:
                    await _write(run, opening)
            except RateLimited as error:
                raise Postponed(f"the gateway is busy: {error}", retry_after=error.retry_after) from error
            except RequestFailed as error:
                self._remember(first, failures + 1)
                if not _is_old(error):
                    await self._gateway.raise_if_it_goes(error)
                    raise
                fields = {"account": message.account, "platform": message.platform, "key": message.id}
                logger.info("an earlier run failed: asked anew", extra=fields)
            else:
                self._failures.pop(first, None)
                return
        raise RequestFailed(f"the gateway repeats how {MOST_FAILED} earlier runs failed", code="run_failed")

    async def _ask(
        self, message: Message, session: Session, key: str, *, asked_before: bool
    ) -> AbstractAsyncContextManager[Run]:
        """The question, ready to be asked."""
        agent, hello = self._agent, self._gateway.hello
        agent_id = self._routing.agent_for(message) or hello.default_agent
        shared = agent.session_key
        session_key = session.key(agent_id) if shared is None else canonical(shared, agent_id)
        room = Room(
            image=min(agent.max_file_size, hello.max_image or agent.max_file_size),
            file=min(agent.max_file_size, hello.max_attachment or agent.max_file_size),
            whole=hello.max_payload - REST - 4 * len(message.text),
        )
        passed = await pass_on(message, agent.files, room, self._disk)
        told = message.system_prompt if session.begins else ""
        text = below(told, question_of(message, agent, *passed.notes))
        return self._gateway.api.chat(
            session_key,
            text,
            attachments=passed.files,
            key=key,
            asked_before=asked_before,
            asked_since=0.0 if message.sent_at is None else message.sent_at.timestamp() - CLOCKS,
            abort=False,
        )

    def _remember(self, first: str, failures: int) -> None:
        self._failures[first] = failures
        self._failures.move_to_end(first)
        if len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)


async def _write(run: Run, opening: Opening) -> None:
    """Let the reply be what the run says, while it grows and in the end."""
    piece = await anext(run, None)
    if piece is None and run.status != "aborted" and not run.text:
        return
    async with opening() as out:
        while piece is not None:
            if out.text + piece == run.text:
                await out.write(piece)
            else:  # something was taken back
                await out.replace(run.text)
            piece = await anext(run, None)
        whole = below(run.text, STOPPED) if run.status == "aborted" else run.text
        if out.text != whole:
            await out.replace(whole)


def _is_old(error: RequestFailed) -> bool:
    """Whether the gateway tells of a run that had ended before it was asked."""
    return error.payload is not None or error.code == "no_answer"
