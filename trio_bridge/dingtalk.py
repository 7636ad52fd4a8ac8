"""What is said to ``account.api`` of a DingTalk account, and what it answers; what presses, events and calls are.

:class:`Extracted` has what a message holds besides. Whoever only hears and answers messages needs nothing of it.
"""

from .bots.settings.policies import Directory
from .engine.pairing import Paired, Pairing, PairingRequest
from .platforms.dingtalk.api.api import DingTalkApi
from .platforms.dingtalk.api.docs import Doc, Docs, Node
from .platforms.dingtalk.api.results import ApiStatus, Delivered, Probe, RecallResult, SendResult
from .platforms.dingtalk.api.users import Users
from .platforms.dingtalk.callbacks.card_action import CardAction, CardUpdate
from .platforms.dingtalk.callbacks.event import Event
from .platforms.dingtalk.callbacks.graph_call import GraphRequest, GraphResponse
from .platforms.dingtalk.content import Skill
from .platforms.dingtalk.extract import Extracted
from .platforms.dingtalk.kinds import ActionCard, Audio, File, Image, Kind, Link, Markdown, Text, Video

__all__ = [
    "ActionCard",
    "ApiStatus",
    "Audio",
    "CardAction",
    "CardUpdate",
    "Delivered",
    "DingTalkApi",
    "Directory",
    "Doc",
    "Docs",
    "Event",
    "Extracted",
    "File",
    "GraphRequest",
    "GraphResponse",
    "Image",
    "Kind",
    "Link",
    "Markdown",
    "Node",
    "Paired",
    "Pairing",
    "PairingRequest",
    "Probe",
    "RecallResult",
    "SendResult",
    "Skill",
    "Text",
    "Users",
    "Video",
]
