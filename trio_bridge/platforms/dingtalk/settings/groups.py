"""What holds in one group only."""

from __future__ import annotations

from typing import Final, Literal, get_args

import attrs

from ....bots.settings.groups import Group

ReplyMode = Literal["card", "auto", "markdown", "text"]

is_reply_mode: Final = attrs.validators.in_(get_args(ReplyMode))


@attrs.frozen(kw_only=True)
class DingTalkGroup(Group):
    """What one group is told that the other groups of the account are not. What is left out is as everywhere."""

    reply_mode: ReplyMode | None = attrs.field(default=None, validator=attrs.validators.optional(is_reply_mode))
    """Instead of the account's ``group_reply_mode``."""
