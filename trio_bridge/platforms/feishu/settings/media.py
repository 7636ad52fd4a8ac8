"""Files that people send, and files that answers send."""

from __future__ import annotations

import attrs

from ....bots.settings.files import FileSettings
from ....config import positive


@attrs.frozen(kw_only=True, slots=False)
class MediaSettings(FileSettings):
    """Keys about files. One that was sent to the bot is fetched when a handler asks for it, and not before."""

    media_max_bytes: int = attrs.field(default=100 * 2**20, validator=positive)
    """The largest file that is fetched; Feishu gives out none that is larger than 100 MB. It is refused before its
    first byte where its size is told."""
    picture_prompt: str = ""
    """The text of a message that is nothing but pictures, for agents that answer only what has a text."""
    media_timeout: float = attrs.field(default=120.0, validator=positive)
    """For one file as a whole, on its way here or there."""
