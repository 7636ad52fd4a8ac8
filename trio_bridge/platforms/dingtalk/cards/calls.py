"""The calls that make a card, change it, and bring it to its end.

1. A card has one call under way at a time: the API knows no order, and an older text could replace a newer one.
2. ``cardUpdateOptions`` stands at the top of a body. Anywhere else the whole data of the card is replaced.
3. Every value of a card is a text.
4. Calls about cards share one pace. Being throttled empties it for all cards of the account.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any, Final, Literal

from ....engine.ratelimit import TokenBucket
from ....errors import AccountRefused, BridgeError, ConfigError, ConnectionLost, NotSent, OutcomeUnknown, RateLimited
from ..codes import CARD, CARD_DELIVERY, CARD_STREAM, Category, Outcome
from ..config import DingTalk
from ..rest import Rest
from ..targets import Target

FlowStatus = Literal["2", "3", "5"]
GROWING: Final[FlowStatus] = "2"
DONE: Final[FlowStatus] = "3"
FAILED: Final[FlowStatus] = "5"

LAYOUT: Final = json.dumps({"autoLayout": True}, separators=(",", ":"))
"""The card is as wide as the window. Data that is replaced without it makes the card narrow."""

BURST: Final = 5
PAUSE: Final = 1.5
"""Seconds without any call after DingTalk throttled one: its window is a second."""

LONGEST_PAUSE: Final = 5.0
"""Whatever it says: calls that must be made have delays of their own."""

_ERRORS: Mapping[type[Exception], Category] = {
    OutcomeUnknown: "unknown_outcome",
    RateLimited: "throttled",
    AccountRefused: "permanent_auth",
    NotSent: "transient_config",
    ConnectionLost: "transient_config",
    ConfigError: "transient_config",
}


class CardCalls:
    """Calls about the cards of one account. They raise nothing: what came of a call is an outcome."""

    def __init__(self, config: DingTalk, rest: Rest) -> None:
        self._config = config
        self._rest = rest
        self._pace = TokenBucket(config.card_qps, min(BURST, max(1, int(config.card_qps))))

    async def create(self, card: str, text: str = "") -> Outcome:
        """Make a card that nobody sees yet; ``ok_if_ours`` where an earlier call made it."""
        shown = {self._config.card_key: text} if text else {}
        body = {
            "cardTemplateId": self._config.card_template_id,
            "outTrackId": card,
            "cardData": {"cardParamMap": {"config": LAYOUT, **shown}},
            "callbackType": "STREAM",  # without it the card can't be streamed to
            "imGroupOpenSpaceModel": {"supportForward": True},
            "imRobotOpenSpaceModel": {"supportForward": True},
        }
        return await self._call("POST", CARD, body)

    async def deliver(self, card: str, target: Target) -> Outcome:
        """Show it to a person or a group."""
        body: dict[str, Any] = {"outTrackId": card, "userIdType": 1}  # without the type it is never shown
        robot = {"robotCode": self._config.robot_code}
        if target.kind == "group":
            body |= {"openSpaceId": f"dtv1.card//IM_GROUP.{target.id}", "imGroupOpenDeliverModel": robot}
        else:
            extension = {"dynamicSummary": "true"}
            model = {"spaceType": "IM_ROBOT", **robot, "extension": extension}
            body |= {"openSpaceId": f"dtv1.card//IM_ROBOT.{target.id}", "imRobotOpenDeliverModel": model}
        return await self._call("POST", CARD_DELIVERY, body)

    async def set_flow(self, card: str, status: FlowStatus, text: str, *, paced: bool = True) -> Outcome:
        """Say how far the card is, together with what it shows."""
        key = self._config.card_key
        order = json.dumps({"order": [key]}, separators=(",", ":"))
        data = {
            "flowStatus": status,
            key: text,
            "staticMsgContent": "",
            "sys_full_json_obj": order,
            "config": LAYOUT,
        }
        return await self.update(card, data, paced=paced)

    async def update(
        self, card: str, data: Mapping[str, str], private: Mapping[str, Any] | None = None, *, paced: bool = True
    ) -> Outcome:
        """Change some values of a card, and leave the others."""
        body: dict[str, Any] = {
            "outTrackId": card,
            "cardData": {"cardParamMap": dict(data)},
            "cardUpdateOptions": {"updateCardDataByKey": True, "updatePrivateDataByKey": True},
        }
        if private:
            body["privateData"] = {user: {"cardParamMap": dict(values)} for user, values in private.items()}
        return await self._call("PUT", CARD, body, paced=paced)

    async def stream(
        self, card: str, text: str, *, final: bool = False, failed: bool = False, paced: bool = True
    ) -> Outcome:
        """Show the whole text so far. The last one of a card has an id made of its text: twice is once."""
        guid = uuid.uuid5(uuid.NAMESPACE_OID, f"{card}\0{failed}\0{text}") if final else uuid.uuid4()
        body = {
            "outTrackId": card,
            "guid": str(guid),
            "key": self._config.card_key,
            "content": text,
            "isFull": True,  # a variable of markdown knows nothing else
            "isFinalize": final,
            "isError": failed,
        }
        return await self._call("PUT", CARD_STREAM, body, paced=paced)

    async def wait_turn(self) -> None:
        """Wait until one more call is allowed. A call after it says ``paced=False``."""
        await self._pace.take()

    async def _call(self, method: str, path: str, body: Mapping[str, Any], *, paced: bool = True) -> Outcome:
        if paced:
            await self._pace.take()
        try:
            outcome = await self._rest.call(method, path, body)
        except BridgeError as error:
            found = (category for kind, category in _ERRORS.items() if isinstance(error, kind))
            category: Category = next(found, "bad_request")
            if category == "unknown_outcome" and path != CARD_DELIVERY:
                category = "retry"  # The same again does no harm.
            outcome = Outcome(
                category=category, status=0, message=str(error), retry_after=getattr(error, "retry_after", None)
            )
        if outcome.category == "throttled":
            self._pace.rest(min(max(PAUSE, outcome.retry_after or 0.0), LONGEST_PAUSE))
        return outcome
