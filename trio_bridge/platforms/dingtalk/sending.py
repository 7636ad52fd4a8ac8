"""How a piece of an answer gets to DingTalk: by the session webhook of the message while it lasts, else by the API.

Files go after the text, each as a message of its own, and always by the API: webhooks take none. One that an answer
named and that can't be sent leaves a note in its place, and what follows is sent. One that a program attached and that
can't be sent fails the reply there: the program is told, and a replay of the dead letter goes on with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from urllib.parse import urlsplit

import attrs
import trio

from ...bots.media.markers import Named, note
from ...engine.platform import Outgoing
from ...errors import NotSent, RateLimited, RequestFailed
from ...messages import Attachment, Reply
from ...transport.http import HttpClient
from .aliases import Aliases
from .codes import WEBHOOK, outcome_of
from .config import DingTalk
from .failures import failure
from .kinds import Kind
from .media.markers import MARKERS
from .media.uploads import Uploads
from .rest import Rest
from .robot import Robot
from .sessions import Sessions
from .targets import Target, unreachable
from .writing import Piece, Written, pieces, written

TOO_FAST = "130101"
"""A webhook's code for more than 20 messages a minute."""

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class Courier:
    """Sends the pieces of one account. Each is sent once: whoever called decides about another time."""

    _config: DingTalk
    _rest: Rest
    _http: HttpClient
    _sessions: Sessions
    _wall: Callable[[], float]
    _robot: Robot
    _uploads: Uploads
    _aliases: Aliases = attrs.field(
        default=attrs.Factory(lambda self: Aliases(self._config.mention_aliases), takes_self=True), init=False
    )

    def parts(self, reply: Reply) -> list[Reply]:
        """The reply in pieces that DingTalk takes at a time: its text, then the files that it names or brings."""
        text, named = MARKERS.apart(reply.text, sendable=bool(self._config.media_roots))
        if text != reply.text:
            reply = attrs.evolve(reply, text=text)
            if not self._config.media_roots:
                logger.warning("an answer names files, and media_roots allows none", extra=self._config.labels)
        if not named and not reply.attachments:
            return [*pieces(reply, self._config)]
        said = pieces(reply, self._config) if text.strip() else []
        return [*said, *(Piece(attachments=(file,), first=False) for file in (*named, *reply.attachments))]

    async def send(self, outgoing: Outgoing) -> str | None:
        """Send one piece. Returns the API's id of it; webhooks give none."""
        target, reply = Target.load(outgoing.target), outgoing.reply
        if not reply.attachments:
            return await self._send_text(target, reply)
        [file] = reply.attachments
        try:
            return await self._send_file(target, file)
        except RequestFailed as refusal:
            fields = {**self._config.labels, "key": outgoing.key, "path": str(file.path), "reason": str(refusal)}
            logger.warning("a file was not sent", extra=fields)
            if not isinstance(file, Named):
                raise
            return await self._send_text(target, Piece(note(file.name), first=False))

    async def _send_file(self, target: Target, file: Attachment) -> str | None:
        if not target.id:
            raise unreachable(target)
        return await self._send_by_api(target, await self._uploads.message(file))

    async def _send_text(self, target: Target, reply: Reply) -> str | None:
        if not reply.text.strip():
            raise RequestFailed("there is nothing to send", code="empty")
        message = written(reply, self._config.reply_mode_in(target.kind, target.id))
        if self._sessions.is_open(target, self._wall()) and await self._sent_by_webhook(target, reply, message):
            return None
        if not target.id:
            raise unreachable(target)
        return await self._send_by_api(target, message.message)

    async def _sent_by_webhook(self, target: Target, reply: Reply, message: Written) -> bool:
        """Whether the webhook took it. It did not if it is used up, gone or out of reach: the API may do it instead."""
        now = trio.current_time()
        if wait := self._sessions.wait(target.webhook, now):
            if target.id:
                return False
            raise RateLimited("the session webhook takes 20 messages a minute", retry_after=wait)
        self._rest.standing.check()
        self._sessions.use(target.webhook, now)
        text, robots = self._aliases.applied(message.text)
        if robots:
            message = attrs.evolve(message, text=text)
        body = message.for_webhook(self._mention(target, reply), robots)
        try:
            # Without the access token: it is none of the webhook's business.
            answer = await self._http.request("POST", target.webhook, json=body)
        except NotSent:
            if target.id:
                return False
            raise
        # The session alone lets anybody answer there: an answer that repeats it must not have it logged.
        session = urlsplit(target.webhook).query.rpartition("=")[2]
        outcome = self._rest.standing.note(outcome_of("POST", WEBHOOK, answer).without(session))
        if outcome.category == "ok":
            return True
        if outcome.code == TOO_FAST:
            self._sessions.exhaust(target.webhook, now)
            if target.id:
                return False
        if outcome.category == "session_expired":
            return False
        raise failure(outcome)

    async def _send_by_api(self, target: Target, message: Kind) -> str | None:
        if target.kind == "group":
            outcome = await self._robot.send_to_group(target.id, message)
        else:
            outcome = await self._robot.send_to_people([target.id], message)
        if outcome.category != "ok":
            raise failure(outcome)
        return outcome.message_id

    def _mention(self, target: Target, reply: Reply) -> str:
        """Whom to mention, if anybody: whoever is answered in a group, once for each reply."""
        wanted = self._config.at_sender and target.kind == "group"
        return target.staff if wanted and not (isinstance(reply, Piece) and not reply.first) else ""
