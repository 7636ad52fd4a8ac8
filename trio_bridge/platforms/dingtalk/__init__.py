"""DingTalk: Stream Mode in, session webhooks and the robot API out.

These names are what functions get and return that a configuration names for cards, events and calls.
"""

from .card_action import CardAction, CardUpdate
from .event import Event
from .graph_call import GraphRequest, GraphResponse

__all__ = ["CardAction", "CardUpdate", "Event", "GraphRequest", "GraphResponse"]
