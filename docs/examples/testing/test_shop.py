import shop


async def test_it_knows_its_prices(autojump_clock, dingtalk):
    async with dingtalk.open_account(shop.answer):
        assert await dingtalk.ask("Tea") == "Tea is 3 coins"


async def test_it_keeps_out_of_small_talk(autojump_clock, dingtalk):
    async with dingtalk.open_account(shop.answer):
        small_talk = await dingtalk.say("nice weather", conversation="cidTeam")
        await dingtalk.wait_acked(small_talk)
        assert await dingtalk.ask("cake") == "cake is 5 coins"
    assert len(dingtalk.sent) == 1


async def test_a_lost_connection_loses_no_question(autojump_clock, dingtalk):
    async with dingtalk.open_account(shop.answer):
        question = await dingtalk.say("tea")
        dingtalk.drop_connections("rst")
        assert (await dingtalk.next_reply()).text == "tea is 3 coins"
        dingtalk.duplicate(question)
        assert await dingtalk.ask("cake") == "cake is 5 coins"
    assert dingtalk.ledger.summary().answered_twice == 0
