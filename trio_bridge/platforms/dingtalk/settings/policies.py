"""Who is heard, and what holds in groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from ....bots.settings.groups import groups_of
from ....bots.settings.policies import PolicySettings
from .groups import DingTalkGroup, ReplyMode, is_reply_mode


def _groups(given: Mapping[str, DingTalkGroup | Mapping[str, Any]]) -> Mapping[str, DingTalkGroup]:
    return groups_of(DingTalkGroup, given)


@attrs.frozen(kw_only=True, slots=False)
class DingTalkPolicies(PolicySettings):
    """Keys about who is heard, and how groups are answered. Ids of people are staff ids or sender ids."""

    group_ids: ClassVar[str] = "cid"

    groups: Mapping[str, DingTalkGroup] = attrs.field(factory=dict, converter=_groups, hash=False)
    group_reply_mode: ReplyMode | None = attrs.field(default=None, validator=attrs.validators.optional(is_reply_mode))
    """How answers look in groups. Default: as ``reply_mode`` says."""
