"""Who is heard, and what holds in groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from ....bots.settings.groups import groups_of
from ....bots.settings.policies import PolicySettings
from .groups import FeishuGroup


def _groups(given: Mapping[str, FeishuGroup | Mapping[str, Any]]) -> Mapping[str, FeishuGroup]:
    return groups_of(FeishuGroup, given)


@attrs.frozen(kw_only=True, slots=False)
class FeishuPolicies(PolicySettings):
    """Keys about who is heard. People are named by open id (``ou_…``), union id (``on_…``) or user id."""

    group_ids: ClassVar[str] = "oc_"

    groups: Mapping[str, FeishuGroup] = attrs.field(factory=dict, converter=_groups, hash=False)
    allow_bot_senders: bool = False
    """Hear other bots like people, by the same rules. Two bots that answer each other find no end: let at least one of
    them hear only what mentions it."""
