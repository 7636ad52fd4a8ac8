"""How answers grow in AI cards."""

from __future__ import annotations

import attrs

from ....config import not_negative, positive
from ....lists import verbatim


@attrs.frozen(kw_only=True, slots=False)
class CardSettings:
    """Keys about cards. Each call about a card counts against the monthly quota of the organisation."""

    card_template_id: str = "02fcf2f4-5e02-4a85-b672-46d1f715543e.schema"
    """The template of the cards. It must have a streaming variable of markdown."""
    card_key: str = "msgContent"
    """The name of that variable."""
    card_update_interval: float = attrs.field(default=0.8, validator=positive)
    """The shortest time between two updates of one card."""
    card_qps: float = attrs.field(default=15.0, validator=positive)
    """Calls about cards per second. DingTalk takes 20 of each kind from an app."""
    card_max_updates: int = attrs.field(default=100, validator=not_negative)
    """Updates of one card while it grows; after them only the whole answer is shown."""
    busy_ack: bool = False
    """Say in a card that a message waits for others of its conversation, of one at a time. The card takes the answer
    later."""
    busy_texts: tuple[str, ...] = attrs.field(
        default=("⏳ 排队中，前面还有 {ahead} 条消息。One moment, please: {ahead} before you.",), converter=verbatim
    )
    """What it says, one of them by chance; ``{ahead}`` is how many wait before it."""
