"""How large a flood is."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Flood:
    """How many messages, in how many conversations, of what size, and how many of them may be under way at a time."""

    count: int = attrs.field(default=20_000, validator=attrs.validators.ge(10))
    lanes: int = attrs.field(default=20, validator=attrs.validators.ge(1))
    size: int = attrs.field(default=1024, validator=attrs.validators.ge(1))
    """Bytes of the JSON that a message is. It is never smaller than what the platform says about each."""
    window: int = attrs.field(default=1000, validator=attrs.validators.ge(1))
    """Messages that may be under way: sent, and not yet both acknowledged and handled."""
    burst: bool = False
    """Whether acknowledged is enough: what a client has not handled by then piles up there."""

    @property
    def step(self) -> int:
        """Messages after which a client reports: no more than a hundred times, but before the window is used up."""
        return max(1, min(self.count // 100, self.window // 4))

    @property
    def worth_sending(self) -> int:
        """Messages for which there must be room before more is sent. One by one would cost both sides more."""
        return max(1, min(64, self.window // 4))
