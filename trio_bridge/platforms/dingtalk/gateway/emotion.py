"""The server side of emotions: the small mark that a robot puts on a message, and takes off again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from ....gateways.calls import Call
from .desk import Desk, Reply, Route, body_of, invalid, word_of

REPLY = "/v1.0/robot/emotion/reply"
RECALL = "/v1.0/robot/emotion/recall"

TEXT_EMOTION = 2
"""The type of an emotion that is a text on a background."""
_TEXT_FIELDS = ("emotionId", "emotionName", "text", "backgroundId")
_DONE: Reply = {"success": True}


@attrs.frozen
class Marked:
    """An emotion was put on a message, or taken off it."""

    at: float
    client_id: str
    msg_id: str
    name: str
    on: bool


class Emotions:
    """The emotions on all messages. One that is not there can be taken off: nothing changes."""

    def __init__(self, desk: Desk) -> None:
        self.history: list[Marked] = []
        """What was put on and taken off, in order."""
        self._desk = desk
        self._on: dict[str, dict[tuple[str, str], None]] = {}

    def on(self, msg_id: str) -> Sequence[str]:
        """The names of the emotions that the message has now, the oldest first."""
        return [name for _, name in self._on.get(msg_id, ())]

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Who carries out which call."""
        return {("POST", REPLY): self._reply, ("POST", RECALL): self._recall}

    def _reply(self, call: Call, now: float) -> Reply:
        mark = self._received(call, now, on=True)
        marks = self._on.setdefault(mark.msg_id, {})
        if (mark.client_id, mark.name) not in marks:
            marks[mark.client_id, mark.name] = None
            self.history.append(mark)
        return _DONE

    def _recall(self, call: Call, now: float) -> Reply:
        mark = self._received(call, now, on=False)
        marks = self._on.get(mark.msg_id, {})
        if (mark.client_id, mark.name) in marks:
            del marks[mark.client_id, mark.name]
            self.history.append(mark)
        return _DONE

    def _received(self, call: Call, now: float, *, on: bool) -> Marked:
        """What is wanted, if it is as it should be: the message is the app's, and lies in that conversation."""
        app, body = self._desk.app(call, now), body_of(call)
        self._desk.check_robot(app, body)
        message, conversation, name = (
            word_of(body, each) for each in ("openMsgId", "openConversationId", "emotionName")
        )
        if body.get("emotionType") == TEXT_EMOTION:
            text = body.get("textEmotion")
            if not isinstance(text, dict) or not all(isinstance(text.get(field), str) for field in _TEXT_FIELDS):
                raise invalid("textEmotion", f"expected {', '.join(_TEXT_FIELDS)}")
        elif not isinstance(body.get("emotionType"), int):
            raise invalid("emotionType", "expected a number")
        entry = self._desk.gateway.ledger.find(app.client_id, message)
        if entry is None:
            raise invalid("openMsgId", "there is no such message")
        if entry.pushed.letter.conversation != conversation:
            raise invalid("openConversationId", "the message is not in that conversation")
        return Marked(now, app.client_id, message, name, on)
