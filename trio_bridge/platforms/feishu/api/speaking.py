"""Direct sends: what an application says without a message to answer, made once."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import attrs

from ....errors import BridgeError, RequestFailed
from ....messages import Attachment, Reply
from ....wire.jsontext import word
from ..config import Feishu
from ..events.card_parts import Card, CardTemplate
from ..media.uploads import Uploads
from ..rest.codes import MESSAGES, REPLIES, Outcome
from ..rest.failures import failure
from ..rest.rest import Rest
from ..sending.contents import Content
from ..sending.courier import NO_POST
from ..sending.messenger import uuid_of
from ..sending.targets import address
from ..sending.writing import pieces, plain, written
from ..settings.sending import ReplyMode
from .health import Health
from .results import Sent


@attrs.frozen
class CardEntity:
    """A card that was made by :meth:`~trio_bridge.feishu.CardsById.create`, and can be sent once."""

    card_id: str


Sayable = str | Reply | Content | Card | CardEntity
"""What can be said. A dict is the JSON of a card."""

Call = Callable[[Mapping[str, Any]], Awaitable[Outcome]]


@attrs.frozen
class _Part:
    """One message of what is said; ``otherwise`` where Feishu can't show it. A file is handed in in its turn."""

    content: Content | None = None
    otherwise: Content | None = None
    file: Attachment | None = None


@attrs.define(eq=False)
class Speaker:
    """Says something, in pieces if it is long. Of these none is sent after one that failed."""

    _config: Feishu
    _rest: Rest
    _uploads: Uploads
    _health: Health

    async def send(self, target: str, message: Sayable, title: str, key: str) -> Sent:
        """Say it in a conversation, or to a person."""
        place = address(target)

        async def call(body: Mapping[str, Any]) -> Outcome:
            return await self._rest.call(
                "POST",
                MESSAGES,
                {"receive_id": place.id, **body},
                params={"receive_id_type": place.id_type},
                chat=place.id,
            )

        mode = self._config.reply_mode_in(place.id, group=place.group)
        return await self._say(message, title, mode, key, call)

    async def reply(self, message_id: str, message: Sayable, title: str, key: str, *, in_thread: bool) -> Sent:
        """Say it below a message."""

        async def call(body: Mapping[str, Any]) -> Outcome:
            threaded = {"reply_in_thread": True} if in_thread else {}
            return await self._rest.call("POST", REPLIES, {**body, **threaded}, ids=[message_id])

        return await self._say(message, title, self._config.reply_mode, key, call)

    def edited(self, message: str | Reply | Content) -> Content:
        """What stands in place of a message afterwards.

        Raises:
          RequestFailed: it can't be one message of text.
        """
        parts = list(self._parts(message, "", self._config.reply_mode))
        content = parts[0].content if len(parts) == 1 else None
        if content is None or content.type not in ("text", "post"):
            raise RequestFailed("a message is edited to one of text, which is not too long", code="bad_content")
        return content

    async def _say(self, message: Sayable, title: str, mode: ReplyMode, key: str, call: Call) -> Sent:
        key = key or uuid.uuid4().hex
        ids, chat = list[str](), ""
        for index, part in enumerate(self._parts(message, title, mode)):
            try:
                outcome = await self._one(part, uuid_of(self._config.app_id, f"api/{key}/{index}"), call)
            except BridgeError as error:
                if not ids:
                    raise
                return Sent(message_ids=tuple(ids), chat_id=chat, error=error)
            ids.append(word(outcome.data.get("message_id")))
            chat = word(outcome.data.get("chat_id")) or chat
        if not ids:
            raise RequestFailed("there is nothing to send", code="empty")
        return Sent(message_ids=tuple(ids), chat_id=chat)

    async def _one(self, part: _Part, key: str, call: Call) -> Outcome:
        content = part.content or await self._uploads.message(part.file or Attachment())
        outcome = await call(_body(content, key))
        if part.otherwise is not None and outcome.code in NO_POST:
            outcome = await call(_body(part.otherwise, key))
        if outcome.category != "ok":
            raise failure(outcome)
        if content.type == "interactive":
            self._health.sent_card()
        return outcome

    def _parts(self, message: Sayable, title: str, mode: ReplyMode) -> Iterator[_Part]:
        match message:
            case Content():
                yield _Part(message)
            case CardEntity(card_id):
                yield _Part(Content.of("interactive", {"type": "card", "data": {"card_id": card_id}}))
            case CardTemplate() | Mapping():
                yield _Part(content_of_card(message))
            case _:
                reply = Reply(message) if isinstance(message, str) else message
                if title:
                    reply = attrs.evolve(reply, title=title)
                if reply.text.strip():
                    for piece in pieces(reply, self._config):
                        content = written(piece, mode)
                        yield _Part(content, plain(piece) if content.type == "post" else None)
                for file in reply.attachments:
                    yield _Part(file=file)


def content_of_card(card: Card) -> Content:
    """A card as a message."""
    whole = {"type": "template", "data": card.dump()} if isinstance(card, CardTemplate) else card
    return Content.of("interactive", whole)


def _body(content: Content, key: str) -> dict[str, str]:
    return {"msg_type": content.type, "content": content.json, "uuid": key}
