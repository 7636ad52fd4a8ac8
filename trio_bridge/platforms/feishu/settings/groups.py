"""What holds in one group only."""

from __future__ import annotations

import attrs

from ....bots.settings.groups import Group
from .sending import ReplyMode, is_reply_mode


@attrs.frozen(kw_only=True)
class FeishuGroup(Group):
    """What one group is told that the other groups of the account are not. What is left out is as everywhere."""

    reply_mode: ReplyMode | None = attrs.field(default=None, validator=attrs.validators.optional(is_reply_mode))
    """Instead of the account's ``group_reply_mode``."""
