"""Which platforms there are, by the name that a configuration file gives them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping

from ..engine.platform import PlatformConfig

Registry = Mapping[str, Callable[[], type[PlatformConfig]]]
"""Name → how to get at the class. A platform is imported when an account of it is met, and not before."""


def _later(module: str, name: str) -> Callable[[], type[PlatformConfig]]:
    def load() -> type[PlatformConfig]:
        config: type[PlatformConfig] = getattr(importlib.import_module(module, __package__), name)
        return config

    return load


PLATFORMS: Registry = {
    "dingtalk": _later(".dingtalk.config", "DingTalk"),
    "feishu": _later(".feishu.config", "Feishu"),
    "openclaw": _later(".openclaw.config", "OpenClaw"),
}
