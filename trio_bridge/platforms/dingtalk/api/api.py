"""What an application can have an account do at DingTalk, besides hearing messages and answering them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from ....bots.media.markers import FileKind
from ....bots.settings.policies import Directory
from ....engine.pairing import Pairing
from ....engine.ratelimit import TokenBucket
from ....engine.store import NOTHING
from ....errors import RequestFailed
from ....messages import Attachment, PathLike, Reply
from ..cards.by_id import CardsById
from ..config import DingTalk
from ..kinds import Kind
from ..media.downloads import Downloads
from ..media.uploads import Uploads
from ..rest import Rest
from ..robot import Robot
from ..targets import address
from ..writing import messages
from .docs import Docs
from .health import Health
from .results import ApiStatus, Probe, RecallResult, SendResult
from .sending import Speaker
from .users import Users


@attrs.define(eq=False, repr=False)
class DingTalkApi:
    """DingTalk, as the account may use it: ``account.api``.

    What is called here is done at once and once: nothing is kept for a restart, and nothing is sent again.
    :meth:`~trio_bridge.Account.send` is for what must arrive. Calls that send wait for their turn, as DingTalk counts
    them (``rate_limit``).
    """

    docs: Docs
    """Documents of the organisation."""
    users: Users
    """The ids of people."""
    pairing: Pairing
    """Who asks to be heard, and who was let in, with ``dm_policy = "pairing"``."""
    _config: DingTalk
    _speaker: Speaker
    _health: Health
    _downloads: Downloads
    _uploads: Uploads
    _cards: CardsById

    # Messages

    async def send_to_user(
        self, user_ids: str | Iterable[str], message: str | Reply | Kind, *, title: str = ""
    ) -> SendResult:
        """Say something to a person, or to each of many.

        A text is sent as :meth:`~trio_bridge.Account.send` would show it, in pieces if it is long; after a piece that
        failed nothing more is sent to whom it failed for. What becomes of it is told for each person; but if one alone
        was named, by a text and not by a list of them, and got nothing, then the reason is raised. ``title`` is for
        markdown that has none of its own.

        Raises:
          RequestFailed: there is nothing to send, or nobody to send it to; or DingTalk says no for good.
          RateLimited, NotSent, ConnectionLost, AccountRefused, ConfigError: it was not sent.
          OutcomeUnknown: it may have been sent.
        """
        parts = messages(message, title, self._config)
        alone = isinstance(user_ids, str)
        names = [user_ids] if isinstance(user_ids, str) else list(user_ids)
        if not names:
            raise RequestFailed("there is nobody to send to", code="empty")
        result = SendResult(delivered=await self._speaker.to_people(names, parts))
        if alone:
            _raise_if_nothing_was_sent(result)
        return result

    async def send_to_group(self, conversation_id: str, message: str | Reply | Kind, *, title: str = "") -> SendResult:
        """Say something in a group, in pieces if it is long; after a piece that failed nothing more is sent.

        Raises what :meth:`send_to_user` does if nothing at all was sent. Otherwise the result tells.
        """
        parts = messages(message, title, self._config)
        delivered = await self._speaker.to_group(conversation_id, parts)
        result = SendResult(delivered=(delivered,), conversation_id=conversation_id)
        _raise_if_nothing_was_sent(result)
        return result

    async def send(self, target: str, message: str | Reply | Kind, *, title: str = "") -> SendResult:
        """Say something to a person (``user:STAFF_ID``) or in a group (``group:cid…``, ``chat:cid…``).

        Without a kind before it, an id that begins with ``cid`` is a group's, every other one a person's.
        ``dingtalk:`` and its short forms may stand before all of it. Upper and lower case are part of an id.

        Raises what :meth:`send_to_user` does.
        """
        place = address(target)
        if place.kind == "group":
            return await self.send_to_group(place.id, message, title=title)
        return await self.send_to_user(place.id, message, title=title)

    async def recall(self, sent: SendResult | str | Iterable[str], *, conversation_id: str = "") -> RecallResult:
        """Take back what was sent less than 24 hours ago: what a send returned, or keys of it.

        With keys of a group's messages goes the group's ``conversation_id``.

        Raises:
          RequestFailed: DingTalk says no to all of it.
          RateLimited, NotSent, ConnectionLost, AccountRefused, ConfigError: nothing was taken back of what was left.
          OutcomeUnknown: it may have been. To take it back again does no harm.
        """
        if isinstance(sent, SendResult):
            return await self._speaker.recall(sent.process_query_keys, sent.conversation_id)
        return await self._speaker.recall([sent] if isinstance(sent, str) else sent, conversation_id)

    # Files

    async def download(self, wanted: Attachment | str, to: PathLike | None = None) -> Path:
        """Fetch what an attachment refers to, or the file for a download code.

        It is the same as :meth:`~trio_bridge.Message.download`, without a message.
        """
        return await self._downloads.fetch(wanted, to)

    async def upload(self, path: PathLike, *, kind: FileKind = "file", name: str = "") -> str:
        """Hand in a file of this machine, and return its media id, for messages that show it.

        It is kept as ``kind`` if it is that, by its content and the ending of its name, and else as a file: what may
        show it then is :class:`~trio_bridge.dingtalk.File`. ``name`` is what it is called instead of its own name.

        Raises:
          RequestFailed: it can't be read, is too large, or DingTalk says no to it.
          RateLimited, NotSent, ConnectionLost, AccountRefused, ConfigError: it was not taken now.
        """
        return await self._uploads.upload(Path(path), kind=kind, name=name)

    # Cards

    async def update_card(
        self,
        card: str,
        data: Mapping[str, Any] = NOTHING,
        *,
        private: Mapping[str, Mapping[str, Any]] = NOTHING,
    ) -> None:
        """Change what a card shows: ``data`` for everybody, ``private`` for one person each, by staff id.

        ``card`` is the ``outTrackId`` that it was made with. ``None`` is an empty text, and other values that are no
        text become JSON; what is not named stays as it is. Harmless to repeat.

        Raises:
          RequestFailed: DingTalk says no; there is no such card, for one.
          RateLimited, NotSent, AccountRefused: it was not changed now.
        """
        await self._cards.update(card, data, private)

    async def finish_card(self, card: str, text: str) -> None:
        """Bring a card that answers grow in to its end, whoever began it: one that looks busy for ever, for example.

        Raises what :meth:`update_card` does.
        """
        await self._cards.finish(card, text)

    # The account itself

    def directory(self) -> Directory:
        """The people and the groups that the configuration names."""
        return self._config.directory()

    def status(self) -> ApiStatus:
        """How the account stands with DingTalk. Nothing is asked for."""
        return self._health.status()

    async def probe(self) -> Probe:
        """Whether the credentials are good. DingTalk is asked at most every 10 minutes, after a no every minute.

        It takes 10 seconds at most, and touches neither the connection nor the tokens that are in use.
        """
        return await self._health.probe()


def api_for(
    config: DingTalk,
    rest: Rest,
    robot: Robot,
    downloads: Downloads,
    uploads: Uploads,
    pairing: Pairing,
    cards: CardsById,
    wall: Callable[[], float],
) -> DingTalkApi:
    """The calls of one account."""
    users = Users(rest)
    return DingTalkApi(
        docs=Docs(rest, users, TokenBucket(config.rate_limit, 1)),
        users=users,
        pairing=pairing,
        config=config,
        speaker=Speaker(robot),
        health=Health(config, rest, wall),
        downloads=downloads,
        uploads=uploads,
        cards=cards,
    )


def _raise_if_nothing_was_sent(result: SendResult) -> None:
    if not result.process_query_keys:
        result.check()
