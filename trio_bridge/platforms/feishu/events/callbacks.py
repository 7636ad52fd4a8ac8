"""Who is called for what is no message: presses on cards, previews of links, events by their types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import attrs

from ....wire.jsontext import parse
from ....wire.protocol import Delivery
from ..cards.presses import Presses
from ..settings.callbacks import CallbackSettings
from .card_action import CardHandler, card_reply, read_card_action
from .event import EventHandler
from .happened import read_event
from .preview import PreviewHandler, preview_reply, read_preview_request
from .replays import Replays
from .topics import ANSWERED, CARD_ACTION, MESSAGES, URL_PREVIEW

NO_EVENTS: Final = MESSAGES | ANSWERED


OwnerOf = Callable[[str], str]
"""Who asked what a card answers, by the id of the message that shows it; empty where the card is not known."""


def _unknown(message_id: str) -> str:
    return ""


class Callbacks:
    """The handlers of one account, by the types of events. ``presses`` learns which are being answered."""

    def __init__(
        self, settings: CallbackSettings, presses: Presses | None = None, owner_of: OwnerOf = _unknown
    ) -> None:
        self._by_type: dict[str, Callable[[str], Awaitable[Any]]] = {
            kind: partial(_tell, handler) for kind, handler in settings.events.items()
        }
        if settings.on_card_action is not None:
            self._by_type[CARD_ACTION] = partial(_press, settings.on_card_action, presses or Presses(), owner_of)
        if settings.on_url_preview is not None:
            self._by_type[URL_PREVIEW] = partial(_preview, settings.on_url_preview)
        self._others = None if settings.on_event is None else partial(_tell, settings.on_event)
        self._replays = Replays()

    def of(self, delivery: Delivery) -> Callable[[], Awaitable[Any]] | None:
        """What to call for a delivery; ``None`` where it is a message, or nobody wants it.

        What a press or a preview is answered with is the JSON text that the call returns.
        """
        handle = self._by_type.get(delivery.topic)
        if handle is None and delivery.topic not in NO_EVENTS:
            handle = self._others
        if handle is None:
            return None
        if delivery.topic in ANSWERED:
            return partial(self._answer, handle, delivery)
        return partial(handle, delivery.data)

    async def _answer(self, handle: Callable[[str], Awaitable[Any]], delivery: Delivery) -> Any:
        """The answer, once: there is none for what was given to its handler before."""
        return None if self._replays.is_known(delivery.key) else await handle(delivery.data)


# The replies are written here: what can't be written is the handler's failure, and not that of the connection.


async def _press(handler: CardHandler, presses: Presses, owner_of: OwnerOf, data: str) -> str:
    action = read_card_action(parse(data))
    action = attrs.evolve(action, owner=owner_of(action.message_id) or None)
    with presses.answering(action.token):
        return card_reply(await handler(action))


async def _preview(handler: PreviewHandler, data: str) -> str:
    return preview_reply(await handler(read_preview_request(parse(data))))


async def _tell(handler: EventHandler, data: str) -> None:
    await handler(read_event(data))
