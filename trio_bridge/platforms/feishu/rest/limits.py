"""How fast an app may call: each API so often in a second and in a minute, and so many messages for each conversation.

1. Whoever is early waits here; in the order in which they came.
2. Where Feishu asks for patience, the API or the conversation that it spoke of rests, for everybody.
3. A long rest is not waited for: the caller is told how long it is.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from typing import Final

import attrs
import trio

from ....errors import NotSent
from .codes import CHAT_FREQUENCY, Outcome

PER_SECOND: Final = 45
"""Of the 50 calls of one API that Feishu takes in a second: not all are equally long on their way."""
PER_MINUTE: Final = 950
"""Of 1000 in a minute."""

FIRST_REST: Final = 1.0
LONGEST_REST: Final = 30.0
"""A rest of which Feishu does not say how long it is: it doubles from throttle to throttle."""

LONGEST_ASKED: Final = 600.0
"""A rest that Feishu asked for. It is asked again after so long at the latest."""

WORTH_WAITING: Final = 5.0
"""Seconds of a rest that are waited for."""

REMEMBERED: Final = 60.0
"""Seconds after its last call in which a pace is not forgotten, if none of its windows is longer."""


@attrs.frozen
class Window:
    """At most so many calls in so many seconds, whenever these begin."""

    most: int
    seconds: float


class Pace:
    """Lets callers through as fast as all its windows allow."""

    def __init__(self, *windows: Window) -> None:
        self._windows = windows
        self._calls: deque[float] = deque(maxlen=max(window.most for window in windows))
        self._turn = trio.Lock()  # which is fair
        self._rests_until = -math.inf
        self._rest = FIRST_REST
        self._rested = False

    def idle_for(self, now: float) -> float:
        """Seconds since somebody was let through, or a rest was over; 0 while anybody waits."""
        if self._turn.locked():
            return 0.0
        return now - max(self._rests_until, self._calls[-1] if self._calls else -math.inf)

    async def take(self) -> None:
        """Return when one more call is allowed. A checkpoint.

        Raises:
          NotSent: that will take long.
        """
        async with self._turn:
            while (moment := self._next()) > (now := trio.current_time()):
                if self._rests_until - now > WORTH_WAITING:
                    raise NotSent("Feishu asked for patience", retry_after=self._rests_until - now)
                await trio.sleep_until(moment)
            self._calls.append(now)

    def rest(self, seconds: float | None) -> float:
        """Let nobody through for so long; ``None``: for a while. Returns for how long."""
        now = trio.current_time()
        if seconds is None:
            if now >= self._rests_until:  # Several calls were under way: their refusals speak of the same moment.
                self._rest = min(self._rest * 2, LONGEST_REST) if self._rested else FIRST_REST
            seconds = self._rest
        seconds = min(seconds, LONGEST_ASKED)
        self._rested = True
        self._rests_until = max(self._rests_until, now + seconds)
        return self._rests_until - now

    def went_well(self) -> None:
        """A call was taken: the next rest begins as short as the first."""
        if trio.current_time() >= self._rests_until:
            self._rested = False

    def _next(self) -> float:
        moments = [
            self._calls[-window.most] + window.seconds for window in self._windows if len(self._calls) >= window.most
        ]
        return max(self._rests_until, *moments, -math.inf)


class Paces:
    """Paces of the same windows by name. Whatever has been idle for long is forgotten: names come from anywhere."""

    def __init__(self, *windows: Window) -> None:
        self._windows = windows
        self._remembered = max(REMEMBERED, *(window.seconds for window in windows))
        self._known: OrderedDict[str, Pace] = OrderedDict()

    def of(self, name: str) -> Pace:
        """The pace of this name. They are kept in the order of their last use, so the idle ones come first."""
        pace = self._known.setdefault(name, Pace(*self._windows))
        self._known.move_to_end(name)
        now = trio.current_time()
        while True:
            other, idle = next(iter(self._known.items()))
            if idle is pace or idle.idle_for(now) < self._remembered:
                return pace
            del self._known[other]


class Limits:
    """The paces of one app: of each API by its method and route, and of each conversation."""

    def __init__(self, per_chat: float) -> None:
        # In whole calls: four in any second, not one in any quarter.
        most = max(1, int(per_chat))
        self._chats = Paces(Window(most, most / per_chat))
        self._apis = Paces(Window(PER_SECOND, 1.0), Window(PER_MINUTE, 60.0))

    async def take(self, method: str, route: str, chat: str = "") -> None:
        """Return when the call may be made; ``chat`` is where a message goes. Raises what :meth:`Pace.take` does."""
        if chat:
            await self._chats.of(chat).take()
        await self._apis.of(f"{method} {route}").take()

    def note(self, outcome: Outcome, chat: str = "") -> Outcome:
        """The same outcome, heeded. One that was throttled says how long the rest is."""
        api = self._apis.of(f"{outcome.method} {outcome.route}")
        if outcome.category != "throttled":
            api.went_well()
            if chat:
                self._chats.of(chat).went_well()
            return outcome
        spoken_of = self._chats.of(chat) if chat and outcome.code == CHAT_FREQUENCY else api
        return attrs.evolve(outcome, retry_after=spoken_of.rest(outcome.retry_after))
