"""Configuration files with accounts of the platform that stands in conftest.py, and the fixtures that read them."""

from __future__ import annotations

from collections.abc import Callable

from trio_bridge.runner.loading import RunnerConfig

Load = Callable[..., RunnerConfig]
Problems = Callable[..., list[str]]

SALES = """
[accounts.sales]
platform = "letters"
client_id = "c1"
key = "hush"
"""
SUPPORT = SALES.replace("sales", "support").replace("c1", "c2")
