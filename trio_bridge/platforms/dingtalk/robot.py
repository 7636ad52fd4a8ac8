"""What the robot of an account does by the API, each call made once and no faster than DingTalk takes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from ...engine.ratelimit import TokenBucket
from .codes import SEND_TO_GROUP, SEND_TO_PEOPLE, Outcome
from .config import DingTalk
from .kinds import Kind
from .rest import Rest

RECALL_FROM_PEOPLE: Final = "/v1.0/robot/otoMessages/batchRecall"  # spelt like this by the platform
RECALL_FROM_GROUP: Final = "/v1.0/robot/groupMessages/recall"

MANY: Final = 20
"""People, or keys, in one call."""


@attrs.define(eq=False)
class Robot:
    """The robot's calls. All of an account's go through here, so that none of DingTalk's APIs is called too fast.

    Each method raises what :meth:`.rest.Rest.call` does.
    """

    _config: DingTalk
    _rest: Rest
    _turns: Mapping[str, TokenBucket] = attrs.field(
        # No burst: DingTalk counts the calls of each second.
        default=attrs.Factory(
            lambda self: defaultdict(lambda: TokenBucket(self._config.rate_limit, 1)), takes_self=True
        )
    )

    async def send_to_people(self, user_ids: Sequence[str], message: Kind) -> Outcome:
        """What came of sending a message to at most :data:`MANY` people."""
        return await self._call(SEND_TO_PEOPLE, {"userIds": list(user_ids), **message.for_api()})

    async def send_to_group(self, conversation_id: str, message: Kind) -> Outcome:
        """What came of sending a message to a group."""
        return await self._call(SEND_TO_GROUP, {"openConversationId": conversation_id, **message.for_api()})

    async def recall_from_people(self, keys: Sequence[str]) -> Outcome:
        """What came of taking messages back from people, at most :data:`MANY` at a time."""
        return await self._call(RECALL_FROM_PEOPLE, {"processQueryKeys": list(keys)})

    async def recall_from_group(self, conversation_id: str, keys: Sequence[str]) -> Outcome:
        """The same for a group."""
        return await self._call(
            RECALL_FROM_GROUP, {"openConversationId": conversation_id, "processQueryKeys": list(keys)}
        )

    async def _call(self, path: str, body: Mapping[str, Any]) -> Outcome:
        turns = self._turns[path]
        await turns.take()
        outcome = await self._rest.call("POST", path, {"robotCode": self._config.robot_code, **body})
        if outcome.category == "throttled" and not outcome.banned and outcome.retry_after:
            turns.rest(outcome.retry_after)
        return outcome
