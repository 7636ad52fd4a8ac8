"""Callbacks: what a person sees who presses a button, or writes a link. Pure.

Rules:

1. The answer comes within 3 s, in the acknowledgement: ``{}``, a toast, another card. Nothing comes twice.
2. What goes wrong is shown as a number: 200340 where nobody answers, 200341 where it is too late, 200672 where the
   answer is no answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from .ledger import Pushed
from .letters import PREVIEW

FINE: Final = 0
UNANSWERED: Final = 200340
LATE: Final = 200341
MISSHAPEN: Final = 200672

TOASTS: Final = ("info", "success", "warning", "error")


@attrs.define(eq=False)
class Callback:
    """One callback, and how it ended."""

    pushed: Pushed
    code: int | None = None
    """What the person sees: 0 for an answer, else the number of what went wrong; ``None`` while they wait."""
    answer: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    """What was answered, if it was one."""
    answered_at: float | None = None

    @property
    def toast(self) -> str:
        """What pops up, if anything."""
        return str(self._shown("toast").get("content", ""))

    @property
    def card(self) -> Any:
        """The card that stands there from now on, ``None`` if it is the same as before."""
        return self._shown("card").get("data")

    def _shown(self, name: str) -> Mapping[str, Any]:
        """A part of an answer that is as it should be: nobody sees anything of another."""
        return self.answer.get(name, {}) if self.code == FINE else {}


def verdict_on(event_type: str, answer: Any) -> int:
    """What an answer is good for."""
    if answer is None:
        return UNANSWERED
    good = _is_preview(answer) if event_type == PREVIEW else _is_press_answer(answer)
    return FINE if good else MISSHAPEN


def _is_press_answer(answer: object) -> bool:
    match answer:
        case {"toast": toast} if not _is_toast(toast):
            return False
        case {"card": card} if not _is_card(card):
            return False
        case {**fields}:
            return fields.keys() <= {"toast", "card"}
    return False


def _is_preview(answer: object) -> bool:
    match answer:
        case {"inline": inline} if not isinstance(inline, dict):
            return False
        case {"card": card} if not _is_card(card):
            return False
        case {**fields}:
            return fields.keys() <= {"inline", "card"}
    return False


def _is_toast(toast: object) -> bool:
    match toast:
        case {"type": str(kind), **rest}:
            pass
        case {**rest}:
            kind = "info"
        case _:
            return False
    words = rest.get("content", ""), rest.get("i18n", {})
    return kind in TOASTS and isinstance(words[0], str) and isinstance(words[1], dict) and any(words)


def _is_card(card: object) -> bool:
    match card:
        case {"type": "raw", "data": {**data}}:
            return bool(data)
        case {"type": "template", "data": {"template_id": str(template)}}:
            return bool(template)
    return False
