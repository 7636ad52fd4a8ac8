"""Texts as messages: in pieces that DingTalk takes at a time, plain or markdown as the account wants it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from ...bots.markdown import is_markdown
from ...errors import RequestFailed
from ...messages import Reply
from ...wire.jsontext import encodable
from .config import DingTalk
from .kinds import Kind, Markdown, Text
from .settings.groups import ReplyMode
from .text import cut, title_of, with_loose_tables


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

    def for_webhook(self, mention: str, robots: Sequence[str] = ()) -> dict[str, Any]:
        """The body for a session webhook. A mention must stand in the text as well to be seen: those of robots do."""
        body: dict[str, Any]
        if self.markdown:
            text = f"@{mention}\n\n{self.text}" if mention else self.text
            body = {"msgtype": "markdown", "markdown": {"title": self.title, "text": text}}
        else:
            text = f"@{mention} {self.text}" if mention else self.text
            body = {"msgtype": "text", "text": {"content": text}}
        mentioned = {"atUserIds": [mention] if mention else [], "atDingtalkIds": list(robots)}
        at = {name: ids for name, ids in mentioned.items() if ids}
        return {**body, "at": {**at, "isAtAll": False}} if at else body

    @property
    def message(self) -> Text | Markdown:
        """The same for the API."""
        return Markdown(self.text, self.title) if self.markdown else Text(self.text)


def pieces(reply: Reply, config: DingTalk) -> list[Piece]:
    """The text of a reply in pieces that DingTalk takes at a time; always one at least."""
    text, title = encodable(reply.text), encodable(reply.title)
    return [
        Piece(shown, title=title, first=not index)
        for index, shown in enumerate(_shown(text, config, markdown=_is_markdown(text, config.reply_mode)) or [""])
    ]


def written(reply: Reply, mode: ReplyMode) -> Written:
    """One piece, in the form in which it is sent."""
    return Written(title_of(reply.text, reply.title), reply.text, _is_markdown(reply.text, mode))


def messages(said: str | Reply | Kind, title: str, config: DingTalk) -> list[Kind]:
    """What an application says, in messages that the API takes. ``title`` is for a text that comes without one.

    Raises:
      RequestFailed: there is nothing to send, or nothing that can be sent.
    """
    if isinstance(said, Text):
        found: list[Kind] = [Text(shown) for shown in _shown(encodable(said.text), config, markdown=False)]
    elif isinstance(said, Markdown):
        shown_title = said.title or title
        found = [Markdown(shown, shown_title) for shown in _shown(encodable(said.text), config, markdown=True)]
    elif isinstance(said, Kind):
        found = [said]
    else:
        reply = Reply(said, title=title) if isinstance(said, str) else said
        if reply.attachments:
            raise RequestFailed("attachments go with account.send()", code="unsupported")
        found = [written(piece, config.reply_mode).message for piece in pieces(reply, config) if piece.text]
    if not found:
        raise RequestFailed("there is nothing to send", code="empty")
    return found


def _shown(text: str, config: DingTalk, *, markdown: bool) -> list[str]:
    if markdown:
        text = with_loose_tables(text)
    return [piece.shown for piece in cut(text, config.chunk_limit) if piece.body.strip()]


def _is_markdown(text: str, mode: ReplyMode) -> bool:
    return mode == "markdown" or (mode in ("auto", "card") and is_markdown(text))
