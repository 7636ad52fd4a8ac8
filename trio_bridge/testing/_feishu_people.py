"""What people do at a simulated Feishu, and what else happens there: all of it is pushed to an app."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import trio

from ..platforms.feishu.gateway.callbacks import Callback
from ..platforms.feishu.gateway.desk import Sent
from ..platforms.feishu.gateway.fragments import Fragments
from ..platforms.feishu.gateway.gateway import Gateway
from ..platforms.feishu.gateway.ledger import Pushed
from ..platforms.feishu.gateway.letters import Kind, encode, letter_of
from ..platforms.feishu.gateway.model import App
from ._feishu_events import Changes, Scene, Schema, enveloped, merged, message_event, press_event, text_content
from ._feishu_server import FeishuServer

SOMEBODY = "ou_84aad35d084aa403a838cf73ee18467"
"""Who speaks, unless somebody else is named."""


class People:
    """Those who write to bots, send them files, and press their buttons."""

    _gateway: Gateway
    _server: FeishuServer
    _rng: random.Random

    async def say(
        self,
        text: str,
        *,
        sender: str = SOMEBODY,
        conversation: str | None = None,
        mention: bool = True,
        app_id: str | None = None,
        schema: Schema = "2.0",
        changes: Changes | None = None,
    ) -> Pushed:
        """Have a person write to the bot: directly, or in the group ``conversation`` (``oc_…``).

        ``sender`` is an open id of the person, as this or another app knows it. ``changes`` are laid over the payload,
        however deep; ``None`` as a value leaves a field out. ``app_id`` may be omitted while there is one app.
        """
        scene = self._scene(sender, conversation, mention, app_id)
        content = text_content(scene, text)
        return await self._utter(scene, "text", content, changes, schema)

    async def send(
        self,
        kind: str,
        content: Mapping[str, Any] | str,
        *,
        sender: str = SOMEBODY,
        conversation: str | None = None,
        mention: bool = True,
        app_id: str | None = None,
        changes: Changes | None = None,
    ) -> Pushed:
        """Have a person send a message of another kind: ``post``, ``image``, ``location``…"""
        scene = self._scene(sender, conversation, mention, app_id)
        written = content if isinstance(content, str) else encode(content)
        return await self._utter(scene, kind, written, changes, "2.0")

    async def send_file(
        self,
        content: bytes,
        name: str = "",
        *,
        sender: str = SOMEBODY,
        conversation: str | None = None,
        app_id: str | None = None,
    ) -> Pushed:
        """Have a person send a picture to the bot, or a file if it has a ``name``."""
        key = self._server.rest.files.put(content, name)
        shown = {"file_key": key, "file_name": name} if name else {"image_key": key}
        kind = "file" if name else "image"
        return await self.send(kind, shown, sender=sender, conversation=conversation, app_id=app_id)

    def push(
        self,
        payload: Mapping[str, Any] | bytes,
        *,
        kind: Kind = "event",
        fragments: Fragments | None = None,
        app_id: str | None = None,
    ) -> Pushed:
        """Push any payload, to one connection of the app; ``fragments``: cut like this."""
        pushed = self._gateway.push(self._app(app_id).app_id, letter_of(payload, kind), trio.current_time(), fragments)
        self._server.flush()
        return pushed

    def event(self, event_type: str, data: Mapping[str, Any], *, app_id: str | None = None) -> Pushed:
        """Push an event of any type."""
        app = self._app(app_id)
        return self.push(enveloped(app, event_type, data, at=self._now(), rng=self._rng), app_id=app.app_id)

    async def press(
        self,
        message: str | Sent,
        value: Any = None,
        *,
        sender: str = SOMEBODY,
        conversation: str | None = None,
        app_id: str | None = None,
        action: Changes | None = None,
        changes: Changes | None = None,
    ) -> Callback:
        """Have a person press a button of the card in a message, and return what they see then.

        ``value`` is the button's own; ``action`` is laid over the rest of it: ``form_value``, ``option``, another tag.
        """
        if isinstance(message, Sent):
            conversation = conversation or message.chat_id
            app_id, message = app_id or message.app_id, message.message_id
        scene = self._scene(sender, conversation, False, app_id)
        token = self._server.rest.updates.issue(scene.app.app_id, message, trio.current_time())
        event = press_event(scene, value, message_id=message, token=token, rng=self._rng, action=action)
        return await self._call_back(merged(event, changes or {}), scene.app)

    async def preview(
        self, url: str, *, sender: str = SOMEBODY, conversation: str | None = None, app_id: str | None = None
    ) -> Callback:
        """Have a person write a link that the app wants to show something of, and return what they see then."""
        scene = self._scene(sender, conversation, False, app_id)
        context = {
            "url": url,
            "open_chat_id": scene.chat.id,
            "preview_token": f"{self._rng.getrandbits(64):x}",
        }
        body = {"operator": scene.who, "host": "im_message", "context": context}
        event = enveloped(scene.app, "url.preview.get", body, at=scene.at, rng=self._rng)
        return await self._call_back(event, scene.app)

    # Inside.

    def _app(self, app_id: str | None) -> App:
        apps = self._gateway.directory.apps
        if app_id is None and len(apps) != 1:
            raise LookupError(f"{len(apps)} apps: say which one with app_id")
        return next(iter(apps.values())) if app_id is None else apps[app_id]

    def _now(self) -> float:
        return self._gateway.epoch + trio.current_time()

    def _scene(self, sender: str, conversation: str | None, mention: bool, app_id: str | None) -> Scene:
        app = self._app(app_id)
        person = self._gateway.directory.whoever(app.app_id, sender)
        chat = (
            self._gateway.directory.direct_chat(app.app_id, person)
            if conversation is None
            else self._gateway.directory.chat(conversation)
        )
        open_id = self._gateway.directory.open_id(app.app_id, person)
        return Scene(app=app, person=person, open_id=open_id, chat=chat, mention=mention, at=self._now())

    async def _utter(self, scene: Scene, kind: str, content: str, changes: Changes | None, schema: Schema) -> Pushed:
        event = message_event(scene, kind, content, rng=self._rng, schema=schema)
        pushed = self.push(merged(event, changes or {}), app_id=scene.app.app_id)
        await trio.lowlevel.checkpoint()
        return pushed

    async def _call_back(self, event: Mapping[str, Any], app: App) -> Callback:
        pushed = self.push(event, app_id=app.app_id)
        callback = self._gateway.deliveries.callbacks[pushed.number]
        await self._server.wait_until(lambda: callback.code is not None)
        return callback
