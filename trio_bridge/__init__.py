"""Keep many chat platform connections alive, and hand a Trio application a calm stream of messages.

Open accounts with :func:`open_bridge` or :func:`open_account`; a handler is an async function of a :class:`Message`.
"""

from . import agents
from ._version import __version__
from .config import Secret
from .engine.account import Account
from .engine.bridge import Bridge
from .engine.states import AccountState, Alarm
from .engine.statistics import AccountStatistics, BridgeStatistics, ConnectionStatistics, Counters, LastError
from .errors import (
    AccountRefused,
    AccountStopped,
    BridgeError,
    ConfigError,
    ConnectionLost,
    HandshakeFailed,
    LocalProtocolError,
    NotSent,
    OutcomeUnknown,
    PeerClosed,
    PeerSilent,
    PeerStarting,
    Postponed,
    RateLimited,
    RemoteProtocolError,
    RequestFailed,
    StoreUnavailable,
)
from .messages import (
    Attachment,
    Conversation,
    Message,
    Quote,
    Receipt,
    Reply,
    ReplyStream,
    Sender,
    Transaction,
)
from .opening import open_account, open_bridge, run_bridge
from .platforms.dingtalk.config import DingTalk
from .platforms.dingtalk.settings.groups import DingTalkGroup
from .platforms.feishu.config import Feishu
from .platforms.feishu.settings.groups import FeishuGroup
from .platforms.openclaw.config import OpenClaw

__all__ = [
    "Account",
    "AccountRefused",
    "AccountState",
    "AccountStatistics",
    "AccountStopped",
    "Alarm",
    "Attachment",
    "Bridge",
    "BridgeError",
    "BridgeStatistics",
    "ConfigError",
    "ConnectionLost",
    "ConnectionStatistics",
    "Conversation",
    "Counters",
    "DingTalk",
    "DingTalkGroup",
    "Feishu",
    "FeishuGroup",
    "HandshakeFailed",
    "LastError",
    "LocalProtocolError",
    "Message",
    "NotSent",
    "OpenClaw",
    "OutcomeUnknown",
    "PeerClosed",
    "PeerSilent",
    "PeerStarting",
    "Postponed",
    "Quote",
    "RateLimited",
    "Receipt",
    "RemoteProtocolError",
    "Reply",
    "ReplyStream",
    "RequestFailed",
    "Secret",
    "Sender",
    "StoreUnavailable",
    "Transaction",
    "__version__",
    "agents",
    "open_account",
    "open_bridge",
    "run_bridge",
]
