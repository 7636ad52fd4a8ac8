"""Robot messages as DingTalk words them."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from ..platforms.dingtalk.gateway.frames import Letter, letter_of
from ..platforms.dingtalk.gateway.model import App

CORPORATION = "dingsimulatedcorp0001"
TITLE = "Team"


@attrs.frozen(kw_only=True)
class Scene:
    """Who speaks to whom, where and when."""

    app: App
    base_url: str
    sender: str
    conversation: str | None
    """The cid of a group; ``None`` for a direct conversation."""
    mention: bool
    at_ms: int
    session_life: float


def robot_data(scene: Scene, text: str, *, msg_id: str, session: str) -> dict[str, Any]:
    """The data of a text message, with every field that the platform sends."""
    bot = _opaque(scene.app.client_id)
    data: dict[str, Any] = {
        "conversationId": scene.conversation or direct_conversation(scene.app.client_id, scene.sender),
        "chatbotCorpId": CORPORATION,
        "chatbotUserId": bot,
        "msgId": msg_id,
        "senderNick": scene.sender.capitalize(),
        "isAdmin": False,
        "senderStaffId": scene.sender,
        "sessionWebhookExpiredTime": scene.at_ms + int(scene.session_life * 1000),
        "createAt": scene.at_ms - 200,
        "senderCorpId": CORPORATION,
        "conversationType": "1" if scene.conversation is None else "2",
        "senderId": _opaque(scene.sender),
        "sessionWebhook": f"{scene.base_url}/robot/sendBySession?session={session}",
        "robotCode": scene.app.robot_code,
        "senderPlatform": "Win",
        "msgtype": "text",
    }
    if scene.conversation is not None:
        at_users = [{"dingtalkId": bot}] if scene.mention else []
        data |= {"conversationTitle": TITLE, "isInAtList": scene.mention, "atUsers": at_users}
        text = f" {text}" if scene.mention else text  # a space stands where the mention was
    return data | {"text": {"content": text}}


def direct_conversation(client_id: str, sender: str) -> str:
    """The cid of the direct conversation of a person with the robot of an app."""
    return "cid" + _base64(f"{client_id}/{sender}")


def new_msg_id(rng: random.Random) -> str:
    return "msg" + base64.b64encode(rng.randbytes(16)).decode()


def new_session(rng: random.Random) -> str:
    return rng.randbytes(16).hex()


def stamp(scene: Scene, rng: random.Random) -> Callable[[str], Letter]:
    """Makes letters that differ in their text, msgId and session alone: many in a short time.

    The text must need no escapes in JSON.
    """
    model = robot_data(scene, "@text@", msg_id="@msgId@", session="@session@")
    letter = letter_of(model)
    before, _, rest = letter.data.partition("@msgId@")
    between, _, rest = rest.partition("@session@")
    last, _, after = rest.partition("@text@")

    def make(text: str) -> Letter:
        msg_id, session = new_msg_id(rng), new_session(rng)
        data = f"{before}{msg_id}{between}{session}{last}{text}{after}"
        return Letter(data=data, key=msg_id, conversation=letter.conversation, place=letter.place, session=session)

    return make


def merged(data: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The data with other values for some fields; a field whose value is ``None`` is left out."""
    return {name: value for name, value in {**data, **changes}.items() if value is not None}


def _opaque(name: str) -> str:
    return "$:LWCP_v1:$" + _base64(name)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
