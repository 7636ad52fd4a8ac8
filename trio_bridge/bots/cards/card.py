"""One card: made, shown, growing, and brought to its end.

1. Whoever writes the answer waits for none of this: a task of the card's own sends the newest text.
2. What is shown on the way may be lost; the next text holds it too. What is shown in the end may not: the outbox tries
   again until it is.
3. A card that can't be made or shown is no misfortune: the answer goes as a message, whole.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Final, Literal

import attrs
import trio

from ...engine.bell import Bell
from ...errors import BridgeError, NotSent
from ..cutting import divided
from .seam import PlatformCard, PlatformCards, Result, Verdict

Stage = Literal["new", "shown", "growing", "ended", "absent"]

TRIES: Final = 5
"""Calls to make a card and to show it, when the platform is busy."""
LONGEST_TRY: Final = 20.0
"""Seconds after which neither is tried again: where calls hang, people wait for an answer that can go as a message."""
PATIENCE: Final = 1.0
"""Seconds that the end of a card waits for its beginning before it is tried later."""
FITS: Final = 3000
"""Characters of a card, for when a platform says that a text is too large and no longer one was taken."""
AGAIN: Final = frozenset[Verdict]({"again"})
"""What another try may cure."""
KEYED_AGAIN: Final = frozenset[Verdict]({"again", "unknown"})
"""The same where a second time does no harm."""
ELSEWHERE: Final = "↓"
"""Shown by a card of which nobody knows whether it is shown: its answer follows."""
UNSAFE: Final = "⚠"
"""Shown by a card whose answer the platform would not show."""


@attrs.frozen
class Manner:
    """How cards grow: the shortest time between two updates of a card, and how many it gets at most."""

    interval: float
    most_updates: int


class Card:
    """The calls about one card, one after another. ``stage`` says how far it is."""

    def __init__(self, face: PlatformCard, cards: PlatformCards, manner: Manner, stage: Stage = "new") -> None:
        self.face = face
        self.stage: Stage = stage
        self.made = trio.Event()
        """It is known whether there is a card."""
        if stage != "new":
            self.made.set()
        self.trouble: Result | None = None
        """Why there is no card, or why it no longer grows."""
        self.may_look_busy = False
        """Nobody knows whether it is shown, and it could not be told to rest."""
        self._cards = cards
        self._manner = manner
        self._calling = trio.StrictFIFOLock()
        self._updates = 0
        self._shown = ""
        self._next_at = float("-inf")
        self._fitted = 0

    # Making it.

    async def make(self, text: str, keep: Callable[[], Awaitable[None]]) -> bool:
        """Make it and show it, if that has not been tried. Returns whether there is a card that people see.

        What is known of it then is kept before anybody can see it. Where that fails there is no card.
        """
        async with self._calling:
            if self.stage == "new":
                try:
                    made = await self._made(text, keep)
                except BridgeError:
                    self.give_up()
                    raise
                self.stage = "shown" if made.verdict == "ok" else "absent"
                self.trouble = None if self.stage == "shown" else made
                self._shown = text
                self.made.set()
        return self.stage != "absent"

    async def _made(self, text: str, keep: Callable[[], Awaitable[None]]) -> Result:
        made = await self._patiently(lambda: self.face.create(text), AGAIN)
        if made.verdict != "ok":
            return made
        await keep()
        again = KEYED_AGAIN if self._cards.is_keyed else AGAIN
        delivered = await self._patiently(self.face.deliver, again)
        if delivered.verdict == "unknown":
            # It may be seen, and then must not look busy. The answer goes as a message, to be seen for certain.
            closed = await self.face.close(ELSEWHERE, failed=False)
            self.may_look_busy = closed.verdict != "ok"
        return delivered

    def give_up(self) -> None:
        """There is to be no card after all."""
        self.stage = "absent"
        self.made.set()

    # Growing.

    async def grow(self, text: Callable[[], str], grown: Bell, over: trio.Event) -> None:
        """Show the newest text again and again, until it is over. Ends by itself when the card takes no more."""
        while not over.is_set() and self._takes_more:
            await grown.wait()
            await trio.sleep_until(self._next_at)
            await self._cards.wait_turn()
            async with self._calling:
                if not over.is_set():
                    await self._show(text())

    async def pause(self, mark: str) -> None:
        """Have a card that looks busy say why it is not. It may go on later."""
        async with self._calling:
            if self.stage == "growing" or (self.stage == "shown" and not self._shown):
                text = f"{self._shown}\n\n{mark}" if self._shown else mark
                await self.face.close(text, failed=True, hasty=True)

    @property
    def _takes_more(self) -> bool:
        return self.stage in ("shown", "growing") and self.trouble is None and self._updates < self._manner.most_updates

    async def _show(self, text: str) -> None:
        if not text or text == self._shown or not self._takes_more:
            return
        result = await self.face.grow(text, first=self.stage == "shown")
        self._updates += 1
        self._next_at = trio.current_time() + self._manner.interval
        if result.verdict == "ok":
            self.stage = "growing"
            self._shown, self._fitted = text, len(text)
        elif result.verdict not in AGAIN:
            self.trouble = result

    # Ending.

    async def end(self, text: str, *, failed: bool) -> int | None:
        """Show the whole answer for good. Returns how many characters it took; ``None``: people don't see it there.

        It is there, and looks busy, where ``stage`` is not ``ended`` then.

        Raises what :meth:`~trio_bridge.engine.platform.Platform.send` does.
        """
        with trio.move_on_after(PATIENCE) as patience:
            await self.made.wait()
        if patience.cancelled_caught:  # Others have something to send, too.
            raise NotSent("its card is not made yet", retry_after=PATIENCE)
        async with self._calling:
            return None if self.stage == "absent" else await self._end(text, failed=failed)

    async def _end(self, text: str, *, failed: bool) -> int | None:
        taken = self._cards.room(text)
        part, _ = divided(text, taken)
        result = await self.face.show_whole(part, failed=failed)
        if result.verdict == "too_large":
            taken = self._cards.first_part(text, min(self._fitted or FITS, taken // 2))
            part, _ = divided(text, taken)
            result = await self.face.show_whole(part, failed=failed)
        seen = result.verdict == "ok"
        if result.verdict != "used_up":  # Whatever else is wrong, the text may still be set.
            self._look_at(result)
            result = await self.face.close(part, failed=failed)
            self._look_at(result)
        if result.verdict == "ok":
            self.stage = "ended"
        else:
            self.trouble = result
        return taken if seen or self.stage == "ended" else None

    def _look_at(self, result: Result) -> None:
        if result.verdict in AGAIN or result.verdict == "unsafe":
            raise result.raised()

    async def reject(self) -> None:
        """The platform will not show the answer: the card says so."""
        await self.made.wait()
        async with self._calling:
            await self.face.show_whole(UNSAFE, failed=True)
            await self.face.close(UNSAFE, failed=True)
            self.stage = "ended"

    async def _patiently(self, call: Callable[[], Awaitable[Result]], again: Collection[Verdict]) -> Result:
        """Make a call again while the platform is busy, some times."""
        limit = trio.current_time() + LONGEST_TRY
        for _ in range(TRIES - 1):
            result = await call()
            if result.verdict not in again or trio.current_time() >= limit:
                return result
            await trio.sleep(max(1.0, min(result.retry_after or 0.0, 5.0)))
        return await call()
