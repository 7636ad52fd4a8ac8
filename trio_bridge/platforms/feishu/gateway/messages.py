"""The server side of messages: sent, answered, edited, changed, taken back, read. No I/O and no clock.

Rules, as the platform keeps them:

1. A message that comes with the ``uuid`` of another one within the hour is not sent: it is answered as that was.
2. A reply names the message that is its parent, and has the root of that. In a thread the root is the parent, too.
3. A bot changes and takes back what it sent itself: texts and posts by ``PUT``, twenty times, cards by ``PATCH``, for
   14 days, if everybody sees the same card before and afterwards.
4. A chat takes so many messages a second from all its bots together, and a card as many changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ....gateways.calls import Call
from .cards import Cards
from .contents import KEYS, keys_in, read_content, text_of
from .desk import MESSAGES_THROTTLED, Data, Desk, Route, Sent, body_of, found_in, invalid, uuid_of, word_of
from .directory import NOT_IN_CHAT, Chat
from .files import Files
from .message import Message, message_in
from .model import App, Refused

SEND: Final = "POST /open-apis/im/v1/messages"
REPLY: Final = "POST /open-apis/im/v1/messages/{message_id}/reply"
EDIT: Final = "PUT /open-apis/im/v1/messages/{message_id}"
PATCH: Final = "PATCH /open-apis/im/v1/messages/{message_id}"
RECALL: Final = "DELETE /open-apis/im/v1/messages/{message_id}"
READ: Final = "GET /open-apis/im/v1/messages/{message_id}"

BOT_DISABLED: Final = 230006
RECALLED: Final = 230011
NOT_OURS: Final = 230026
UNSAFE: Final = 230028
TOO_OLD: Final = 230031
TOO_MANY_EDITS: Final = 230072

MOST_UUID: Final = 50


class Messages:
    """The messages of all chats, as far as bots can know them."""

    def __init__(self, desk: Desk, cards: Cards, files: Files) -> None:
        self.known: dict[str, Message] = {}
        """By their ids: what bots sent, and what they asked about of people's."""
        self.repeated: list[Sent] = []
        """What came with the ``uuid`` of another message, in order, and was not sent."""
        self.disabled: set[str] = set()
        """Apps whose bot is turned off."""
        self._desk = desk
        self._cards = cards
        self._files = files
        self._uuids: dict[tuple[str, str], tuple[Message, float]] = {}

    def routes(self) -> Mapping[str, Route]:
        """Who carries out which call."""
        return {
            SEND: self._send,
            REPLY: self._reply,
            EDIT: self._edit,
            PATCH: self._patch,
            RECALL: self._recall,
            READ: self._read,
        }

    # The calls.

    def _send(self, call: Call, now: float) -> Data:
        app, body = self._received(call, now)
        kind, receiver = call.query.get("receive_id_type", ""), word_of(body, "receive_id")
        chat = self._desk.gateway.directory.chat_for(app.app_id, kind, receiver)
        return self._say(app, chat, None, body, now)

    def _reply(self, call: Call, now: float) -> Data:
        app, body = self._received(call, now)
        parent = self.find(app, call.names["message_id"])
        if parent.recalled:
            raise Refused(RECALLED, "The message is recalled.")
        self._check_chat(app, parent.chat)
        return self._say(app, parent.chat, parent, body, now)

    def _edit(self, call: Call, now: float) -> Data:
        app, body = self._received(call, now)
        message = self._own(app, call)
        if message.msg_type not in ("text", "post") or body.get("msg_type") not in ("text", "post"):
            raise invalid("msg_type: only text and post can be edited")
        if message.edits >= self._desk.rules.most_edits:
            raise Refused(TOO_MANY_EDITS, "The message has reached the number of times it can be edited.")
        content = self._checked(app, body)
        message.msg_type, message.content = body["msg_type"], body["content"]
        message.edits, message.updated_at = message.edits + 1, now
        self._desk.reword(message.id, text_of(message.msg_type, content), content, now)
        return self._told(message)

    def _patch(self, call: Call, now: float) -> Data:
        app, body = self._received(call, now)
        message = self._own(app, call)
        card = self._cards.of_message(message.id)
        if card is None or card.entity:
            raise invalid("message_id: only cards that were sent as they are can be changed")
        if now >= message.at + self._desk.rules.message_life:
            raise Refused(TOO_OLD, "Message can only be modified within 14 days after sending.")
        content = self._checked(app, {**body, "msg_type": "interactive"})
        if not (is_shared(card.data) and is_shared(content)):
            raise invalid("update_multi: it must be true before and afterwards")
        self._check_rate(message.id, now)
        message.content, message.updated_at = body["content"], now
        card.write(content, now)
        self._cards.carried_out(card, "patch", now)
        return {}

    def _recall(self, call: Call, now: float) -> Data:
        app = self._enabled(call, now)
        self._own(app, call).recalled = True
        return {}

    def _read(self, call: Call, now: float) -> Data:
        app = self._enabled(call, now)
        message = self.find(app, call.names["message_id"])
        self._check_chat(app, message.chat)
        return {"items": [self._told(message)]}

    # Inside.

    def find(self, app: App, message_id: str) -> Message:
        """The message with this id: a bot's, or one that was pushed to this app.

        Raises:
          Refused: there is none.
        """
        known = self.known.get(message_id)
        if known is not None and known.app_id:
            return known
        pushed = self._desk.gateway.ledger.find(app.app_id, message_id)
        if pushed is None:
            raise invalid("message_id")
        if known is None:
            chat = self._desk.gateway.directory.chat(pushed.letter.chat_id)
            known = self.known[message_id] = message_in(pushed.letter, chat, pushed.at)
        return known

    def _say(self, app: App, chat: Chat, parent: Message | None, body: Data, now: float) -> Data:
        uuid = uuid_of(body, most=MOST_UUID)
        content = self._checked(app, body)
        earlier, at = self._uuids.get((app.app_id, uuid), (None, 0.0)) if uuid else (None, 0.0)
        if earlier is not None and now < at + self._desk.rules.uuid_life:
            self.repeated.append(self._as_sent(earlier, content, parent, uuid, now))
            return self._told(earlier)
        self._check_rate(chat.id, now)
        card = self._cards.to_send(app, content, now) if body["msg_type"] == "interactive" else None
        root, above, thread = self._place(parent, in_thread=body.get("reply_in_thread") is True)
        message = Message(
            id=self._desk.new_id("om_"),
            app_id=app.app_id,
            sender_id=app.app_id,
            chat=chat,
            msg_type=body["msg_type"],
            content=body["content"],
            at=now,
            updated_at=now,
            root_id=root,
            parent_id=above,
            thread_id=thread,
        )
        self.known[message.id] = message
        if uuid:
            self._uuids[app.app_id, uuid] = (message, now)
        sent = self._as_sent(message, content, parent, uuid, now)
        if message.msg_type == "interactive":
            self._cards.lay(card, sent, now)
        else:
            self._desk.send(sent)
        return self._told(message)

    def _place(self, parent: Message | None, *, in_thread: bool) -> tuple[str, str, str]:
        """Where a reply stands: its root, its parent, and its thread if it is in one."""
        if parent is None:
            return "", "", ""
        root = parent.root_id or parent.id
        if in_thread and not parent.thread_id:
            parent.thread_id = self._desk.new_id("omt_")
        return root, root if parent.thread_id else parent.id, parent.thread_id

    def _as_sent(self, message: Message, content: Data, parent: Message | None, uuid: str, now: float) -> Sent:
        return Sent(
            at=now,
            app_id=message.app_id,
            chat_id=message.chat.id,
            message_id=message.id,
            msg_type=message.msg_type,
            text=text_of(message.msg_type, content),
            content=content,
            reply_to=parent.id if parent else "",
            in_thread=bool(message.thread_id),
            uuid=uuid,
        )

    def _checked(self, app: App, body: Data) -> Mapping[str, Any]:
        """The content of a message, which is as it should be."""
        content = read_content(body.get("msg_type"), body.get("content"))
        if found_in([body["content"]], self._desk.rules.unsafe_words):
            raise Refused(UNSAFE, "The messages do NOT pass the audit.")
        if body["msg_type"] in KEYS or body["msg_type"] == "post":
            for key in keys_in(content):
                self._files.check_shown(app, key, body["msg_type"])
        return content

    def _received(self, call: Call, now: float) -> tuple[App, Data]:
        """Who calls, and what the call says."""
        return self._enabled(call, now), body_of(call)

    def _enabled(self, call: Call, now: float) -> App:
        app = self._desk.app(call, now)
        if app.app_id in self.disabled:
            raise Refused(BOT_DISABLED, "Bot ability is not activated.")
        return app

    def _own(self, app: App, call: Call) -> Message:
        """The message that the call is about, which is the bot's own and still there."""
        message = self.find(app, call.names["message_id"])
        if message.app_id != app.app_id:
            raise Refused(NOT_OURS, "No permission: the message is not the bot's.")
        if message.recalled:
            raise Refused(RECALLED, "The message is recalled.")
        return message

    def _check_chat(self, app: App, chat: Chat) -> None:
        if chat.app_id not in ("", app.app_id) or chat.id in self._desk.gateway.directory.closed_chats:
            raise Refused(NOT_IN_CHAT, "The bot can not be outside the group.")

    def _check_rate(self, place: str, now: float) -> None:
        if not self._desk.limits.use_second(place, "message", self._desk.rules.chat_rate, now):
            raise Refused(MESSAGES_THROTTLED, "This operation triggers the frequency limit.")

    def _told(self, message: Message) -> Data:
        milliseconds = self._desk.milliseconds
        return message.told(milliseconds(message.at), milliseconds(message.updated_at))


def is_shared(card: Mapping[str, Any]) -> bool:
    """Whether everybody sees the same card, by what it says itself."""
    config = card.get("config")
    return isinstance(config, Mapping) and config.get("update_multi") is True
