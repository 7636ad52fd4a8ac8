"""What is written for the real DingTalk, run against one on loopback."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import attrs
import pytest

import trio_bridge
from trio_bridge.platforms.dingtalk.config import DingTalk
from trio_bridge.runner.loading import RunnerConfig
from trio_bridge.testing.dingtalk import DingTalkSimulator

SECRET = "a secret"


def move(dingtalk: DingTalkSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every account that a program describes from now on live at the simulator."""
    at_home = partial(DingTalk, endpoint=dingtalk.url, oapi_endpoint=dingtalk.url)
    monkeypatch.setattr(trio_bridge, "DingTalk", at_home)


def moved(config: RunnerConfig, dingtalk: DingTalkSimulator) -> list[DingTalk]:
    """The accounts of a file that are enabled, at the simulator; their apps are let in."""
    accounts = [account for account in config.accounts if account.enabled and isinstance(account, DingTalk)]
    for account in accounts:
        dingtalk.add_app(account.client_id, account.client_secret.read())
    return [attrs.evolve(account, endpoint=dingtalk.url, oapi_endpoint=dingtalk.url) for account in accounts]


def supply_secrets(text: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every variable and file that a configuration takes a secret from holds one."""
    for name in re.findall(r'env = "(\w+)"', text):
        monkeypatch.setenv(name, SECRET)
    for name in re.findall(r'^\w+ = \{ file = "([\w.]+)" \}', text, re.MULTILINE):
        (directory / name).write_text(SECRET)
