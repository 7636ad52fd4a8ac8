"""Events as Feishu words them, in schema 2.0 and in 1.0."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Literal

import attrs

from ..platforms.feishu.gateway.directory import Chat, Person
from ..platforms.feishu.gateway.letters import MESSAGE, OLD_MESSAGE, as_object, encode
from ..platforms.feishu.gateway.model import App

TENANT = "2ca1d211f64f6438"
OUTSIDE = "Mozilla/5.0 (Windows NT 10.0; WOW64) LarkLocale/en_US Feishu/7.9.5"

Schema = Literal["2.0", "1.0"]
Changes = Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Scene:
    """Who speaks to whom, where and when."""

    app: App
    person: Person
    open_id: str
    """The person, as the app knows them."""
    chat: Chat
    mention: bool
    """Whether a message in a group mentions the bot."""
    at: float
    """Wall time."""

    @property
    def who(self) -> dict[str, Any]:
        """All ids of the person."""
        return {"union_id": self.person.union_id, "user_id": self.person.user_id, "open_id": self.open_id}

    @property
    def mentions_bot(self) -> bool:
        return self.mention and self.chat.kind != "p2p"


def message_event(
    scene: Scene, kind: str, content: str, *, rng: random.Random, schema: Schema = "2.0"
) -> dict[str, Any]:
    """A message of this kind to the bot: ``content`` as the platform writes it."""
    if schema == "1.0":
        return _old_message(scene, kind, content, rng)
    stamp = str(int(scene.at * 1000))
    message: dict[str, Any] = {
        "chat_id": scene.chat.id,
        "chat_type": scene.chat.kind,
        "content": content,
        "create_time": stamp,
        "message_id": new_id("om_", rng),
        "message_type": kind,
        "update_time": stamp,
        "user_agent": OUTSIDE,
    }
    if scene.mentions_bot:
        bot = {"union_id": f"on_of_{scene.app.bot_open_id[3:]}", "user_id": "", "open_id": scene.app.bot_open_id}
        mention = {"key": "@_user_1", "id": bot, "mentioned_type": "bot", "name": scene.app.name, "tenant_key": TENANT}
        message["mentions"] = [mention]
    sender = {"sender_id": scene.who, "sender_type": "user", "tenant_key": TENANT}
    return enveloped(scene.app, MESSAGE, {"message": message, "sender": sender}, at=scene.at, rng=rng)


def text_content(scene: Scene, text: str) -> str:
    """What a person typed, with the mention of the bot where there is one."""
    return encode({"text": f"@_user_1 {text}" if scene.mentions_bot else text})


def press_event(
    scene: Scene, value: Any, *, message_id: str, token: str, rng: random.Random, action: Changes | None = None
) -> dict[str, Any]:
    """The press of a button, or another ``action``, on the card in a message."""
    body = {
        "operator": {**scene.who, "tenant_key": TENANT},
        "token": token,
        "action": {"tag": "button", "timezone": "Asia/Shanghai"} | ({} if value is None else {"value": value}),
        "host": "im_message",
        "context": {"open_message_id": message_id, "open_chat_id": scene.chat.id},
    }
    event = enveloped(scene.app, "card.action.trigger", body, at=scene.at, rng=rng)
    event["header"]["create_time"] = str(int(scene.at * 1_000_000))  # callbacks have microseconds
    return merged(event, {"event": {"action": action or {}}})


def enveloped(app: App, event_type: str, body: Mapping[str, Any], *, at: float, rng: random.Random) -> dict[str, Any]:
    """An event of schema 2.0."""
    header = {
        "event_id": new_id("", rng),
        "event_type": event_type,
        "create_time": str(int(at * 1000)),
        "token": "",
        "app_id": app.app_id,
        "tenant_key": TENANT,
    }
    return {"schema": "2.0", "header": header, "event": dict(body)}


def new_id(prefix: str, rng: random.Random) -> str:
    return f"{prefix}{rng.getrandbits(128):032x}"


def merged(whole: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
    """The same with other values where the changes have some, however deep; what is ``None`` there is left out."""
    result = dict(whole)
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(result.get(name), Mapping):
            result[name] = merged(result[name], value)
        else:
            result[name] = value
    return result


def _old_message(scene: Scene, kind: str, content: str, rng: random.Random) -> dict[str, Any]:
    typed = str(as_object(content).get("text", ""))
    mention = f'<at open_id="{scene.app.bot_open_id}">@{scene.app.name}</at>'
    event = {
        "type": OLD_MESSAGE,
        "app_id": scene.app.app_id,
        "tenant_key": TENANT,
        "root_id": "",
        "parent_id": "",
        "open_chat_id": scene.chat.id,
        "chat_type": "private" if scene.chat.kind == "p2p" else "group",
        "msg_type": kind,
        "open_id": scene.open_id,
        "employee_id": scene.person.user_id,
        "union_id": scene.person.union_id,
        "open_message_id": new_id("om_", rng),
        "is_mention": scene.mentions_bot,
        "text": typed.replace("@_user_1", mention),
        "text_without_at_bot": typed.replace("@_user_1", ""),
    }
    return {"uuid": new_id("", rng), "token": "", "ts": f"{scene.at:.6f}", "type": "event_callback", "event": event}
