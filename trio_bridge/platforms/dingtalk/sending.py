"""How a piece of an answer gets to DingTalk: by the session webhook of the message while it lasts, else by the API."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio

from ...engine.platform import Outgoing
from ...errors import NotSent, RateLimited, RequestFailed
from ...messages import Reply
from ...transport.http import HttpClient
from .codes import WEBHOOK, Outcome, outcome_of
from .config import DingTalk
from .failures import failure
from .rest import Rest
from .robot import Robot
from .sessions import Sessions
from .targets import Target, outsider
from .writing import Piece, Written, pieces, written

TOO_FAST = "130101"
"""A webhook's code for more than 20 messages a minute."""


@attrs.define(eq=False)
class Courier:
    """Sends the pieces of one account. Each is sent once: whoever called decides about another time."""

    _config: DingTalk
    _rest: Rest
    _http: HttpClient
    _sessions: Sessions
    _wall: Callable[[], float]
    _robot: Robot

    def parts(self, reply: Reply) -> list[Reply]:
        """The reply in pieces that DingTalk takes at a time."""
        if reply.attachments:
            return [reply]
        return [*pieces(reply, self._config)]

    async def send(self, outgoing: Outgoing) -> str | None:
        """Send one piece. Returns the API's id of it; webhooks give none."""
        target, reply = Target.load(outgoing.target), outgoing.reply
        if reply.attachments:
            raise RequestFailed("attachments can't be sent", code="unsupported")
        if not reply.text.strip():
            raise RequestFailed("there is nothing to send", code="empty")
        message = written(reply, self._config)
        if self._sessions.is_open(target, self._wall()) and await self._sent_by_webhook(target, reply, message):
            return None
        if not target.id:
            raise outsider()
        outcome = await self._send_by_api(target, message)
        if outcome.category != "ok":
            raise failure(outcome)
        return outcome.message_id

    async def _sent_by_webhook(self, target: Target, reply: Reply, message: Written) -> bool:
        """Whether the webhook took it. It did not if it is used up, gone or out of reach: the API may do it instead."""
        now = trio.current_time()
        if wait := self._sessions.wait(target.webhook, now):
            if target.id:
                return False
            raise RateLimited("the session webhook takes 20 messages a minute", retry_after=wait)
        self._rest.standing.check()
        self._sessions.use(target.webhook, now)
        mention = self._mention(target, reply)
        try:
            # Without the access token: it is none of the webhook's business.
            answer = await self._http.request("POST", target.webhook, json=message.for_webhook(mention))
        except NotSent:
            if target.id:
                return False
            raise
        outcome = self._rest.standing.note(outcome_of("POST", WEBHOOK, answer))
        if outcome.category == "ok":
            return True
        if outcome.code == TOO_FAST:
            self._sessions.exhaust(target.webhook, now)
            if target.id:
                return False
        if outcome.category == "session_expired":
            return False
        raise failure(outcome)

    async def _send_by_api(self, target: Target, message: Written) -> Outcome:
        if target.kind == "group":
            return await self._robot.send_to_group(target.id, message.message)
        return await self._robot.send_to_people([target.id], message.message)

    def _mention(self, target: Target, reply: Reply) -> str:
        """Whom to mention, if anybody: whoever is answered in a group, once for each reply."""
        wanted = self._config.at_sender and target.kind == "group"
        return target.staff if wanted and not (isinstance(reply, Piece) and not reply.first) else ""
