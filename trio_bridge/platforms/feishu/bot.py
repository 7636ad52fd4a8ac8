"""Who the bot is: its open id, by which a mention of it is known from a mention of anybody else."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Any, Final

import attrs
import trio

from ...backoff import Backoff
from ...engine.store import AccountStore
from ...errors import BridgeError, RemoteProtocolError, StoreUnavailable
from ...wire.jsontext import word
from .config import Feishu
from .rest.codes import BOT, Outcome
from .rest.failures import failure
from .rest.rest import Rest

SCOPE: Final = "feishu.bot"
"""Of the small state."""

DAILY: Final = 86_400.0
RETRIES: Final = Backoff(first=2.0, cap=300.0, floor=1.0)

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class BotIdentity:
    """The bot of one app. Nobody waits for it: until it is known, no mention is known to be the bot's."""

    _config: Feishu
    _rest: Rest
    _store: AccountStore
    _rand: Callable[[], float] = random.random
    open_id: str = ""
    """Empty while unknown. It means the bot to its own app only."""
    name: str = ""

    async def load(self) -> None:
        """Know again what an earlier life of the account was told. Of another app, nothing.

        Raises:
          StoreUnavailable.
        """
        match await self._store.load(SCOPE):
            case {"app_id": self._config.app_id, "open_id": str(open_id), "name": str(name)}:
                self.open_id, self.name = open_id, name

    async def run(self) -> None:
        """Ask now and once a day, for as long as the account runs; after a failure sooner."""
        failures = 0
        while True:
            try:
                await self._ask()
            except BridgeError as error:
                delay = max(RETRIES.delay(failures, self._rand), getattr(error, "retry_after", None) or 0.0)
                failures += 1
                fields = {**self._config.labels, "error": str(error), "again_in": round(delay, 1)}
                log = logger.info if self.open_id else logger.warning
                log("the bot's own id was not told", extra=fields)
            else:
                failures, delay = 0, DAILY
            await trio.sleep(delay)

    async def _ask(self) -> None:
        outcome = await self._rest.call("GET", BOT)
        if outcome.category != "ok":
            raise failure(outcome)
        bot = bot_of(outcome)
        known = {"open_id": word(bot.get("open_id")), "name": word(bot.get("app_name"))}
        if not known["open_id"]:
            raise RemoteProtocolError("the bot has no open id in Feishu's answer")
        is_new = (known["open_id"], known["name"]) != (self.open_id, self.name)
        self.open_id, self.name = known["open_id"], known["name"]
        if is_new:
            await self._keep({"app_id": self._config.app_id, **known})

    async def _keep(self, known: dict[str, Any]) -> None:
        """What can't be kept is asked for at the next start."""
        try:
            await self._store.save(SCOPE, known)
        except StoreUnavailable as error:
            logger.warning("the bot's own id was not kept", extra={**self._config.labels, "error": str(error)})


def bot_of(outcome: Outcome) -> dict[str, Any]:
    """What the answer says of the bot; an empty object where it says nothing."""
    bot = outcome.payload.get("bot")
    return bot if isinstance(bot, dict) else {}
