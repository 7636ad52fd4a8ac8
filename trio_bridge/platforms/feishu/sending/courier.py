"""How a piece of an answer gets to Feishu.

Files go after the text, each as a message of its own. One that an answer named and that can't be sent leaves a note in
its place, and what follows is sent. One that a program attached and that can't be sent fails the reply there: the
program is told, and a replay of the dead letter goes on with it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import attrs

from ....bots.media.markers import Named, note
from ....engine.platform import Outgoing
from ....errors import RequestFailed
from ....messages import Attachment, Reply
from ....wire.jsontext import word
from ..config import Feishu
from ..media.markers import MARKERS
from ..rest.codes import BAD_CONTENT, Outcome
from ..rest.failures import failure
from .contents import Content
from .messenger import Messenger
from .targets import Target
from .writing import Piece, pieces, plain, written

NO_POST: Final = frozenset({BAD_CONTENT, 230025})
"""What Feishu says of a post that it can't show, or that becomes too long by its styles."""

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class Courier:
    """Sends the pieces of one account. Each is sent once: whoever called decides about another time."""

    _config: Feishu
    _messenger: Messenger
    _upload: Callable[[Attachment], Awaitable[Content]]
    """Makes a message of a file, which is handed in for it."""

    def parts(self, reply: Reply) -> list[Reply]:
        """The reply in pieces that Feishu takes at a time: its text, then the files that it names or brings."""
        text, named = MARKERS.apart(reply.text, sendable=bool(self._config.media_roots))
        if text != reply.text:
            reply = attrs.evolve(reply, text=text)
            if not self._config.media_roots:
                logger.warning("an answer names files, and media_roots allows none", extra=self._config.labels)
        files = (*named, *reply.attachments)
        if not files:
            return [*pieces(reply, self._config)]
        said = pieces(reply, self._config) if text.strip() else []
        return [*said, *(Piece(attachments=(file,), first=not (said or index)) for index, file in enumerate(files))]

    async def send(self, outgoing: Outgoing) -> str | None:
        """Send one piece. Returns Feishu's id of the message. Raises what :meth:`Platform.send` does."""
        target, reply = Target.load(outgoing.target), outgoing.reply
        if not reply.attachments:
            return await self._send_text(target, reply, outgoing.key)
        [file] = reply.attachments
        try:
            content = await self._upload(file)
            return _id_of(await self._messenger.send(target, content, outgoing.key, quote=_is_first(reply)))
        except RequestFailed as refusal:
            fields = {**self._config.labels, "key": outgoing.key, "path": str(file.path), "reason": str(refusal)}
            logger.warning("a file was not sent", extra=fields)
            if not isinstance(file, Named):
                raise
            return await self._send_text(target, Piece(note(file.name), first=_is_first(reply)), outgoing.key)

    async def _send_text(self, target: Target, reply: Reply, key: str) -> str:
        if not reply.text.strip():
            raise RequestFailed("there is nothing to send", code="empty")
        first = _is_first(reply)
        mention = target.sender if first and target.group and self._config.at_sender else ""
        content = written(reply, self._config.reply_mode_in(target.id, group=target.group), mention)
        outcome = await self._messenger.send(target, content, key, quote=first)
        if content.type == "post" and outcome.code in NO_POST:
            outcome = await self._messenger.send(target, plain(reply, mention), key, quote=first)
        return _id_of(outcome)


def _is_first(reply: Reply) -> bool:
    return not isinstance(reply, Piece) or reply.first


def _id_of(outcome: Outcome) -> str:
    if outcome.category != "ok":
        raise failure(outcome)
    return word(outcome.data.get("message_id"))
