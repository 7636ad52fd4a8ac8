"""A bridge that is killed while answers grow in cards: each question has one card in the end, with the answer."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path
from typing import Any

import trio

import trio_bridge as tb
from tests.crash.forks import Forks
from trio_bridge.platforms.dingtalk.gateway.model import Rules
from trio_bridge.testing.dingtalk import DingTalkSimulator

KILLS = 4
PEOPLE = 4


def serve(store: str, account: dict[str, Any]) -> None:
    """Serve one account until SIGTERM, then drain."""
    trio.run(_serve, store, tb.DingTalk(**account))


async def _serve(store: str, account: tb.DingTalk) -> None:
    async def count(message: tb.Message) -> None:
        async with message.stream() as out:
            for number in range(6):
                await out.write(f"{message.text} {number}. ")
                await trio.sleep(0.03)

    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async with tb.open_bridge([account], count, store=f"sqlite:{store}"):
            await anext(signals)


async def test_every_question_has_one_card_with_the_whole_answer(forks: Forks, tmp_path: Path) -> None:
    seed = int(os.environ.get("CRASH_SEED") or random.randrange(10**6))
    print(f"CRASH_SEED={seed}")
    rand = random.Random(seed)
    with trio.fail_after(120):
        async with DingTalkSimulator(rules=Rules(redeliver_after=0.3, keep_offline=True)) as dingtalk:
            app = dingtalk.add_app("dingkilled", "hush")
            account = {"name": "sales", "client_id": app.client_id, "client_secret": app.client_secret}
            account |= {"endpoint": dingtalk.url, "oapi_endpoint": dingtalk.url, "max_attempts": 1000}
            account |= {"card_qps": 1000.0, "card_update_interval": 0.02, "rate_limit": 1000.0}
            arguments = {"target": f"{__name__}:serve", "store": str(tmp_path / "bridge.db"), "account": account}
            cards = dingtalk.rest.cards.known
            asked: list[str] = []

            async def all_answered() -> None:
                await dingtalk.wait_until(lambda: len([card for card in cards.values() if card.ended]) == len(asked))

            for _ in range(KILLS):
                await forks.start(**arguments)
                await dingtalk.wait_until(lambda: bool(dingtalk.connections))
                await all_answered()  # a message that is in hand at too many deaths would be buried
                for person in range(PEOPLE):
                    asked.append(f"question {len(asked)}")
                    await dingtalk.say(asked[-1], sender=f"staff{person}")
                looks, more = sum(len(card.history) for card in cards.values()), rand.randint(1, 25)
                await dingtalk.wait_until(lambda: sum(len(card.history) for card in cards.values()) >= looks + more)  # noqa: B023
                forks.signal(signal.SIGKILL)
                assert await forks.wait() == -signal.SIGKILL
            await forks.start(**arguments)
            await all_answered()
            forks.signal(signal.SIGTERM)
            assert await forks.wait() == 0
    answers = {text: " ".join(f"{text} {number}." for number in range(6)) + " " for text in asked}
    told = [card.text for card in cards.values()] + [sent.text for sent in dingtalk.sent if sent.via != "card"]
    assert {text for text in told if told.count(text) > 1 or text not in answers.values()} == set()
    assert set(answers.values()) - set(told) == set()
    assert {card.flow_status for card in cards.values()} == {"3"}
