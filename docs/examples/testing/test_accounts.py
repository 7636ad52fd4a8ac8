import shop

import trio_bridge as tb


async def test_two_accounts_of_one_bridge(autojump_clock, dingtalk):
    accounts = [dingtalk.config("sales"), dingtalk.config("support", workers=2)]
    sales, support = (account.client_id for account in accounts)
    async with tb.open_bridge(
        accounts,
        shop.answer,
        store="memory:",
        environment=dingtalk.environment,
    ):
        assert await dingtalk.ask("tea", client_id=sales) == "tea is 3 coins"
        assert await dingtalk.ask("cake", client_id=support) == "cake is 5 coins"
