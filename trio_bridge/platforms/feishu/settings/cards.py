"""How answers grow in cards."""

from __future__ import annotations

from typing import Final, Literal, get_args

import attrs

from ....config import not_negative, positive

CardTheme = Literal[
    "default", "blue", "wathet", "turquoise", "green", "yellow", "orange", "red", "carmine", "violet", "purple",
    "indigo", "grey",
]  # fmt: skip

FASTEST: Final = 0.1
"""Seconds between two changes of one card. Feishu takes ten in a second."""


@attrs.frozen(kw_only=True, slots=False)
class CardSettings:
    """Keys about cards. The app needs the scope ``cardkit:card:write``; each change of a card is a call, and some plans
    have a quota of calls for a month."""

    stream_interval: float = attrs.field(default=0.7, validator=[positive, attrs.validators.ge(FASTEST)])
    """The shortest time between two changes of one card while its answer grows."""
    card_max_updates: int = attrs.field(default=500, validator=not_negative)
    """Changes of one card while it grows; after them only the whole answer is shown."""
    card_title: str = ""
    """What stands above every answer in a card; by default nothing does."""
    card_theme: CardTheme = attrs.field(default="blue", validator=attrs.validators.in_(get_args(CardTheme)))
    """The colour behind the title. Above an answer that failed it is red."""
