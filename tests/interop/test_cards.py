"""A card that grows, by the one SDK that has cards: what it takes for success is one, and its reader sees all of it."""

from __future__ import annotations

import pytest

from tests.interop.stage import open_stage

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("conversation", [None, "cidTEAM"])
async def test_a_card_of_the_python_sdk_comes_to_its_end(conversation: str | None) -> None:
    async with open_stage() as stage, stage.bot("python"):
        await stage.connected()
        pushed = await stage.dingtalk.say("bot: card", conversation=conversation)
        await stage.dingtalk.wait_replied(pushed)
        (sent,) = stage.dingtalk.sent
        assert (sent.via, sent.text, sent.answers) == ("card", "Hello, you", pushed)
        (card,) = stage.dingtalk.cards
        assert card.spaces == [conversation or "staff0001"]
        assert card.texts == ["", "Hel", "Hello", "Hello, you"]
        assert [look.flow_status for look in card.history] == ["1", "2", "2", "2", "3"]
        assert stage.dingtalk.rest.cards.unfinished == []
        assert stage.dingtalk.ledger.faults == []
