import trio

import trio_bridge as tb


async def count(message: tb.Message) -> None:
    async with message.stream() as out:
        for number in range(1, 4):
            await out.write(f"{number} ")
            await trio.sleep(1)


async def test_an_answer_grows_and_comes_to_its_end(autojump_clock, dingtalk):
    async with dingtalk.open_account(count):
        assert await dingtalk.ask("count") == "1 2 3 "
    (card,) = dingtalk.cards
    assert card.texts[-3:] == ["1 ", "1 2 ", "1 2 3 "]
    assert card.ended
    assert not card.went_back


async def test_a_busy_platform_takes_nothing_off_an_answer(autojump_clock, dingtalk):
    busy = {"status": 403, "body": '{"code":"Forbidden.AccessDenied.QpsLimitForApi"}'}
    async with dingtalk.open_account(count):
        dingtalk.script("/v1.0/card/streaming", busy, times=2)
        assert await dingtalk.ask("count") == "1 2 3 "
    assert dingtalk.rest.cards.unfinished == []
