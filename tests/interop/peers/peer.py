"""A bot on the official Python SDK: ``peer.py CLIENT_ID CLIENT_SECRET HANDLERS``. The SDK has a variable for the URL.

It says in lines of JSON what it was given, and runs until its standard input ends. What a person writes may tell it how
to behave: ``bot: silent 2`` (leave the first two deliveries of this message without an acknowledgement), ``bot: reply``
(through the session webhook), ``bot: card`` (in a card that grows), ``bot: hold`` (keep back the acknowledgement until
somebody writes ``bot: release``).
"""

from __future__ import annotations

import asyncio
import collections
import json
import logging
import os
import sys
import threading
from typing import Any

import dingtalk_stream as sdk

OK = sdk.AckMessage.STATUS_OK
FAILED = sdk.AckMessage.STATUS_SYSTEM_EXCEPTION
CARD_ANSWER = {"cardData": {"cardParamMap": {"a": "1"}}}


def say(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def hear(message: sdk.CallbackMessage | sdk.EventMessage) -> None:
    say(got=message.headers.topic, key=message.headers.message_id, data=message.data)


class LogLines(logging.Handler):
    """The SDK tells its troubles to its log alone, now and then with arguments that its text has no place for."""

    def emit(self, record: logging.LogRecord) -> None:
        say(log=str(record.msg) if record.exc_info else record.getMessage())


class Robot(sdk.ChatbotHandler):
    def __init__(self) -> None:
        super().__init__()
        self.deliveries: collections.Counter[str] = collections.Counter()
        self.released = asyncio.Event()

    async def process(self, message: sdk.CallbackMessage) -> tuple[int, Any]:
        hear(message)
        match message.data:
            case {"text": {"content": str(text)}, "msgId": msg_id}:
                await self.obey(text.split(), msg_id, message.data)
        return OK, "OK"

    async def obey(self, words: list[str], msg_id: str, data: dict[str, Any]) -> None:
        match words:
            case ["bot:", "silent", times]:
                self.deliveries[msg_id] += 1
                if self.deliveries[msg_id] <= int(times):
                    raise RuntimeError("silent, as told")
            case ["bot:", "reply"]:
                say(replied=self.reply_text("pong", sdk.ChatbotMessage.from_dict(data)))
            case ["bot:", "card"]:
                card = self.ai_markdown_card_start(sdk.ChatbotMessage.from_dict(data), title="A title")
                card.ai_streaming("Hel")
                card.ai_streaming("lo", append=True)
                card.ai_finish("Hello, you")
            case ["bot:", "hold"]:
                await self.released.wait()
            case ["bot:", "release"]:
                self.released.set()


class Delegate(sdk.AsyncChatbotHandler):
    def process(self, message: sdk.CallbackMessage) -> None:
        hear(message)


class Card(sdk.CallbackHandler):
    async def process(self, message: sdk.CallbackMessage) -> tuple[int, Any]:
        hear(message)
        return OK, CARD_ANSWER


class Graph(sdk.GraphHandler):
    async def process(self, message: sdk.CallbackMessage) -> tuple[int, Any]:
        hear(message)
        return OK, self.get_success_response({"ok": True}).to_dict()


class Events(sdk.EventHandler):
    def __init__(self) -> None:
        super().__init__()
        self.put_off: set[str] = set()

    async def process(self, event: sdk.EventMessage) -> tuple[int, Any]:
        hear(event)
        if event.headers.event_type == "come_later" and event.headers.event_id not in self.put_off:
            self.put_off.add(event.headers.event_id)
            return FAILED, "LATER"
        return OK, "OK"


class Raising(sdk.CallbackHandler, sdk.EventHandler):
    async def process(self, message: Any) -> tuple[int, Any]:
        raise RuntimeError("raising, as told")


class Failing(sdk.CallbackHandler, sdk.EventHandler):
    async def process(self, message: Any) -> tuple[int, Any]:
        return FAILED, "error"


class FailingEvents(sdk.EventHandler):
    async def process(self, event: sdk.EventMessage) -> tuple[int, Any]:
        return FAILED, "LATER"


ROBOT = sdk.ChatbotMessage.TOPIC
DELEGATE = sdk.ChatbotMessage.DELEGATE_TOPIC
CARD = sdk.CallbackHandler.TOPIC_CARD_CALLBACK
GRAPH = sdk.GraphMessage.TOPIC
EVENTS = "*"

HANDLERS: dict[str, dict[str, type]] = {
    "full": {EVENTS: Events, ROBOT: Robot, CARD: Card, DELEGATE: Delegate, GRAPH: Graph},
    "robot_only": {ROBOT: Robot},
    "base_handlers": {EVENTS: sdk.EventHandler, ROBOT: sdk.ChatbotHandler, CARD: sdk.CallbackHandler},
    "none": {},
    "raises": {EVENTS: Raising, ROBOT: Raising, CARD: Raising, DELEGATE: Delegate, GRAPH: Graph},
    "code500": {EVENTS: FailingEvents, ROBOT: Failing, CARD: Failing, DELEGATE: Delegate, GRAPH: Graph},
}


def leave_with_standard_input() -> None:
    sys.stdin.read()
    os._exit(0)  # the SDK's own way to end is to be interrupted, and it waits three seconds then


def main(client_id: str, client_secret: str, handlers: str) -> None:
    logging.basicConfig(handlers=[LogLines()], level=logging.INFO)
    threading.Thread(target=leave_with_standard_input, daemon=True).start()
    client = sdk.DingTalkStreamClient(sdk.Credential(client_id, client_secret))
    for topic, handler in HANDLERS[handlers].items():
        if topic == EVENTS:
            client.register_all_event_handler(handler())
        else:
            client.register_callback_handler(topic, handler())
    asyncio.run(client.start())


if __name__ == "__main__":
    main(*sys.argv[1:])
