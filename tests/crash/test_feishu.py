"""A bridge on Feishu that is killed at any moment: in the end every question has one answer, whichever way it came."""

from __future__ import annotations

import os
import random
import signal
import socket
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

import trio_bridge as tb
from tests.crash.forks import Forks
from trio_bridge.platforms.feishu.gateway.model import App, Rules
from trio_bridge.testing.feishu import FeishuSimulator

PEOPLE = 4
IMPATIENT = Rules(ladder=(0.1,) * 1000, ack_within=0.5)
KEYS = {"encrypt_key": "key-of-the-killed", "verification_token": "token-of-the-killed"}


def serve(store: str, account: dict[str, Any]) -> None:
    """Serve one account until SIGTERM, then drain."""
    trio.run(_serve, store, tb.Feishu(**account))


async def _serve(store: str, account: tb.Feishu) -> None:
    async def answer(message: tb.Message) -> None:
        if message.text.startswith("say"):
            await message.reply(answered(message.text))
            return
        async with message.stream() as out:
            for number in range(4):
                await out.write(f"{message.text} {number}. ")
                await trio.sleep(0.05)

    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async with tb.open_bridge([account], answer, store=f"sqlite:{store}"):
            await anext(signals)


def answered(text: str) -> str:
    """What everybody is to see in the end."""
    return f"you said {text}" if text.startswith("say") else "".join(f"{text} {number}. " for number in range(4))


@asynccontextmanager
async def heard(feishu: FeishuSimulator, mode: str, port: int) -> AsyncGenerator[App]:
    """An app that is connected, or called, while the block runs."""
    app = feishu.add_app()
    if mode == "websocket":
        yield app
    else:
        async with feishu.webhook(f"http://127.0.0.1:{port}/feishu", **KEYS):
            yield app


def free_port() -> int:
    """A port that nobody else is given soon: each process of the bridge listens there again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert isinstance(port, int)
    return port


@pytest.mark.parametrize("kills", [2, pytest.param(99, marks=pytest.mark.soak)])
@pytest.mark.parametrize("mode", ["websocket", "webhook"])
async def test_every_question_has_one_answer_and_no_card_looks_busy(
    forks: Forks, folder: Path, mode: str, kills: int
) -> None:
    seed = int(os.environ.get("CRASH_SEED") or random.randrange(10**6))
    print(f"CRASH_SEED={seed}")
    rand, port, asked = random.Random(seed), free_port(), list[str]()
    with trio.fail_after(60 * kills):
        async with FeishuSimulator(rules=IMPATIENT) as feishu, heard(feishu, mode, port) as app:
            account = {"name": "hr", "app_id": app.app_id, "app_secret": app.app_secret, "domain": feishu.url}
            account |= {"mode": mode, "listen": f"127.0.0.1:{port}", "max_attempts": 1000, **KEYS}
            account |= {"reply_mode": "card", "stream_interval": 0.1, "rate_limit": 1000.0}
            arguments = {"target": f"{__name__}:serve", "store": str(folder / "bridge.db"), "account": account}

            def happenings() -> int:
                return feishu.ledger.summary().acked + feishu.rest.calls.total()

            def all_answered() -> bool:
                return {answered(text) for text in asked} <= {sent.text for sent in feishu.sent}

            async def ask(kind: str, person: int) -> None:
                asked.append(f"{kind} {len(asked)}")
                await feishu.say(asked[-1], sender=f"ou_{person}")

            for _ in range(kills):
                await forks.start(**arguments)
                await feishu.wait_until(all_answered)  # a message that is in hand at too many deaths would be buried
                for person in range(PEOPLE):
                    await ask("say", person)
                    await ask("count", person)
                until = happenings() + rand.randint(1, 50)
                await feishu.wait_until(lambda: happenings() >= until or all_answered())  # noqa: B023
                forks.signal(signal.SIGKILL)
                assert await forks.wait() == -signal.SIGKILL
            await forks.start(**arguments)
            await ask("say", 0)
            await feishu.wait_until(all_answered)
            forks.signal(signal.SIGTERM)
            assert await forks.wait() == 0
    assert Counter(sent.text for sent in feishu.sent) == Counter(map(answered, asked))
    assert [card.text for card in feishu.rest.cards.known.values() if card.shown and not card.ended] == []
    assert feishu.ledger.summary().unacked == 0
    assert feishu.ledger.faults == []
