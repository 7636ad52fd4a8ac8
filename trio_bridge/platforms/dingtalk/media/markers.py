"""How answers on DingTalk name files."""

from __future__ import annotations

from typing import Final

from ....bots.media.markers import Markers

MARKERS: Final = Markers("DINGTALK")
"""``[DINGTALK_FILE]…[/DINGTALK_FILE]`` and the like: what models were taught that answered on DingTalk before."""
