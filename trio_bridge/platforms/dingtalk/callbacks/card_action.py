"""A press on a card, and what it changes on the card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import attrs

from ....wire.jsontext import word
from ..cards.values import card_values
from ..content import as_object

ANSWER_WITHIN: Final = 1.5
"""Seconds for a handler. DingTalk tells the person after 2 that it did not work, and the way takes time too."""


@attrs.frozen(kw_only=True)
class CardAction:
    """Somebody pressed something on a card. Anybody who sees a card can do so: ``user_id`` says who it was."""

    out_track_id: str
    """The card, by the id that it was made with."""
    user_id: str
    """The staff id of whoever pressed."""
    action_ids: tuple[str, ...] = ()
    """What was pressed, as the template calls it."""
    params: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    """What the template gives along, and what the person filled in."""
    owner: str | None = None
    """The staff id of whoever asked what the card answers; ``None`` where the card is not one of this account's."""
    space_id: str = ""
    """The conversation in which the card is shown."""
    space_type: str = ""
    corp_id: str = ""
    value: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    """The content of the action, whole: ``params`` are in it."""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    """The platform's own data, whole."""


@attrs.frozen
class CardUpdate:
    """What a press changes on the card; variables that are not named stay as they are.

    A card holds nothing but texts: ``None`` is an empty one, and what is no text becomes JSON.
    """

    data: Mapping[str, str] = attrs.field(factory=dict, converter=card_values)
    """Variables as everybody sees them."""
    private: Mapping[str, str] = attrs.field(factory=dict, converter=card_values)
    """Variables as only whoever pressed sees them."""


CardHandler = Callable[[CardAction], Awaitable[CardUpdate | None]]
"""``async def on_card_action(action)``; ``None`` leaves the card as it is."""


def read_card_action(data: Mapping[str, Any]) -> CardAction:
    """The press in the data of a callback. Raises nothing, whatever the data."""
    value = as_object(data.get("content")) or as_object(data.get("value"))
    pressed = as_object(value.get("cardPrivateData"))
    action_ids = pressed.get("actionIds")
    return CardAction(
        out_track_id=word(data.get("outTrackId")),
        user_id=word(data.get("userId")),
        action_ids=tuple(map(word, action_ids)) if isinstance(action_ids, list) else (),
        params=as_object(pressed.get("params")),
        space_id=word(data.get("spaceId")),
        space_type=word(data.get("spaceType")),
        corp_id=word(data.get("corpId")),
        value=value,
        raw=data,
    )


def press_key(action: CardAction) -> str | None:
    """What two deliveries of one press have in common; ``None`` where nothing tells whose press it was."""
    if not (action.out_track_id and action.user_id):
        return None
    # What can't be read is compared as it came.
    said = action.value or [action.raw.get("content"), action.raw.get("value")]
    parts = (action.out_track_id, action.user_id, action.action_ids, said)
    try:
        text = json.dumps(parts, sort_keys=True)
    except RecursionError:  # What reads may go a few levels deeper than what writes.
        return None
    return f"card:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def card_answer(update: CardUpdate | None) -> str:
    """The answer to a press, as data of its acknowledgement."""
    changes = update or CardUpdate()
    response = {
        # Without these two everything that the answer does not name is emptied.
        "cardUpdateOptions": {"updateCardDataByKey": True, "updatePrivateDataByKey": True},
        "cardData": {"cardParamMap": changes.data},
        "userPrivateData": {"cardParamMap": changes.private},
    }
    return json.dumps({"response": response}, ensure_ascii=False, separators=(",", ":"))
