"""What readers of content share: the mentions, and a place for the files that they find."""

from __future__ import annotations

from typing import Any, Final, Literal

import attrs

from ....messages import Attachment
from ....wire.jsontext import word
from .mentions import Mentions

ResourceType = Literal["image", "file", "sticker"]
"""What a download asks for. Nobody can download a sticker."""

FILES: Final = 100
"""Files of one message that are told of: whoever fetches them all makes a call for each."""


@attrs.define
class Reading:
    """One message, while it is read."""

    mentions: Mentions
    message_id: str
    media: list[Attachment] = attrs.Factory(list)
    degraded: bool = False
    """Something in it can't be understood."""

    def found(
        self,
        kind: Literal["image", "audio", "video", "file"],
        resource: ResourceType,
        key: Any,
        *,
        name: Any = "",
        cover: Any = "",
        duration: Any = None,
    ) -> None:
        """A file is in the message, by the key that Feishu has for it. Without a key there is nothing to fetch."""
        if not (key := word(key)):
            self.degraded = True
            return
        if len(self.media) == FILES:
            return
        source: dict[str, Any] = {"message_id": self.message_id, "file_key": key, "type": resource}
        if cover := word(cover):
            source["cover_key"] = cover
        if type(duration) is int and duration >= 0:
            source["duration_ms"] = duration
        self.media.append(Attachment(kind=kind, name=word(name), source=source))
