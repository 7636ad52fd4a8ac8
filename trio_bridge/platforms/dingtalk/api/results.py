"""What direct calls come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

from ....errors import BridgeError

DeliveredState = Literal["sent", "invalid", "limited", "filtered", "failed", "unknown"]


@attrs.frozen(kw_only=True)
class Delivered:
    """What became of a message for one recipient."""

    recipient: str
    """The staff id of the person, or the conversation id of the group."""
    state: DeliveredState
    """``sent``: DingTalk took all of it. ``invalid``: nobody has this staff id. ``limited``: DingTalk holds it back for
    now, as the person got too much. ``filtered``: the person is kept away from the robot. ``failed``: it was not
    taken. ``unknown``: it may have been sent, and is not sent again."""
    process_query_keys: tuple[str, ...] = ()
    """One for each piece that was sent, for :meth:`~trio_bridge.dingtalk.DingTalkApi.recall`."""
    error: BridgeError | None = None
    """Why it, or the rest of it, did not get there."""

    @property
    def process_query_key(self) -> str:
        """The key of the only piece, or of the first; empty where nothing was sent."""
        return self.process_query_keys[0] if self.process_query_keys else ""


@attrs.frozen(kw_only=True)
class SendResult:
    """What became of a message, for each recipient in the order in which they were named."""

    delivered: tuple[Delivered, ...]
    conversation_id: str = ""
    """The group that it was sent to; empty for people."""

    @property
    def ok(self) -> bool:
        """Whether all of it was sent to everybody."""
        return all(each.state == "sent" for each in self.delivered)

    @property
    def error(self) -> BridgeError | None:
        """The first thing that went wrong."""
        return next((each.error for each in self.delivered if each.error is not None), None)

    @property
    def process_query_keys(self) -> tuple[str, ...]:
        """The keys of everything that was sent: people who were sent to together share one."""
        return tuple(dict.fromkeys(key for each in self.delivered for key in each.process_query_keys))

    def check(self) -> None:
        """Raise the first thing that went wrong, if anything did."""
        if self.error is not None:
            raise self.error


@attrs.frozen(kw_only=True)
class RecallResult:
    """What was taken back."""

    recalled: tuple[str, ...] = ()
    """Keys of what nobody sees any more."""
    failed: Mapping[str, str] = attrs.field(factory=dict)
    """Keys of what stays, and DingTalk's reason."""

    @property
    def ok(self) -> bool:
        """Whether everything was taken back."""
        return not self.failed


@attrs.frozen(kw_only=True)
class Probe:
    """Whether the credentials are good."""

    at: float
    """When DingTalk was asked, in seconds since the epoch."""
    error: BridgeError | None = None
    """Why there is no yes: :exc:`~trio_bridge.AccountRefused` where they are wrong, anything else where nobody could
    tell."""

    @property
    def ok(self) -> bool:
        """Whether DingTalk said yes."""
        return self.error is None


@attrs.frozen(kw_only=True)
class ApiStatus:
    """The account as its calls know it. There is no secret in here."""

    account: str
    client_id: str
    robot_code: str
    token_age: float | None
    """Seconds since the access token of the newer API was fetched; ``None``: there is none that is good."""
    old_token_age: float | None
    """The same for the older API."""
    banned_for: float
    """Seconds for which no call is made, as DingTalk has banned this machine's address; 0 nearly always."""
    quota_gone_at: float | None
    """When DingTalk last said that the organisation's calls of the month are used up, in seconds since the epoch."""
    probe: Probe | None
    """What the last :meth:`~trio_bridge.dingtalk.DingTalkApi.probe` came to."""
