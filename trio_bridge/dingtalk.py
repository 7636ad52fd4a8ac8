"""What is said to ``account.api`` of a DingTalk account, and what it answers.

Whoever only hears and answers messages needs nothing of it.
"""

from .platforms.dingtalk.api import DingTalkApi
from .platforms.dingtalk.api_docs import Doc, Docs, Node
from .platforms.dingtalk.api_media import Audio, File, Video
from .platforms.dingtalk.api_messages import ActionCard, Image, Kind, Link, Markdown, Text
from .platforms.dingtalk.api_results import ApiStatus, Delivered, Probe, RecallResult, SendResult
from .platforms.dingtalk.users import Users

__all__ = [
    "ActionCard",
    "ApiStatus",
    "Audio",
    "Delivered",
    "DingTalkApi",
    "Doc",
    "Docs",
    "File",
    "Image",
    "Kind",
    "Link",
    "Markdown",
    "Node",
    "Probe",
    "RecallResult",
    "SendResult",
    "Text",
    "Users",
    "Video",
]
