"""The ASGI application that Feishu calls.

An event is answered with 200 when it is stored, and not before. What can't be stored in time is answered with 500, and
Feishu calls again. A press on a card is answered with what its handler returns.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import attrs
import trio

from ....engine.answers import NotAnswered
from ....engine.platform import Door
from ....errors import ConfigError
from ....transport.asgi import Receive, Scope, Send
from ....transport.wirelog import WireLog
from ....wire.protocol import Delivery
from ..arriving import Arriving
from ..config import Feishu
from .complaints import Complaints
from .http import Answer, headers_of, read_body, respond
from .reading import Called, CallRefused, Keys, Question, read_call

DECIDED_AFTER: Final = 0.005
"""Seconds until a call is refused that proved nothing: longer than it takes to see that, whatever is in it. How far it
could be decrypted would tell in how long it took."""
READERS: Final = frozenset({"GET", "HEAD"})
GREETING: Final = "The webhook of a Feishu bot. Feishu calls it with POST, and nobody else needs to."
NOTHING: Final = Answer.json("{}")
"""Taken, and there is nothing to say."""
RESTING: Final = Answer.plain(503, "The account is not running.", [(b"retry-after", b"30")])
"""Feishu will call again."""

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class Webhook:
    """Hears the calls of one account. While its door is closed the answer is 503."""

    _config: Feishu
    _wall: Callable[[], float]
    _arriving: Arriving
    _log: WireLog | None = None
    _complaints: Complaints = attrs.field(init=False)
    _door: Door | None = attrs.field(default=None, init=False)
    port: int | None = attrs.field(default=None, init=False)
    """Where it is heard, if it has a port of its own."""

    def __attrs_post_init__(self) -> None:
        self._complaints = Complaints(logger, self._config.labels)

    @contextmanager
    def opened(self, door: Door) -> Iterator[None]:
        """Within the block, what is called for is handed in at ``door``."""
        self._door = door
        try:
            yield
        finally:
            self._door = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it; also the beginning and the end of a server."""
        await respond(scope, receive, send, self._answer)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        if (door := self._door) is None:
            return RESTING
        if scope["method"] in READERS:
            return Answer.plain(200, GREETING)
        if scope["method"] != "POST":
            return Answer.plain(405, headers=[(b"allow", b"GET, HEAD, POST")])
        try:
            said = await self._read(scope, receive)
        except CallRefused as refused:
            self._complaints.tell("a call was refused", refused.status, refused.reason)
            return Answer.plain(refused.status)
        except ConfigError as error:
            self._complaints.tell("calls can't be told from forged ones", 503, str(error))
            return Answer.plain(503)
        if isinstance(said, Question):
            return Answer.json(json.dumps({"challenge": said.challenge}))
        if self._log is None:
            return await self._take(door, said)
        self._log.frames("call received", [said.text])
        answer = await self._take(door, said)
        self._log.frames("call answered", [answer.body])
        return answer

    async def _take(self, door: Door, said: Called) -> Answer:
        delivery = self._arriving.delivery(said.envelope, said.payload, said.text)
        if delivery is None:
            door.unwanted()
            return NOTHING
        return await (self._store if delivery.answer_within is None else self._ask)(door, delivery)

    async def _read(self, scope: Scope, receive: Receive) -> Question | Called:
        headers = headers_of(scope)
        body = await read_body(scope, receive, self._config.webhook_max_body)
        if b"json" not in headers.get(b"content-type", b"json").lower():
            raise CallRefused(415, "it is of another type than JSON")
        decided_at = trio.current_time() + DECIDED_AFTER
        try:
            return read_call(Keys.of(self._config), headers, body, self._wall())
        except CallRefused as refused:
            if refused.status == 401:
                await trio.sleep_until(decided_at)
            raise

    async def _store(self, door: Door, delivery: Delivery) -> Answer:
        stored = False
        with trio.move_on_after(self._config.ack_deadline):
            stored = await door.take(delivery)
        if stored:
            return NOTHING
        self._complaints.tell("an event could not be stored in time: Feishu will call again", 500, delivery.topic)
        return Answer.plain(500)

    async def _ask(self, door: Door, delivery: Delivery) -> Answer:
        try:
            reply = await door.answer(delivery)
        except NotAnswered:
            return NOTHING
        return NOTHING if reply is None else Answer.json(reply)
