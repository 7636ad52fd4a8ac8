"""One AI card as the server knows it: what is on it, where it lies, and what its reader saw when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import attrs

from ....gateways.looks import Seen
from .frames import Place, as_object

CardCall = Literal["create", "deliver", "createAndDeliver", "update", "stream", "answer"]
"""What can be done to a card; ``answer``: to the press of a button, which is no call of its own."""

MOVING = frozenset({"1", "2", "4"})
"""Values of ``flowStatus`` at which its reader sees that more is to come: thinking, writing, executing."""
RESTING = frozenset({"3", "5"})
"""The values at which it is over: finished, failed."""

TEXT_KEY = "msgContent"
"""The variable of the text where no call has named another one."""
TITLE_KEY = "msgTitle"
"""A variable that is shown with the others, and is no part of the text."""


@attrs.frozen
class Look:
    """What the reader of a card sees from a moment on. ``by``: the call that made it so."""

    at: float
    by: CardCall
    text: str
    flow_status: str


@attrs.frozen
class Laid:
    """A place in which a card lies. ``shown``: somebody can see it there."""

    space: str
    place: Place
    shown: bool


@attrs.define(eq=False, kw_only=True)
class Card(Seen):
    """A card while it is written about."""

    out_track_id: str
    client_id: str
    template: str
    created_at: float
    streams: bool
    """Created with ``callbackType: "STREAM"``: it takes streamed text, and its buttons come by Stream Mode."""
    data: dict[str, str]
    """The variables of the template that everybody sees."""
    private: dict[str, dict[str, str]] = attrs.Factory(dict)
    """The variables that one person sees, by staff id."""
    laid: list[Laid] = attrs.Factory(list)
    history: list[Look] = attrs.Factory(list)
    """What its reader saw, a look for every call that reached the reader; empty while nobody can see the card."""
    calls: Counter[CardCall] = attrs.Factory(Counter)
    """The calls about it that were carried out. One that was repeated with its ``guid`` is one."""
    streaming: bool = False
    """Text was streamed, and not yet the last one."""
    finalised: bool = False
    """The last text was streamed with ``isFinalize`` or ``isError``: it takes no more."""
    errored: bool = False
    """The last text was streamed with ``isError``."""
    text_key: str = ""
    """The variable that text was streamed into."""
    guids: set[str] = attrs.Factory(set)

    @property
    def text(self) -> str:
        """The text on it."""
        if self.text_key:
            return self.data.get(self.text_key, "")
        return next(filter(None, map(self.data.get, self._shown_keys())), "")

    @property
    def flow_status(self) -> str:
        """1 thinking, 2 writing, 3 finished, 4 executing, 5 failed; empty before it was said."""
        return self.data.get("flowStatus", "")

    @property
    def ended(self) -> bool:
        """Whether it rests, finished or failed."""
        return self.flow_status in RESTING

    @property
    def moves(self) -> bool:
        """Whether its reader is shown that more is to come."""
        return self.shown and not self.ended and (self.flow_status in MOVING or self.streaming)

    @property
    def shown(self) -> bool:
        """Whether anybody can see it."""
        return any(each.shown for each in self.laid)

    @property
    def spaces(self) -> Sequence[str]:
        """Where it was delivered to: staff ids and conversation ids."""
        return [each.place[1] for each in self.laid]

    def write(self, values: Mapping[str, str], *, by_key: bool) -> None:
        """Change variables. Not ``by_key``, they are all that is left."""
        self.data = {**self.data, **values} if by_key else dict(values)
        if values.get("flowStatus") in MOVING:
            self.finalised = self.errored = False  # it is taken up again

    def stream(self, key: str, text: str, *, final: bool, error: bool) -> None:
        """Put the whole text into a variable."""
        self.text_key = key
        self.data[key] = text
        self.finalised, self.errored = final or error, error
        self.streaming = not self.finalised

    def look(self, by: CardCall, now: float) -> None:
        """Have the reader see it as it is now."""
        if self.shown:
            self.history.append(Look(now, by, self.text, self.flow_status))

    def _shown_keys(self) -> Sequence[str]:
        """The variables that may hold the text, in the order in which they are shown."""
        order = as_object(self.data.get("sys_full_json_obj", "")).get("order")
        named = [key for key in order if isinstance(key, str) and key != TITLE_KEY] if isinstance(order, list) else []
        return named or [TEXT_KEY]
