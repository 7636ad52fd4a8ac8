"""The ids of people: inside the company by their staff id, for documents by their union id."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import attrs
import trio

from ....wire.jsontext import word
from ..codes import USER
from ..rest import Rest, answer_of

REMEMBERED: Final = 1000
LIFE: Final = 86400.0
"""Seconds for which a union id is remembered."""


@attrs.define(eq=False, repr=False)
class Users:
    """Knows the union ids of people, and asks for those that it does not."""

    _rest: Rest
    _known: OrderedDict[str, tuple[str, float]] = attrs.field(factory=OrderedDict, repr=False)
    """Union id and the end of its life by staff id, the one that was asked for last at the end."""

    async def union_id(self, staff_id: str) -> str:
        """The union id of a person. The app needs the permission to read contacts.

        Raises:
          RequestFailed: nobody has this staff id, or the app may not ask.
          RateLimited, NotSent, ConnectionLost, AccountRefused: there was no answer to the question.
        """
        known, until = self._known.get(staff_id, ("", 0.0))
        if known and trio.current_time() < until:
            self._known.move_to_end(staff_id)
            return known
        asked_at = trio.current_time()
        answer = await answer_of(self._rest.call_old("GET", USER, params={"userid": staff_id}), repeatable=True)
        found = word(answer["unionid"])
        self._known[staff_id] = found, asked_at + LIFE
        self._known.move_to_end(staff_id)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return found
