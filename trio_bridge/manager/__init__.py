"""For applications that run bots for many people: who may start and stop which, how each one is, and this over HTTP."""

from .bots import BotManager
from .callers import Caller, Desk
from .errors import BotConflict, BotInvalid, BotUnknown, ControlDenied, ManagerError
from .mounting import Identify, manager_app
from .status import BotError, BotStatus, BrokenBot

__all__ = [
    "BotConflict",
    "BotError",
    "BotInvalid",
    "BotManager",
    "BotStatus",
    "BotUnknown",
    "BrokenBot",
    "Caller",
    "ControlDenied",
    "Desk",
    "Identify",
    "ManagerError",
    "manager_app",
]
