"""Who is called for what is no message."""

from __future__ import annotations

import attrs

from ..callbacks.card_action import CardHandler
from ..callbacks.event import EventHandler
from ..callbacks.graph_call import GraphHandler
from ..frames import CARD, DELEGATE, EVENTS, GRAPH, ROBOT

function_or_none = attrs.validators.optional(attrs.validators.is_callable())


@attrs.frozen(kw_only=True, slots=False)
class CallbackSettings:
    """Keys about what is no message. DingTalk is asked for what somebody handles, and for nothing else."""

    on_card_action: CardHandler | None = attrs.field(default=None, validator=function_or_none)
    """Called when somebody presses something on a card, with a :class:`~trio_bridge.dingtalk.CardAction`. What it
    returns within 1.5 s changes the card: a :class:`~trio_bridge.dingtalk.CardUpdate`, or ``None``."""
    on_event: EventHandler | None = attrs.field(default=None, validator=function_or_none)
    """Called for each :class:`~trio_bridge.dingtalk.Event` of the organisation. Events are stored, tried again and
    given up like messages."""
    on_graph: GraphHandler | None = attrs.field(default=None, validator=function_or_none)
    """Called when DingTalk calls the app as it would call an HTTP server, with a
    :class:`~trio_bridge.dingtalk.GraphRequest`. What it returns within 10 s is the response: a
    :class:`~trio_bridge.dingtalk.GraphResponse`, a dict or a str."""
    subscribe_delegate: bool = False
    """Hear also what is said to people in whose name the robot answers. They are messages like any other;
    ``message.raw["hostingContext"]`` names the person."""

    @property
    def handled(self) -> frozenset[str]:
        """The topics of what is no message that somebody handles."""
        handlers = {CARD: self.on_card_action, GRAPH: self.on_graph, EVENTS: self.on_event}
        return frozenset(topic for topic, handler in handlers.items() if handler is not None)

    def subscriptions(self) -> list[dict[str, str]]:
        """What to ask DingTalk for: a list that belongs to whoever called."""
        topics = [ROBOT, *([DELEGATE] if self.subscribe_delegate else []), *sorted(self.handled)]
        return [{"type": "EVENT" if topic == EVENTS else "CALLBACK", "topic": topic} for topic in topics]
