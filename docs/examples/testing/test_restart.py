import shop

from trio_bridge.stores.sqlite import inline, open_sqlite


async def test_a_restart_answers_nothing_twice(autojump_clock, dingtalk, tmp_path):
    async with open_sqlite(tmp_path / "shop.db", executor=inline) as store:
        async with dingtalk.open_account(shop.answer, store=store):
            question = await dingtalk.say("tea")
            await dingtalk.wait_replied(question)
    async with open_sqlite(tmp_path / "shop.db", executor=inline) as store:
        async with dingtalk.open_account(shop.answer, store=store):
            dingtalk.duplicate(question)
            await dingtalk.ask("cake")
    answers = [sent.text for sent in dingtalk.sent]
    assert answers == ["tea is 3 coins", "cake is 5 coins"]
