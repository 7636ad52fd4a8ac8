"""Direct sends: made once, to many people or a group, with a word on what became of it for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

import attrs

from ....errors import BridgeError, OutcomeUnknown, RequestFailed
from ....wire.jsontext import word
from ..codes import Category, Outcome
from ..failures import failure
from ..kinds import Kind
from ..robot import MANY, Robot
from ..targets import outsider
from .results import Delivered, DeliveredState, RecallResult

_T = TypeVar("_T")

_OTHERS_MAY_BE_REACHED: Final = frozenset[Category]({"bad_target", "unknown_outcome"})
"""What a call can come to that says nothing of a call to other people."""


@attrs.define
class _Progress:
    """How far a message came for one recipient."""

    recipient: str
    state: DeliveredState = "sent"
    keys: list[str] = attrs.Factory(list)
    error: BridgeError | None = None

    def took(self, outcome: Outcome) -> None:
        """One more piece was sent."""
        if outcome.message_id is not None:
            self.keys.append(outcome.message_id)

    def fail(self, state: DeliveredState, error: BridgeError) -> None:
        self.state, self.error = state, error

    def freeze(self) -> Delivered:
        keys = tuple(self.keys)
        return Delivered(recipient=self.recipient, state=self.state, process_query_keys=keys, error=self.error)


@attrs.define(eq=False)
class Speaker:
    """Says something by the robot's calls. Of the pieces of a long text none is sent after one that failed."""

    _robot: Robot

    async def to_people(self, user_ids: Iterable[str], messages: Sequence[Kind]) -> tuple[Delivered, ...]:
        """Send messages to people. What goes wrong is in the result; nobody is named twice."""
        everybody = [_Progress(user_id) for user_id in dict.fromkeys(user_ids)]
        for each in everybody:
            if error := _unreachable(each.recipient):
                each.fail("invalid", error)
        reachable = [each for each in everybody if each.error is None]
        broken: BridgeError | None = None
        for batch in _batches(reachable):
            if broken is None:
                broken = await self._to_batch(batch, messages)
            else:
                _fail(batch, broken)
        return tuple(each.freeze() for each in everybody)

    async def to_group(self, conversation_id: str, messages: Sequence[Kind]) -> Delivered:
        """The same for a group."""
        group = _Progress(conversation_id)
        for message in messages:
            try:
                outcome = await self._robot.send_to_group(conversation_id, message)
            except BridgeError as error:
                _fail([group], error)
                break
            if outcome.category != "ok":
                _fail([group], failure(outcome))
                break
            group.took(outcome)
        return group.freeze()

    async def recall(self, keys: Iterable[str], conversation_id: str) -> RecallResult:
        """Take back what was sent: from a group, or from people if none is named."""
        recalled, failed = list[str](), dict[str, str]()
        for batch in _batches(list(dict.fromkeys(keys))):
            if conversation_id:
                outcome = await self._robot.recall_from_group(conversation_id, batch)
            else:
                outcome = await self._robot.recall_from_people(batch)
            if outcome.category != "ok":
                raise failure(outcome)
            gone, reasons = outcome.payload.get("successResult"), outcome.payload.get("failedResult")
            done = {word(key) for key in gone} if isinstance(gone, list) else set()
            why: Mapping[str, object] = reasons if isinstance(reasons, dict) else {}
            recalled += [key for key in batch if key in done]
            failed |= {key: word(why.get(key)) or "no reason was given" for key in batch if key not in done}
        return RecallResult(recalled=tuple(recalled), failed=failed)

    async def _to_batch(self, batch: Sequence[_Progress], messages: Sequence[Kind]) -> BridgeError | None:
        """Send to a batch. Returns the error that would meet every other batch as well, if it met one."""
        for message in messages:
            if not batch:
                break
            try:
                outcome = await self._robot.send_to_people([each.recipient for each in batch], message)
            except BridgeError as error:
                _fail(batch, error)
                return None if isinstance(error, OutcomeUnknown) else error
            if outcome.category not in ("ok", "partial"):
                problem = failure(outcome)
                _fail(batch, problem)
                return None if outcome.category in _OTHERS_MAY_BE_REACHED else problem
            batch = _reached(batch, outcome)
        return None


def _reached(batch: Iterable[_Progress], outcome: Outcome) -> list[_Progress]:
    """Who got a piece. The others are told why they did not."""
    without: dict[str, tuple[DeliveredState, BridgeError]] = {}
    for user_id in outcome.limited:
        without[user_id] = "limited", failure(attrs.evolve(outcome, invalid=(), filtered=(), limited=(user_id,)))
    for user_id in outcome.filtered:
        without[user_id] = "filtered", failure(attrs.evolve(outcome, invalid=(), filtered=(user_id,), limited=()))
    for user_id in outcome.invalid:
        without[user_id] = "invalid", failure(attrs.evolve(outcome, invalid=(user_id,), filtered=(), limited=()))
    reached = []
    for each in batch:
        if each.recipient in without:
            each.fail(*without[each.recipient])
        else:
            each.took(outcome)
            reached.append(each)
    return reached


def _fail(batch: Iterable[_Progress], error: BridgeError) -> None:
    for each in batch:
        each.fail("unknown" if isinstance(error, OutcomeUnknown) else "failed", error)


def _unreachable(user_id: str) -> RequestFailed | None:
    """Why no call is made for somebody: of one whom DingTalk can't know, it refuses the whole batch."""
    if user_id.startswith("$:"):
        return outsider()
    if not user_id.strip() or user_id.startswith("cid"):
        return RequestFailed(f"{user_id!r} is no staff id", code="staffId.notExisted")
    return None


def _batches(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (items[start : start + MANY] for start in range(0, len(items), MANY))
