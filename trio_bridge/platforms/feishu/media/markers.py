"""How answers on Feishu name files."""

from __future__ import annotations

from typing import Final

from ....bots.media.markers import Markers

MARKERS: Final = Markers("FEISHU")
"""``[FEISHU_FILE]…[/FEISHU_FILE]`` and the like."""
