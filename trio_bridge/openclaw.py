"""What ``account.api`` of a gateway's account is, and what its calls answer with.

Whoever only has an agent of a gateway answer messages needs nothing of it.
"""

from .platforms.openclaw.access.pairing import Pairing
from .platforms.openclaw.api.api import OpenClawApi
from .platforms.openclaw.api.approval_changes import ApprovalChanges
from .platforms.openclaw.api.approval_results import Approval, ApprovalChange, Resolution
from .platforms.openclaw.api.approvals import Approvals
from .platforms.openclaw.api.cache import CacheInfo
from .platforms.openclaw.api.compaction import Checkpoint, Compaction
from .platforms.openclaw.api.devices import DeviceList, Devices, GatewayDevice
from .platforms.openclaw.api.history import Aborted, History, InFlightRun, Recovered
from .platforms.openclaw.api.info import GatewayInfo
from .platforms.openclaw.api.inventory import GatewayAgent, GatewayIdentity, Model
from .platforms.openclaw.api.messages import ChatMessage, Enclosure
from .platforms.openclaw.api.session_results import (
    Branch,
    Compacted,
    Deleted,
    Preview,
    PreviewItem,
    Session,
    SessionList,
)
from .platforms.openclaw.api.sessions import Sessions
from .platforms.openclaw.api.skills import FoundSkill, Skill, SkillDetail, Skills
from .platforms.openclaw.chat.files import ChatFile
from .platforms.openclaw.chat.run import Run
from .platforms.openclaw.events import EventStream, GatewayEvent
from .platforms.openclaw.hello import Hello

__all__ = [
    "Aborted",
    "Approval",
    "ApprovalChange",
    "ApprovalChanges",
    "Approvals",
    "Branch",
    "CacheInfo",
    "ChatFile",
    "ChatMessage",
    "Checkpoint",
    "Compacted",
    "Compaction",
    "Deleted",
    "DeviceList",
    "Devices",
    "Enclosure",
    "EventStream",
    "FoundSkill",
    "GatewayAgent",
    "GatewayDevice",
    "GatewayEvent",
    "GatewayIdentity",
    "GatewayInfo",
    "Hello",
    "History",
    "InFlightRun",
    "Model",
    "OpenClawApi",
    "Pairing",
    "Preview",
    "PreviewItem",
    "Recovered",
    "Resolution",
    "Run",
    "Session",
    "SessionList",
    "Sessions",
    "Skill",
    "SkillDetail",
    "Skills",
]
