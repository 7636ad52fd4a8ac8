"""The platforms of the demonstration: each is a simulator, with accounts on it, and with a book of its own."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, ClassVar, Generic

import attrs

from ..engine.platform import PlatformConfig
from ..platforms.dingtalk.gateway import ledger as dingtalk
from ..platforms.dingtalk.gateway.model import Rules as DingTalkRules
from ..platforms.feishu.gateway import ledger as feishu
from ..platforms.feishu.gateway.fragments import Fragments
from ..platforms.feishu.gateway.model import Rules as FeishuRules
from ..testing import dingtalk as dingtalk_testing
from ..testing import feishu as feishu_testing
from ..testing.dingtalk import DingTalkSimulator
from ..testing.feishu import FeishuSimulator
from ..transport.network import Network
from .simulating.simulator import AnyPeer, AnyPushed, Simulator

DINGTALK = DingTalkRules(redeliver_after=2.0, keep_offline=True)
FEISHU = FeishuRules(ladder=(2.0,) * 100)
"""Platforms more patient than the real ones, and quicker: what nobody acknowledged comes again after 2 s."""
AT_EASE: Mapping[str, Any] = {"rate_limit": 200.0, "rate_burst": 50, "backoff_min": 0.5, "backoff_max": 2.0}
"""Accounts that come back sooner than real ones should: a person watches them."""


class Side(abc.ABC, Generic[AnyPushed, AnyPeer]):
    """One platform, and what people and chance do there."""

    platform: ClassVar[str]
    title: ClassVar[str]
    """Its name, for people."""
    accounts: ClassVar[tuple[str, ...]]

    def __init__(self, simulator: Simulator[AnyPushed, AnyPeer]) -> None:
        self.simulator = simulator
        self.hushed = False
        """Whether nobody says anything here for the moment."""

    @abc.abstractmethod
    def open(self) -> AbstractAsyncContextManager[object]:
        """The platform, while the block runs."""

    @abc.abstractmethod
    def configs(self) -> Sequence[PlatformConfig]:
        """The accounts."""

    @abc.abstractmethod
    async def say(self, account: str, person: str, text: str) -> AnyPushed:
        """Have a person write to the bot of an account."""

    @abc.abstractmethod
    def reset(self, account: str) -> None:
        """End the account's connections with a TCP reset."""

    @property
    def is_settled(self) -> bool:
        """Whether every message has arrived, and was acknowledged and answered."""
        summary = self.simulator.ledger.summary()
        return not (summary.undelivered or summary.unacked or summary.unanswered)

    @property
    def is_connected(self) -> bool:
        """Whether all its accounts are."""
        return len({self._whose(each) for each in self.simulator.connections}) == len(self.accounts)

    def counts(self) -> dict[str, int]:
        """What its book says."""
        records = self.simulator.ledger.records()
        return {
            "lost": sum(not (record.settled and record.replies) for record in records),
            **attrs.asdict(self.simulator.ledger.summary()),
            "connections": len(self.simulator.opened),
        }

    def ack_delays(self) -> Iterator[tuple[float, float]]:
        """When each delivery was made that was acknowledged, and how long that took."""
        for record in self.simulator.ledger.records():
            delivered = {delivery.message_id: delivery.at for delivery in record.deliveries}
            for acked in record.acks:
                at = delivered[acked.message_id]
                yield at, acked.at - at

    @abc.abstractmethod
    def _whose(self, connection: AnyPeer) -> str:
        """The credentials that opened it."""


class DingTalkSide(Side[dingtalk.Pushed, dingtalk_testing.SimulatedConnection]):
    """A DingTalk whose servers leave in the middle of something."""

    platform = "dingtalk"
    title = "DingTalk"
    accounts = ("sales", "support")

    def __init__(self, network: Network | None = None) -> None:
        self._dingtalk = DingTalkSimulator(network=network, rules=DINGTALK)
        super().__init__(self._dingtalk)

    def open(self) -> AbstractAsyncContextManager[object]:
        return self._dingtalk

    def configs(self) -> Sequence[PlatformConfig]:
        return [self._dingtalk.config(name, **AT_EASE) for name in self.accounts]

    async def say(self, account: str, person: str, text: str) -> dingtalk.Pushed:
        return await self._dingtalk.say(text, sender=person, client_id=self._app(account))

    def reset(self, account: str) -> None:
        self._dingtalk.drop_connections("rst", client_id=self._app(account))

    def leave(self, account: str) -> None:
        """Announce that the server will leave."""
        self._dingtalk.disconnect(client_id=self._app(account))

    def _app(self, account: str) -> str:
        return self._dingtalk.config(account).client_id

    def _whose(self, connection: dingtalk_testing.SimulatedConnection) -> str:
        return connection.client_id


class FeishuSide(Side[feishu.Pushed, feishu_testing.SimulatedConnection]):
    """A Feishu that cuts events into pieces."""

    platform = "feishu"
    title = "Feishu"
    accounts = ("hr", "warehouse")

    def __init__(self, network: Network | None = None) -> None:
        self._feishu = FeishuSimulator(network=network, rules=FEISHU)
        super().__init__(self._feishu)

    def open(self) -> AbstractAsyncContextManager[object]:
        return self._feishu

    def configs(self) -> Sequence[PlatformConfig]:
        return [self._feishu.config(name, send_rate_per_chat=50.0, **AT_EASE) for name in self.accounts]

    async def say(self, account: str, person: str, text: str) -> feishu.Pushed:
        return await self._feishu.say(text, sender=f"ou_{person}", app_id=self._app(account))

    def reset(self, account: str) -> None:
        self._feishu.drop_connections("rst", app_id=self._app(account))

    def cutting(self) -> AbstractContextManager[None]:
        """Within the block each event comes in three frames, the last one first."""
        return self._feishu.fragmenting(Fragments(order=(2, 0, 1)))

    def _app(self, account: str) -> str:
        return self._feishu.config(account).app_id

    def _whose(self, connection: feishu_testing.SimulatedConnection) -> str:
        return connection.app_id
