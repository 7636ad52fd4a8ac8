import shop
import trio

import trio_bridge as tb


async def test_it_sells_on_feishu_too(autojump_clock, feishu):
    async with feishu.open_account(shop.answer):
        assert await feishu.ask("Tea") == "Tea is 3 coins"
        question = await feishu.say("cake", conversation="oc_team")
        with feishu.half_open():
            await trio.sleep(60)
        feishu.duplicate(question)
        assert await feishu.ask("tea") == "tea is 3 coins"
    assert feishu.ledger.summary().answered_twice == 0
    assert feishu.ledger.faults == []


async def test_a_bot_in_a_process_of_its_own(feishu_on_loopback):
    bot = tb.Feishu(
        name="shop",
        app_id="cli_0123456789abcdef",
        app_secret="any",
        domain=feishu_on_loopback.url,
    )
    async with tb.open_account(bot, shop.answer):
        assert await feishu_on_loopback.ask("Tea") == "Tea is 3 coins"
