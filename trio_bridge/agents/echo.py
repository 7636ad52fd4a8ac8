"""The agent that needs nobody: for trying out an account, and for the demonstration."""

from __future__ import annotations

import attrs

from ..messages import Message


@attrs.frozen
class Echo:
    """Every text is answered with itself. What has no text (a picture, a recording) is not answered."""

    async def __call__(self, message: Message) -> str | None:
        return message.text or None
