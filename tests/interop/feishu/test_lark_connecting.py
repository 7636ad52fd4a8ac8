"""How Feishu's SDKs come in, are turned away, lose their connection and come again."""

from __future__ import annotations

import pytest

from tests.interop.feishu.stage import SECRET, Stage, open_stage, rules_for
from trio_bridge.platforms.feishu.gateway.doorkeeper import BAD_SECRET, TOO_MANY
from trio_bridge.testing.feishu import SimulatedConnection

pytestmark = pytest.mark.interop

both = pytest.mark.parametrize("sdk", ["python", "node"])


async def answered(stage: Stage, connection: SimulatedConnection) -> None:
    """The connection is good: what is said arrives there, and is acknowledged."""
    pushed = await stage.feishu.say("hello")
    await stage.feishu.wait_acked(pushed)
    assert [delivery.connection for delivery in stage.feishu.ledger.record(pushed).deliveries] == [connection.id]


@both
async def test_a_lost_connection_is_replaced_and_pings_go_on(sdk: str) -> None:
    async with open_stage(rules_for(sdk)) as stage, stage.bot(sdk):
        feishu, before = stage.feishu, await stage.connected()
        await answered(stage, before)
        await feishu.wait_until(lambda: len(before.pings) >= 3)
        for how, code in (("close", 1001), ("rst", 1000), ("fin", 1000)):
            before.drop(how, code)
            connection = await stage.connected()
            await answered(stage, connection)
            assert not before.live
            before = connection
        addresses = [each.device_id for each in feishu.discoveries]
        assert len(set(addresses)) == 4, "a new address for each connection, with a ticket that is good once"
        assert [connection.id for connection in feishu.opened] == addresses
        assert feishu.counts.handshakes == {101: 4}
        assert stage.faults() == []


@both
async def test_a_ticket_that_is_too_old_is_replaced_by_another(sdk: str) -> None:
    async with open_stage(rules_for(sdk, ticket_life=0.0)) as stage, stage.bot(sdk):
        await stage.feishu.wait_until(lambda: stage.feishu.counts.handshakes[400] == 1)
        stage.feishu.rules = rules_for(sdk)
        await answered(stage, await stage.connected())
        assert len(stage.feishu.discoveries) == stage.feishu.counts.handshakes.total()


@both
async def test_one_connection_too_many_is_given_up(sdk: str) -> None:
    """Both SDKs do so for good, also when there is room again."""
    async with open_stage(rules_for(sdk, max_connections=1)) as stage, stage.bot(sdk):
        first = await stage.connected()
        async with stage.bot(sdk) as second:
            second.may_end = True
            if sdk == "python":
                assert await second.wait_ended() == 1
            else:
                assert str(TOO_MANY) in await second.wait_said("gave_up")
        assert [each.code for each in stage.feishu.discoveries] == [0, TOO_MANY]
        await answered(stage, first)
        assert stage.faults() == []


@both
async def test_a_wrong_secret_is_given_up(sdk: str) -> None:
    async with open_stage() as stage, stage.bot(sdk, secret=f"not {SECRET}") as bot:
        bot.may_end = True
        if sdk == "python":
            assert await bot.wait_ended() == 1
        else:
            assert str(BAD_SECRET) in await bot.wait_said("gave_up")
        assert [each.code for each in stage.feishu.discoveries] == [BAD_SECRET]
        assert not stage.feishu.opened


async def test_an_answer_on_a_later_connection_is_a_fault() -> None:
    """The SDK for Node writes to whichever connection is open when a handler is done."""
    async with open_stage(rules_for("node", ladder=())) as stage, stage.bot("node") as bot:
        first = await stage.connected()
        slow = await stage.feishu.say("slow")
        await bot.wait_said("got")
        first.drop("rst")
        second = await stage.connected()
        await stage.feishu.wait_until(lambda: bool(stage.feishu.ledger.faults))
        (fault,) = stage.feishu.ledger.faults
        assert (fault.kind, fault.connection) == ("ack_on_wrong_connection", second.id)
        assert not stage.feishu.ledger.record(slow).settled
