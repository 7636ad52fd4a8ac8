"""Who asks, and what that allows. What is then done is the manager's, and the same for everybody."""

from __future__ import annotations

import attrs

from .bots import BotManager
from .errors import BotUnknown, ControlDenied
from .status import BotStatus


@attrs.frozen
class Caller:
    """Somebody whom the application knows: whoever asks says nothing about it himself.

    ``owner`` is what the accounts of the caller's bots have as theirs. A bot without an owner is nobody's.
    """

    owner: str = attrs.field(validator=attrs.validators.min_len(1))
    may_control: bool = True
    """Whether the caller may start and stop bots, besides seeing them."""


@attrs.frozen
class Desk:
    """The manager as one caller sees it: nobody else's bots are there.

    Whose a bot is, is looked at in the same step in which the wish is noted: nothing can come between the two.
    """

    _manager: BotManager
    _caller: Caller

    async def connect(self, bot_id: str) -> BotStatus:
        """As :meth:`BotManager.connect`, for a bot of the caller's.

        Raises:
          BotUnknown: there is none of that id, or it is not the caller's.
          ControlDenied: the caller may only look.
          BotInvalid, BotConflict, StoreUnavailable: as there.
        """
        self._admit_control(bot_id)
        return await self._manager.connect(bot_id)

    async def disconnect(self, bot_id: str) -> BotStatus:
        """As :meth:`BotManager.disconnect`. Raises what :meth:`connect` does."""
        self._admit_control(bot_id)
        return await self._manager.disconnect(bot_id)

    async def wait_settled(self, bot_id: str) -> BotStatus:
        """As :meth:`BotManager.wait_settled`. Raises what :meth:`connect` does."""
        self._admit(bot_id)
        status = await self._manager.wait_settled(bot_id)
        self._admit(bot_id)  # it may have become somebody else's meanwhile
        return status

    def status(self, bot_id: str) -> BotStatus:
        """A bot of the caller's.

        Raises:
          BotUnknown: there is none of that id, or it is not the caller's.
        """
        self._admit(bot_id)
        return self._manager.status(bot_id)

    def statuses(self) -> list[BotStatus]:
        """All bots of the caller, by their ids."""
        return self._manager.statuses(self._caller.owner)

    def _admit(self, bot_id: str) -> None:
        if self._manager.owner_of(bot_id) != self._caller.owner:
            raise BotUnknown

    def _admit_control(self, bot_id: str) -> None:
        self._admit(bot_id)
        if not self._caller.may_control:
            raise ControlDenied
