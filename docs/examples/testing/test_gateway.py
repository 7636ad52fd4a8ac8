import trio

import trio_bridge as tb
from trio_bridge.testing.openclaw import Hold, OpenClawSimulator, Pause, Say


async def test_an_agent_answers_through_its_gateway(autojump_clock, dingtalk):
    network = dingtalk.environment.network
    async with OpenClawSimulator(network=network) as gateway:
        slow = [Pause(20), Say("It "), Pause(20), Say("will not.")]
        gateway.reply("It will rain.", slow)
        agent = tb.agents.OpenClaw(url=gateway.url, token=gateway.token)
        async with dingtalk.open_account(agent):
            assert await dingtalk.ask("Will it rain?") == "It will rain."
            assert await dingtalk.ask("Are you sure?") == "It will not."
    asked = [question.text for question in gateway.questions]
    assert asked == ["Will it rain?", "Are you sure?"]


async def test_a_question_outlives_the_gateway(autojump_clock, dingtalk):
    network = dingtalk.environment.network
    async with OpenClawSimulator(protocol=3, network=network) as gateway:
        gateway.reply([Say("It will"), Hold()], "It will rain.")
        agent = tb.agents.OpenClaw(url=gateway.url, token=gateway.token)
        async with dingtalk.open_account(agent), trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                assert await dingtalk.ask("Will it rain?") == "It will rain."

            await gateway.wait_until(lambda: gateway.held)
            await gateway.restart(killed=True, down=10, starting=5)
    assert gateway.times_asked(text="Will it rain?") == 2
