"""Who is called for what is no message: presses on cards, calls of the graph interface, events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import attrs

from ....wire.jsontext import parse
from ....wire.protocol import Delivery
from ..frames import CARD, EVENTS, GRAPH
from ..settings.callbacks import CallbackSettings
from .card_action import CardHandler, CardUpdate, read_card_action
from .event import EventHandler, read_event
from .graph_call import GraphHandler, GraphResponse, graph_answer, read_graph_request

OwnerOf = Callable[[str], str]
"""Who asked what a card answers, by the id of the card; empty where the card is not known."""


class Callbacks:
    """The handlers of one account, by topic."""

    def __init__(self, settings: CallbackSettings, owner_of: OwnerOf) -> None:
        self._owner_of = owner_of
        self._by_topic: dict[str, Callable[[str], Awaitable[Any]]] = {}
        if settings.on_card_action is not None:
            self._by_topic[CARD] = partial(self._press, settings.on_card_action)
        if settings.on_graph is not None:
            self._by_topic[GRAPH] = partial(self._call, settings.on_graph)
        if settings.on_event is not None:
            self._by_topic[EVENTS] = partial(self._tell, settings.on_event)

    def of(self, delivery: Delivery) -> Callable[[], Awaitable[Any]] | None:
        """What to call for a delivery; ``None`` where it is a message, or nobody wants it."""
        handle = self._by_topic.get(delivery.topic)
        return None if handle is None else partial(handle, delivery.data)

    async def _press(self, handler: CardHandler, data: str) -> CardUpdate | None:
        action = read_card_action(parse(data))
        update = await handler(attrs.evolve(action, owner=self._owner_of(action.out_track_id) or None))
        if update is None or isinstance(update, CardUpdate):
            return update
        raise TypeError(f"on_card_action returns a CardUpdate or None, not {type(update).__name__}")

    async def _call(self, handler: GraphHandler, data: str) -> str:
        # Written here: what can't be is the handler's failure, and not that of the connection.
        return graph_answer(GraphResponse.of(await handler(read_graph_request(parse(data)))))

    async def _tell(self, handler: EventHandler, kept: str) -> None:
        await handler(read_event(kept))
