"""The server side of taking messages back: for 24 hours, by the key that the send was answered with."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ....gateways.calls import Call
from .desk import Desk, Reply, Route, body_of, group_of, words_of
from .model import App

FROM_PEOPLE = "/v1.0/robot/otoMessages/batchRecall"
FROM_GROUP = "/v1.0/robot/groupMessages/recall"

MOST_KEYS = 20
LIFE = 86400.0
"""Seconds for which a message can be taken back."""


@attrs.frozen
class Message:
    """What was sent with one call. ``group`` is empty for people."""

    key: str
    at: float
    client_id: str
    group: str
    text: str = attrs.field(repr=False)


class Recalls:
    """Which messages can be taken back, and which were."""

    def __init__(self, desk: Desk) -> None:
        self.recalled: list[Message] = []
        """What nobody sees any more, in order."""
        self._desk = desk
        self._messages: dict[str, Message] = {}

    def new_key(self, app: App, text: str, now: float, *, group: str = "") -> str:
        """The key of a message that was just sent."""
        key = f"pqk-{self._desk.calls.total():08d}"
        self._messages[key] = Message(key, now, app.client_id, group, text)
        return key

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Who carries out which call."""
        return {("POST", FROM_PEOPLE): self._from_people, ("POST", FROM_GROUP): self._from_group}

    def _from_people(self, call: Call, now: float) -> Reply:
        return self._take_back(call, now, "")

    def _from_group(self, call: Call, now: float) -> Reply:
        return self._take_back(call, now, group_of(body_of(call)))

    def _take_back(self, call: Call, now: float, group: str) -> Reply:
        app, body = self._desk.app(call, now), body_of(call)
        self._desk.check_robot(app, body)
        keys = words_of(body, "processQueryKeys", most=MOST_KEYS, what="keys")
        failed: dict[str, str] = {}
        for key in keys:
            message = self._messages.get(key)
            if message is None or (message.client_id, message.group) != (app.client_id, group):
                failed[key] = "no such message"
            elif now >= message.at + LIFE:
                failed[key] = "more than 24 hours old"
            elif message in self.recalled:
                failed[key] = "recalled already"
            else:
                self.recalled.append(message)
        return {"successResult": [key for key in keys if key not in failed], "failedResult": failed}
