"""What bots on Feishu's official Python SDK do, however they come to hear: they say it in lines of JSON.

A message with «boom» in it makes the handler fail, one with «slow» keeps it busy. A press is answered with a toast.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

import lark_oapi as lark
from lark_oapi.event.callback.model.p2_card_action_trigger import P2CardActionTriggerResponse
from lark_oapi.event.callback.model.p2_url_preview_get import P2URLPreviewGetResponse

SLOW = 1.2
"""Seconds: longer than the simulator waits where this is tried."""
TOAST = {"toast": {"type": "info", "content": "ok 好"}}
PREVIEW = {"inline": {"title": "a page"}}


def say(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def obey(text: str) -> None:
    if "slow" in text:
        time.sleep(SLOW)
    if "boom" in text:
        raise RuntimeError("boom, as told")


def on_message(data: lark.im.v1.P2ImMessageReceiveV1) -> None:
    message = json.loads(lark.JSON.marshal(data.event.message))
    say(got="im.message.receive_v1", key=data.header.event_id, data=message)
    obey(message["content"])


def on_old_message(data: lark.CustomizedEvent) -> None:
    say(got="message", key=data.uuid, data=data.event)
    obey(data.event["text"])


def on_card(data: lark.cardkit.v1.Card) -> P2CardActionTriggerResponse:
    say(got="card.action.trigger", key=data.header.event_id, data=data.event.action.value)
    return P2CardActionTriggerResponse(TOAST)


def on_preview(data: Any) -> P2URLPreviewGetResponse:
    say(got="url.preview.get", key=data.header.event_id, data=data.event.context.url)
    return P2URLPreviewGetResponse(PREVIEW)


def dispatcher(handlers: str, encrypt_key: str = "", token: str = "") -> lark.EventDispatcherHandler:
    """``handlers``: «recorded», the two of which there are recordings, or «full»."""
    builder = lark.EventDispatcherHandler.builder(encrypt_key, token)
    builder.register_p2_im_message_receive_v1(on_message).register_p2_card_action_trigger(on_card)
    if handlers == "full":
        builder.register_p1_customized_event("message", on_old_message).register_p2_url_preview_get(on_preview)
    return builder.build()


def leave_with_standard_input() -> None:
    """End with whoever started it: the SDK itself never does."""

    def leave() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=leave, daemon=True).start()
