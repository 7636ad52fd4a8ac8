"""Whose messages are sent: of each platform the least that a server of it must know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from .dingtalk import DingTalk
from .feishu import Feishu
from .platform import Platform

PLATFORMS: Final[Mapping[str, Callable[[], Platform]]] = {DingTalk.name: DingTalk, Feishu.name: Feishu}

__all__ = ["PLATFORMS", "Platform"]
