"""Why a bot is not started, stopped or shown."""

from __future__ import annotations

from typing import Literal

from ..errors import BridgeError

Conflict = Literal["disabled", "wrong_mode", "held_elsewhere", "disconnected"]


class ManagerError(BridgeError):
    """Something is not done. ``code`` says why, for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class BotUnknown(ManagerError):
    """There is no such bot, or it is somebody else's: who asks is not told which."""

    def __init__(self) -> None:
        super().__init__("unknown_bot", "there is no such bot")


class ControlDenied(ManagerError):
    """The caller may see the bot, and may neither start nor stop it."""

    def __init__(self) -> None:
        super().__init__("may_not_control", "you may see this bot, but neither connect nor disconnect it")


class BotConflict(ManagerError):
    """It can't be done while the bot is as it is.

    ``code``: ``disabled`` (its configuration says so), ``wrong_mode`` (it has no connection), ``held_elsewhere``
    (another process of this machine is connected with its credentials), ``disconnected`` (somebody disconnected it,
    while somebody else waited for it).
    """

    def __init__(self, code: Conflict, message: str) -> None:
        super().__init__(code, message)


class BotInvalid(ManagerError):
    """The bot's stored configuration can't work. The message says where, and what was expected."""

    def __init__(self, message: str) -> None:
        super().__init__("invalid_configuration", message)
