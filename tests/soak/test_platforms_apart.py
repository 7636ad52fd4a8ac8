"""A platform that dies, with real sockets and a real disk: accounts on the other one are acknowledged as before."""

from __future__ import annotations

import random
from pathlib import Path
from statistics import median

import pytest
import trio

from trio_bridge.runner.demo import perform
from trio_bridge.runner.play import Play
from trio_bridge.runner.sides import DingTalkSide, FeishuSide

pytestmark = pytest.mark.soak

SECONDS = 200.0
NEAR = 0.02
"""Seconds by which half of the acknowledgements may be later: the machine has other things to do as well."""


async def test_the_death_of_one_platform_is_no_business_of_the_other(tmp_path: Path) -> None:
    dingtalk, feishu = DingTalkSide(), FeishuSide()
    play = Play(dingtalk, feishu, random.Random(1))
    report = await perform(play, f"sqlite:{tmp_path / 'bridge.db'}", SECONDS, trio.Event())
    assert report.ok
    assert len(play.outages) >= 4
    for side in (dingtalk, feishu):
        usual, meanwhile = (median(play.ack_delays(side, meanwhile=each)) for each in (False, True))
        assert meanwhile < usual + NEAR
