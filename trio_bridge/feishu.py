"""What presses on cards, previews and events of a Feishu account are, and what functions answer to them.

:class:`Extracted` has what a message holds besides. Whoever only hears and answers messages needs nothing of it.
"""

from .platforms.feishu.events.card_action import CardAction, CardUpdate
from .platforms.feishu.events.card_parts import CardTemplate, Toast
from .platforms.feishu.events.event import Event
from .platforms.feishu.events.extract import Extracted
from .platforms.feishu.events.happened import (
    BotAdded,
    BotRemoved,
    ChatEntered,
    MenuPressed,
    MessageRecalled,
    ReactionAdded,
    ReactionRemoved,
)
from .platforms.feishu.events.mentions import Mention
from .platforms.feishu.events.person import Person
from .platforms.feishu.events.preview import Preview, PreviewRequest
from .platforms.feishu.webhook.mounting import webhook

__all__ = [
    "BotAdded",
    "BotRemoved",
    "CardAction",
    "CardTemplate",
    "CardUpdate",
    "ChatEntered",
    "Event",
    "Extracted",
    "Mention",
    "MenuPressed",
    "MessageRecalled",
    "Person",
    "Preview",
    "PreviewRequest",
    "ReactionAdded",
    "ReactionRemoved",
    "Toast",
    "webhook",
]
