"""Files and pictures that people send."""

from __future__ import annotations

import attrs

from ....config import positive
from ....lists import hosts


@attrs.frozen(kw_only=True, slots=False)
class DownloadSettings:
    """Keys about what people send. A file is fetched when a handler asks for it, and not before."""

    media_max_bytes: int = attrs.field(default=20 * 2**20, validator=positive)
    """The largest file that is fetched. A larger one is refused, before its first byte where its size is told."""
    media_timeout: float = attrs.field(default=30.0, validator=positive)
    """For one file as a whole."""
    download_hosts: tuple[str, ...] = attrs.field(default=(), converter=hosts)
    """The only hosts that files are fetched from, beside those of the endpoints; they may have private addresses.
    Without it every host is taken whose addresses are public."""
    picture_prompt: str = ""
    """The text of a message that is nothing but pictures, for agents that answer only what has a text."""
