"""One card: made, shown, growing, and brought to its end.

1. Whoever writes the answer waits for none of this: a task of the card's own sends the newest text.
2. What is shown on the way may be lost; the next text holds it too. What is shown in the end may not: the outbox tries
   again until it is.
3. A card that can't be made or shown is no misfortune: the answer goes as a message, whole.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Literal

import attrs
import trio

from ....bots.fences import fence_after, marks_of
from ....engine.bell import Bell
from ....errors import NotSent, RequestFailed
from ..codes import Category, Outcome
from ..failures import describe, failure
from ..targets import Target
from ..text import cut
from .calls import DONE, FAILED, GROWING, CardCalls
from .look import for_card

Stage = Literal["new", "shown", "growing", "ended", "absent"]

TRIES: Final = 5
"""Calls to make a card and to show it, when DingTalk is busy."""
LONGEST_TRY: Final = 20.0
"""Seconds after which neither is tried again: where calls hang, people wait for an answer that can go as a message."""
PATIENCE: Final = 1.0
"""Seconds that the end of a card waits for its beginning before it is tried later."""
FITS: Final = 3000
"""Characters of a card that DingTalk advises, for when it says that a text is too large and no longer one was taken."""
AGAIN: Final = frozenset[Category]({"throttled", "retry", "transient_config", "refresh_token"})
"""What another try may cure."""
NO_TEXT: Final = "…"
"""An empty text is refused: shown by a card whose answer is empty."""
ELSEWHERE: Final = "↓"
"""Shown by a card of which nobody knows whether it is shown: its answer follows."""
UNSAFE: Final = "⚠"
"""Shown by a card whose answer DingTalk would not show."""


@attrs.frozen
class Manner:
    """How cards grow: see :class:`~..settings.cards.CardSettings`."""

    interval: float
    most_updates: int


class Rejected(RequestFailed):
    """What was to be shown is not allowed to be."""


class Card:
    """The calls about one card, one after another. ``stage`` says how far it is."""

    def __init__(self, id: str, target: Target, calls: CardCalls, manner: Manner, stage: Stage = "new") -> None:  # noqa: A002
        self.id = id
        self.stage: Stage = stage
        self.made = trio.Event()
        """It is known whether there is a card."""
        if stage != "new":
            self.made.set()
        self.trouble: Outcome | None = None
        """Why there is no card, or why it no longer grows."""
        self._target = target
        self._calls = calls
        self._manner = manner
        self._calling = trio.StrictFIFOLock()
        self._updates = 0
        self._shown = ""
        self._next_at = float("-inf")
        self._fitted = 0

    # Making it.

    async def make(self, text: str = "") -> bool:
        """Make it and show it, if that has not been tried. Returns whether there is a card that people see."""
        async with self._calling:
            if self.stage == "new":
                created = await self._patiently(lambda: self._calls.create(self.id, text))
                if created.category in ("ok", "ok_if_ours"):
                    created = await self._patiently(lambda: self._calls.deliver(self.id, self._target))
                if created.category == "unknown_outcome":
                    # It may be seen, and then must not look busy. The answer goes as a message, to be seen for certain.
                    await self._calls.set_flow(self.id, DONE, ELSEWHERE)
                self.stage = "shown" if created.category == "ok" else "absent"
                self.trouble = None if self.stage == "shown" else created
                self._shown = text
                self.made.set()
        return self.stage != "absent"

    def give_up(self) -> None:
        """There is to be no card after all."""
        self.stage = "absent"
        self.made.set()

    @property
    def asker(self) -> str:
        """The staff id of whoever is answered."""
        return self._target.staff or (self._target.id if self._target.kind == "user" else "")

    # Growing.

    async def grow(self, text: Callable[[], str], grown: Bell, over: trio.Event) -> None:
        """Show the newest text again and again, until it is over. Ends by itself when the card takes no more."""
        while not over.is_set() and self._takes_more:
            await grown.wait()
            await trio.sleep_until(self._next_at)
            await self._calls.wait_turn()
            async with self._calling:
                if not over.is_set():
                    await self._show(text())

    async def pause(self, mark: str) -> None:
        """Have a card that looks busy say why it is not. It may go on later."""
        async with self._calling:
            if self.stage == "growing" or (self.stage == "shown" and not self._shown):
                text = f"{self._shown}\n\n{mark}" if self._shown else mark
                await self._calls.set_flow(self.id, FAILED, text, paced=False)

    @property
    def _takes_more(self) -> bool:
        return self.stage in ("shown", "growing") and self.trouble is None and self._updates < self._manner.most_updates

    async def _show(self, text: str) -> None:
        if not text or text == self._shown or not self._takes_more:
            return
        if self.stage == "shown":
            outcome = await self._calls.set_flow(self.id, GROWING, text)
            if outcome.category == "ok":
                self.stage = "growing"
        else:
            outcome = await self._calls.stream(self.id, text, paced=False)
        self._updates += 1
        self._next_at = trio.current_time() + self._manner.interval
        if outcome.category == "ok":
            self._shown, self._fitted = text, len(text)
        elif outcome.category not in AGAIN:
            self.trouble = outcome

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
        taken = len(text)
        outcome = await self._finalize(text, failed=failed)
        if outcome.category == "too_large":
            taken = first_part(text, min(self._fitted or FITS, len(text) // 2))
            text, _ = divided(text, taken)
            outcome = await self._finalize(text, failed=failed)
        seen = outcome.category == "ok"
        if outcome.category != "quota":  # Whatever else is wrong with the stream, the text may still be set.
            self._look_at(outcome)
            outcome = await self._calls.set_flow(self.id, FAILED if failed else DONE, self._whole(text))
            self._look_at(outcome)
        if outcome.category == "ok":
            self.stage = "ended"
        else:
            self.trouble = outcome
        return taken if seen or self.stage == "ended" else None

    def _look_at(self, outcome: Outcome) -> None:
        if outcome.category in AGAIN:
            raise failure(outcome)
        if outcome.category == "content_rejected":
            raise Rejected(f"DingTalk refused to show the answer: {describe(outcome)}", code=outcome.code)

    async def reject(self) -> None:
        """DingTalk will not show the answer: the card says so."""
        await self.made.wait()
        async with self._calling:
            await self._calls.stream(self.id, UNSAFE, final=True, failed=True)
            await self._calls.set_flow(self.id, FAILED, UNSAFE)
            self.stage = "ended"

    async def _finalize(self, text: str, *, failed: bool) -> Outcome:
        return await self._calls.stream(self.id, self._whole(text), final=True, failed=failed)

    def _whole(self, text: str) -> str:
        return for_card(text).strip("\n") if text.strip() else NO_TEXT

    async def _patiently(self, call: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """Make a call again while DingTalk is busy, some times."""
        limit = trio.current_time() + LONGEST_TRY
        for _ in range(TRIES - 1):
            outcome = await call()
            if outcome.category not in AGAIN or trio.current_time() >= limit:
                return outcome
            await trio.sleep(max(1.0, min(outcome.retry_after or 0.0, 5.0)))
        return await call()


def first_part(text: str, limit: int) -> int:
    """How many characters of the text are a good first part of at most about ``limit``."""
    return len(next(cut(text, max(100, limit))).body) if text else 0


def divided(text: str, taken: int) -> tuple[str, str]:
    """The first ``taken`` characters, and the rest. Code that is cut is closed in the one and goes on in the other."""
    body, rest = text[:taken], text[taken:]
    fence = fence_after(body, "")
    if not fence or not rest.strip():
        return body, rest
    return f"{body.rstrip()}\n{marks_of(fence)}", f"{fence}\n{rest}"
