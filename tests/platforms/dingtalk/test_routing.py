"""Groups and people of DingTalk find the agents that they are bound to."""

from __future__ import annotations

from trio.testing import MockClock

from tests.platforms.dingtalk.stage import simulated
from trio_bridge.agents import Agent, Route, Router
from trio_bridge.messages import Message


def says(name: str) -> Agent:
    async def answer(message: Message) -> str:
        return name

    return answer


async def test_trap_15_a_group_is_bound_by_its_conversation_and_a_person_by_either_id(
    autojump_clock: MockClock,
) -> None:
    outside = "$:LWCP_v1:$outsider"
    router = Router(
        routes=[
            Route(agent=says("one"), peer_id="cidOne"),
            Route(agent=says("two"), peer_kind="group", peer_id="cidTwo"),
            Route(agent=says("mei"), peer_id="mei"),
            Route(agent=says("outsider"), peer_id=outside),
            Route(agent=says("never"), peer_kind="group", peer_id="mei"),
        ],
        default=says("anybody"),
    )
    async with simulated() as stage, stage.account(router) as account:
        await account.wait_ready()
        heard = []
        for sender, conversation, changes in (
            ("mei", "cidOne", {}),
            ("mei", "cidTwo", {}),
            ("mei", "cidONE", {}),
            ("mei", None, {}),
            ("Mei", None, {}),
            ("lei", None, {"senderId": outside}),
            ("lei", None, {"senderId": outside, "senderStaffId": None}),
        ):
            pushed = await stage.dingtalk.say("hi", sender=sender, conversation=conversation, changes=changes)
            await stage.dingtalk.wait_replied(pushed)
            heard += [reply.text.split()[-1] for reply in stage.dingtalk.ledger.record(pushed).replies]
    assert heard == ["one", "two", "anybody", "mei", "anybody", "outsider", "outsider"]
