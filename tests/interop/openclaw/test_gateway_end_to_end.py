"""From a simulated DingTalk through a bridge to a real gateway, its model, and back as a card that grows."""

from __future__ import annotations

import pytest

import trio_bridge as tb
from tests.interop.openclaw.fake_model import FakeModel, answer_to
from tests.interop.openclaw.real_gateway import TOKEN, RealGateway
from trio_bridge.testing.dingtalk import DingTalkSimulator

pytestmark = pytest.mark.interop

TEMPLATE = "interop.schema"
PEOPLE = ("staff0001", "staff0002", "staff0003")


async def test_every_question_gets_one_answer_though_the_gateway_dies(gateway: RealGateway, model: FakeModel) -> None:
    """Three people and a group ask; in the middle of their answers the gateway is killed; everybody asks once more."""
    agent = tb.agents.OpenClaw(url=gateway.url, token=TOKEN)
    places = [*((who, None) for who in PEOPLE), (PEOPLE[0], "cidGROUP+/=")]
    async with DingTalkSimulator() as dingtalk, dingtalk.open_account(agent, card_template_id=TEMPLATE):
        questions: dict[str, str] = {}

        async def everybody_asks(name: str, what: str) -> None:
            for number, (who, where) in enumerate(places):
                text = f"#{name}{number} {what}"
                pushed = await dingtalk.say(text, sender=who, conversation=where)
                questions[pushed.key] = text

        await everybody_asks("long", "count 60")
        await dingtalk.wait_until(lambda: len([card for card in dingtalk.cards if len(card.texts) > 2]) == len(places))
        await gateway.stop()
        await everybody_asks("short", "echo")
        gateway.start()
        await dingtalk.wait_until(lambda: len(dingtalk.sent) >= len(questions))
        answers = {sent.answers.key: sent.text.strip() for sent in dingtalk.sent if sent.answers is not None}
        assert answers == {key: answer_to(text) for key, text in questions.items()}
        assert len(dingtalk.sent) == len(questions)
        assert dingtalk.ledger.summary().answered_twice == 0
        assert dingtalk.rest.cards.unfinished == []
        assert dingtalk.ledger.faults == []


async def test_answers_over_http(gateway: RealGateway, model: FakeModel) -> None:
    agent = tb.agents.OpenClaw(url=gateway.url, token=TOKEN, over="http")
    async with DingTalkSimulator() as dingtalk, dingtalk.open_account(agent, card_template_id=TEMPLATE):
        assert await dingtalk.ask("#http count 10") == answer_to("#http count 10")
    assert model.runs["http"] == 1
