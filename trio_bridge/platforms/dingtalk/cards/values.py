"""Values as a card holds them: nothing but texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ....wire.jsontext import encodable


def card_values(values: Mapping[str, Any]) -> dict[str, str]:
    """Variables of a card, by name: ``None`` is an empty text, and what is no text becomes JSON.

    Raises:
      TypeError, ValueError: something can't.
    """
    return {name: _text(value) for name, value in values.items()}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return encodable(value)
    if value is None:
        return ""
    return encodable(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")))
