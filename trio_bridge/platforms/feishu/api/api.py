"""What an application can have an account do at Feishu, besides hearing messages and answering them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from ....bots.media.markers import FileKind
from ....bots.settings.policies import Directory
from ....engine.pairing import Pairing
from ....errors import RequestFailed
from ....messages import Attachment, PathLike, Reply
from ....transport.asgi import Application
from ..bot import bot_of
from ..cards.by_id import CardsById
from ..config import Feishu
from ..events.card_parts import Card
from ..events.shapes import as_objects
from ..media.downloads import Downloads
from ..media.uploads import Uploads
from ..rest.codes import BOT
from ..rest.rest import Rest, accepted, answer_of
from ..sending.contents import Content
from .health import Health
from .results import ApiStatus, Bot, Sent, StoredMessage, read_bot, read_stored
from .speaking import Sayable, Speaker, content_of_card

MESSAGE: Final = "/im/v1/messages/:message_id"


@attrs.define(eq=False, repr=False)
class FeishuApi:
    """Feishu, as the account may use it: ``account.api``.

    What is called here is done at once and once: nothing is kept for a restart, and nothing is sent again.
    :meth:`~trio_bridge.Account.send` is for what must arrive. Calls wait for their turn, as Feishu counts them.

    Each method raises:
      RequestFailed: Feishu says no. ``code`` is its number for why, ``details`` are scopes that the app lacks.
      RateLimited, NotSent, ConnectionLost, AccountRefused, ConfigError: it was not done now.
      OutcomeUnknown: it may have been done.
    """

    cards: CardsById
    """Cards that change after they were sent."""
    pairing: Pairing
    """Who asks to be heard, and who was let in, with ``dm_policy = "pairing"``."""
    webhook: Application | None = attrs.field(default=None, kw_only=True)
    """What hears Feishu's calls until the account stops; ``None`` where nobody calls. To mount it, have
    :func:`~trio_bridge.feishu.webhook`, which outlives restarts."""
    _config: Feishu
    _rest: Rest
    _speaker: Speaker
    _health: Health
    _downloads: Downloads
    _uploads: Uploads

    # Messages

    async def send(self, target: str, message: Sayable, *, title: str = "", key: str = "") -> Sent:
        """Say something in a chat (``oc_…``), or to a person (``ou_…``, ``on_…``, a mail address, a user id).

        A text is sent as :meth:`~trio_bridge.Account.send` would show it, in pieces if it is long, and files after it.
        A dict is the JSON of a card. What is sent with a ``key`` may be sent again with the same one within an hour,
        and is seen once: after :exc:`~trio_bridge.OutcomeUnknown`, for example.

        If nothing at all was sent, the reason is raised. Otherwise the result tells.
        """
        return await self._speaker.send(target, message, title, key)

    async def reply(
        self, message_id: str, message: Sayable, *, in_thread: bool = False, title: str = "", key: str = ""
    ) -> Sent:
        """Say something below a message (``om_…``); ``in_thread``: in a thread that begins with it.

        The rest is as with :meth:`send`.
        """
        return await self._speaker.reply(message_id, message, title, key, in_thread=in_thread)

    async def edit(self, message_id: str, message: str | Reply | Content) -> None:
        """Have a text or post of the bot's say something else. Feishu lets that be done a few times only, and cards are
        changed by :meth:`patch_card`. Harmless to repeat."""
        content = self._speaker.edited(message)
        body = {"msg_type": content.type, "content": content.json}
        await answer_of(self._rest.call("PUT", MESSAGE, body, ids=[message_id]), repeatable=True)

    async def delete(self, message_id: str) -> None:
        """Take back what the bot said. Harmless to repeat."""
        await answer_of(self._rest.call("DELETE", MESSAGE, ids=[message_id]), repeatable=True)

    async def message(self, message_id: str) -> tuple[StoredMessage, ...]:
        """A message as it is now, and behind it those that were forwarded in it."""
        answer = await answer_of(self._rest.call("GET", MESSAGE, ids=[message_id]), repeatable=True)
        return tuple(read_stored(item, self._health.bot_open_id) for item in as_objects(answer.get("items")))

    async def patch_card(self, message_id: str, card: Card) -> None:
        """Put another card in the place of one that was sent as JSON in the last 14 days, for everybody who sees it.

        Both have ``"config": {"update_multi": true}``. Harmless to repeat.
        """
        body = {"content": content_of_card(card).json}
        await answer_of(self._rest.call("PATCH", MESSAGE, body, ids=[message_id]), repeatable=True)

    # Files

    async def download(self, wanted: Attachment, to: PathLike | None = None) -> Path:
        """Fetch what an attachment refers to: the same as :meth:`~trio_bridge.Message.download`, without a message.

        Its ``source`` names ``message_id``, ``file_key``, and ``type``: ``image`` for pictures, ``file`` for the rest.
        """
        return await self._downloads.fetch(wanted, to)

    async def upload_image(self, path: PathLike) -> str:
        """Hand in a picture of this machine, and return its image key, for cards and messages that show it."""
        return await self._uploads.image(Path(path))

    async def upload_file(self, path: PathLike, *, kind: FileKind = "file", name: str = "") -> str:
        """Hand in a file of this machine, and return its file key, for messages that show it.

        It is kept as ``kind`` if it is that, by its content, and else as a file: a recording has to be in Opus, a video
        in MP4. ``name`` is what it is called instead of its own name.
        """
        return await self._uploads.file(Path(path), kind=kind, name=name)

    # The account itself

    async def bot(self) -> Bot:
        """Who the bot is, and whether it works."""
        return read_bot(bot_of(await accepted(self._rest.call("GET", BOT), repeatable=True)))

    def directory(self) -> Directory:
        """The people and the groups that the configuration names."""
        return self._config.directory()

    def status(self) -> ApiStatus:
        """How the account stands with Feishu. Nothing is asked for."""
        return self._health.status()

    # Everything else

    async def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        ids: Sequence[str] = (),
        params: Mapping[str, str | int] | None = None,
    ) -> Mapping[str, Any]:
        """Make any call of Feishu's API with the account's token, and return the answer, whole.

        ``path`` is what stands behind ``/open-apis``, as Feishu documents it; ``ids`` fill its gaps, in order::

            await api.call("GET", "/im/v1/chats/:chat_id", ids=["oc_…"])
        """
        if not path.startswith("/") or "?" in path or "#" in path:
            raise RequestFailed(f"{path!r} is no path of a call: expected /im/v1/…", code="bad_path")
        call = self._rest.call(method, path, body, ids=ids, params=params)
        return (await accepted(call, repeatable=method == "GET")).payload


def api_for(
    config: Feishu,
    rest: Rest,
    cards: CardsById,
    pairing: Pairing,
    downloads: Downloads,
    uploads: Uploads,
    health: Health,
    webhook: Application | None,
) -> FeishuApi:
    """The calls of one account."""
    return FeishuApi(
        cards=cards,
        pairing=pairing,
        webhook=webhook,
        config=config,
        rest=rest,
        speaker=Speaker(config, rest, uploads, health),
        health=health,
        downloads=downloads,
        uploads=uploads,
    )
