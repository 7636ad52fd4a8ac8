"""Who is called for what is no message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from ....errors import ConfigError
from ..events.card_action import CardHandler
from ..events.event import EventHandler
from ..events.preview import PreviewHandler
from ..events.topics import CARD_ACTION, MESSAGES, URL_PREVIEW

EVERY: Final = "*"
"""Stands for all types of events that nobody handles by name."""

_function_or_none = attrs.validators.optional(attrs.validators.is_callable())


def _to_handlers(given: Mapping[str, EventHandler]) -> Mapping[str, EventHandler]:
    return dict(given)


def _by_type(instance: Any, attribute: attrs.Attribute[Any], handlers: Mapping[str, EventHandler]) -> None:
    elsewhere = {CARD_ACTION: "on_card_action", URL_PREVIEW: "on_url_preview", EVERY: "on_event"}
    for kind, handler in handlers.items():
        if kind in MESSAGES:
            raise ConfigError(f"events: {kind} is a message, which goes to the handler of messages")
        if kind in elsewhere:
            raise ConfigError(f"events: {kind} goes to {elsewhere[kind]}")
        if not callable(handler):
            raise ConfigError(f"events: expected a function for {kind}, not {type(handler).__name__}")


@attrs.frozen(kw_only=True, slots=False)
class CallbackSettings:
    """Keys about what is no message. Feishu sends what is subscribed in the developer console."""

    on_card_action: CardHandler | None = attrs.field(default=None, validator=_function_or_none)
    """Called when somebody presses, chooses or fills in something on a card, with a
    :class:`~trio_bridge.feishu.CardAction`. What it returns before ``callback_deadline`` is shown: a
    :class:`~trio_bridge.feishu.CardUpdate`, or ``None``. The developer console subscribes callbacks apart from events,
    on a page of their own: without ``card.action.trigger`` there, messages come, people see error 200340 when they
    press, and nothing is called."""
    on_url_preview: PreviewHandler | None = attrs.field(default=None, validator=_function_or_none)
    """Called when somebody sees a link that the app has registered, with a
    :class:`~trio_bridge.feishu.PreviewRequest`. What it returns before ``callback_deadline`` is shown: a
    :class:`~trio_bridge.feishu.Preview`, or ``None``. The callback is
    ``url.preview.get``, on the same page of the console."""
    events: Mapping[str, EventHandler] = attrs.field(
        factory=dict, converter=_to_handlers, validator=_by_type, hash=False
    )
    """Called for events of single types, by the type: ``[accounts.NAME.events]`` with
    ``"im.message.reaction.created_v1" = "module:function"``. Each gets an :class:`~trio_bridge.feishu.Event`, of a
    class of its own where there is one for the type. Events are stored, tried again and given up like messages."""
    on_event: EventHandler | None = attrs.field(default=None, validator=_function_or_none)
    """Called in the same way for every type of event that ``events`` does not name."""

    @property
    def handled(self) -> frozenset[str]:
        """The types of what is no message that somebody handles; :data:`EVERY` where that is all the others too."""
        named = {CARD_ACTION: self.on_card_action, URL_PREVIEW: self.on_url_preview, EVERY: self.on_event}
        return frozenset(self.events) | {kind for kind, handler in named.items() if handler is not None}
