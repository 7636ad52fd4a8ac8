"""A language model that breaks off, and is busy, in a test that takes no time."""

from trio_bridge.testing.openai import OpenAISimulator, Refuses, Says


async def test_people_get_whole_answers(autojump_clock, dingtalk):
    async with OpenAISimulator(network=dingtalk.environment.network) as model:
        model.script(
            Says("Tea costs", ending="broken"),
            Refuses(429, "too many requests", retry_after="30"),
            Says("Tea costs 3 coins."),
        )
        async with dingtalk.open_account(model.agent(system="Be brief.")):
            assert await dingtalk.ask("How much is tea?") == "Tea costs 3 coins."
            assert await dingtalk.ask("And cake?") == "you said And cake?"
    assert model.asked[-1].messages == [
        ("system", "Be brief."),
        ("user", "How much is tea?"),
        ("assistant", "Tea costs 3 coins."),
        ("user", "And cake?"),
    ]
