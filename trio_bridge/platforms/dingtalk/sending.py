"""How a piece of an answer gets to DingTalk: by the session webhook of the message while it lasts, else by the API."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import attrs
import trio

from ...engine.platform import Outgoing
from ...errors import NotSent, RateLimited, RequestFailed
from ...messages import Reply
from ...transport.http import HttpClient
from .codes import SEND_TO_GROUP, SEND_TO_PEOPLE, WEBHOOK, Outcome, outcome_of
from .config import DingTalk
from .failures import failure
from .frames import encodable
from .rest import Rest
from .sessions import Sessions
from .targets import Target, outsider
from .text import cut, is_markdown, title_of, with_loose_tables

TOO_FAST = "130101"
"""A webhook's code for more than 20 messages a minute."""


@attrs.frozen
class Piece(Reply):
    """A piece of a longer reply. Only the first one mentions anybody."""

    first: bool = True


@attrs.frozen
class Written:
    """A text in the form in which it is sent."""

    title: str
    text: str
    markdown: bool

    def for_webhook(self, mention: str) -> dict[str, Any]:
        """The body for a session webhook. A mention must stand in the text as well to be seen."""
        body: dict[str, Any]
        if self.markdown:
            text = f"@{mention}\n\n{self.text}" if mention else self.text
            body = {"msgtype": "markdown", "markdown": {"title": self.title, "text": text}}
        else:
            text = f"@{mention} {self.text}" if mention else self.text
            body = {"msgtype": "text", "text": {"content": text}}
        return {**body, "at": {"atUserIds": [mention], "isAtAll": False}} if mention else body

    def for_api(self) -> dict[str, str]:
        """The same for the API, whose parameters are JSON text inside JSON."""
        if self.markdown:
            return {"msgKey": "sampleMarkdown", "msgParam": _compact({"title": self.title, "text": self.text})}
        return {"msgKey": "sampleText", "msgParam": _compact({"content": self.text})}


@attrs.define(eq=False)
class Courier:
    """Sends the pieces of one account. Each is sent once: whoever called decides about another time."""

    _config: DingTalk
    _rest: Rest
    _http: HttpClient
    _sessions: Sessions
    _wall: Callable[[], float]

    def parts(self, reply: Reply) -> list[Reply]:
        """The reply in pieces that DingTalk takes at a time."""
        if reply.attachments:
            return [reply]
        text, title = encodable(reply.text), encodable(reply.title)
        if self._shows_markdown(text):
            text = with_loose_tables(text)
        pieces = [piece.shown for piece in cut(text, self._config.chunk_limit) if piece.body.strip()] or [""]
        return [Piece(text, title=title, first=not index) for index, text in enumerate(pieces)]

    async def send(self, outgoing: Outgoing) -> str | None:
        """Send one piece. Returns the API's id of it; webhooks give none."""
        target, reply = Target.load(outgoing.target), outgoing.reply
        if reply.attachments:
            raise RequestFailed("attachments can't be sent", code="unsupported")
        if not reply.text.strip():
            raise RequestFailed("there is nothing to send", code="empty")
        written = self._written(reply)
        if self._sessions.is_open(target, self._wall()) and await self._sent_by_webhook(target, reply, written):
            return None
        if not target.id:
            raise outsider()
        outcome = await self._send_by_api(target, written)
        if outcome.category != "ok":
            raise failure(outcome)
        return outcome.message_id

    async def _sent_by_webhook(self, target: Target, reply: Reply, written: Written) -> bool:
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
            answer = await self._http.request("POST", target.webhook, json=written.for_webhook(mention))
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

    async def _send_by_api(self, target: Target, written: Written) -> Outcome:
        body: dict[str, Any] = {"robotCode": self._config.robot_code, **written.for_api()}
        if target.kind == "group":
            return await self._rest.call("POST", SEND_TO_GROUP, {**body, "openConversationId": target.id})
        return await self._rest.call("POST", SEND_TO_PEOPLE, {**body, "userIds": [target.id]})

    def _written(self, reply: Reply) -> Written:
        return Written(title_of(reply.text, reply.title), reply.text, self._shows_markdown(reply.text))

    def _shows_markdown(self, text: str) -> bool:
        mode = self._config.reply_mode
        return mode == "markdown" or (mode in ("auto", "card") and is_markdown(text))

    def _mention(self, target: Target, reply: Reply) -> str:
        """Whom to mention, if anybody: whoever is answered in a group, once for each reply."""
        wanted = self._config.at_sender and target.kind == "group"
        return target.staff if wanted and not (isinstance(reply, Piece) and not reply.first) else ""


def _compact(value: dict[str, str]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
