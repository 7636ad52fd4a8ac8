"""How answers grow in AI cards."""

from __future__ import annotations

from collections.abc import Iterable

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

    def _card_problems(self) -> Iterable[str]:
        if not self.card_template_id.strip():
            yield 'card_template_id: expected the id of a template (….schema); for no cards set reply_mode to "auto"'
        if not self.card_key.strip():
            yield "card_key: expected the name of a variable of the template, not nothing"
        if self.busy_ack and not all(text.strip() for text in self.busy_texts or ("",)):
            yield "busy_texts: expected one text or more, and none that is empty; for none set busy_ack to false"
