"""What is said to ``account.api`` of a Feishu account, and what it answers; what presses, previews and events are.

:class:`Extracted` has what a message holds besides. Whoever only hears and answers messages needs nothing of it.
"""

from .bots.settings.policies import Directory
from .engine.pairing import Paired, Pairing, PairingRequest
from .platforms.feishu.api.api import FeishuApi
from .platforms.feishu.api.results import ApiStatus, Bot, Sent, StoredMessage
from .platforms.feishu.api.speaking import CardEntity
from .platforms.feishu.cards.by_id import CardsById
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
from .platforms.feishu.sending.contents import Content
from .platforms.feishu.webhook.mounting import webhook

__all__ = [
    "ApiStatus",
    "Bot",
    "BotAdded",
    "BotRemoved",
    "CardAction",
    "CardEntity",
    "CardTemplate",
    "CardUpdate",
    "CardsById",
    "ChatEntered",
    "Content",
    "Directory",
    "Event",
    "Extracted",
    "FeishuApi",
    "Mention",
    "MenuPressed",
    "MessageRecalled",
    "Paired",
    "Pairing",
    "PairingRequest",
    "Person",
    "Preview",
    "PreviewRequest",
    "ReactionAdded",
    "ReactionRemoved",
    "Sent",
    "StoredMessage",
    "Toast",
    "webhook",
]
