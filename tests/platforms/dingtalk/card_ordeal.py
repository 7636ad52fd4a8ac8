"""An account whose answers grow in cards, under whatever chance brings; and a witness of what people see."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
import trio

from tests.platforms.dingtalk.stage import simulated
from trio_bridge.bots.cards import deck
from trio_bridge.engine.account import Account
from trio_bridge.errors import StoreUnavailable
from trio_bridge.gateways.calls import Answer, Script, Scripts
from trio_bridge.messages import Message
from trio_bridge.platforms.dingtalk import thinking
from trio_bridge.platforms.dingtalk.gateway.cards import DELIVER, INSTANCES, STREAMING
from trio_bridge.platforms.dingtalk.gateway.model import Rules
from trio_bridge.platforms.dingtalk.gateway.rest import DIRECT, WEBHOOK
from trio_bridge.stores.memory import MemoryStore

ANSWERED = ("text", "stream", "two streams", "side by side", "mixed", "transaction", "late")
"""What handlers do that answer."""
FATAL = ("fails in stream", "fails", "fails after", "regrets", "hangs")
MANNERS = (*ANSWERED, "text", "stream", "stream", "empty stream", "nothing", *FATAL)
DEEDS = {"say": 8, "fault": 5, "store": 2, "restart": 1, "die": 2, "drop": 1, "calm": 2}
"""What happens, and how often."""
PEACE = 2_000.0
"""Seconds after which whatever was tried again and again has come to its end."""
QPS = Answer(status=403, body='{"code":"Forbidden.AccessDenied.QpsLimitForAppkeyAndApi","message":"busy"}')
QUOTA = Answer(status=403, body='{"code":"Forbidden.AccessDenied.ApiCountLimitForOrg","message":"used up"}')
LATE = b'{"success":true,"result":true,"errcode":0,"processQueryKey":"x"}'


class Mortal:
    """What one life sees of a store: nothing any more after its death."""

    def __init__(self, kept: Any, ordeal: CardOrdeal) -> None:
        self._kept = kept
        self._ordeal = ordeal
        self.dead = False

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._kept, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            await self._wait_alive()
            if self._ordeal.failing and self._ordeal.chance.random() < self._ordeal.failing:
                raise StoreUnavailable("disk full")
            return await real(*args, **kwargs)

        return call

    async def _wait_alive(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.dead:
            await trio.sleep_forever()


class MortalStore(MemoryStore):
    """Survives the lives of an account."""

    def __init__(self, ordeal: CardOrdeal) -> None:
        super().__init__()
        self.ordeal = ordeal
        self.lives: list[Mortal] = []

    async def open_account(self, name: str, **kwargs: Any) -> Any:
        self.lives.append(Mortal(await super().open_account(name, **kwargs), self.ordeal))
        return self.lives[-1]


class CardOrdeal:
    """Hours of trouble, then peace. By its end nothing looks busy, and every answer was shown once."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = Random(seed)
        self.failing = 0.0
        self.store = MortalStore(self)
        self.ended: dict[str, str] = {}
        """What each message was given in the end, where its handler succeeded."""
        self.answers: dict[str, str] = {}
        self.seen: Counter[str] = Counter()
        self.calm = False
        self.numbers = iter(range(10_000))
        self.tuning: Mapping[str, Any] = {
            "busy_ack": chance.random() < 0.7,
            "busy_texts": ["wait"],
            "async_mode": chance.random() < 0.3,
            "error_text": chance.choice((None, "sorry")),
            "empty_reply_text": chance.choice(("", "(nothing)")),
            "shared_memory_across_conversations": chance.random() < 0.3,
            "session_queue_max": chance.choice((None, 3)),
            "session_full_text": "full",
            "max_attempts": chance.choice((1, 2, 5)),
            "handler_timeout": 20.0,
            "drain_grace": chance.choice((1.0, 60.0)),
            "senders": chance.choice((1, 4)),
            "workers": chance.choice((2, 8)),
            "card_qps": chance.choice((2.0, 15.0)),
            "reply_mode": "card",
        }

    async def undergo(self, steps: int) -> None:
        chance = self.chance
        rules = Rules(keep_offline=True, redeliver_after=60, card_content_limit=chance.choice((None, 300)))
        async with simulated(rules=rules, patience=100_000, rand=chance.random) as stage:
            self.stage = stage
            left = steps
            while left > 0:
                left = await self._live(left)
            stage.dingtalk.rest.scripts = Scripts()
            self.failing, self.calm = 0.0, True
            await self._live(0)
            await self._live(0, check=True)

    async def _live(self, steps: int, *, check: bool = False) -> int:
        stage, chance = self.stage, self.chance
        tuning = dict(self.tuning)
        if chance.random() < 0.2:
            tuning["reply_mode"] = "text"
        with trio.CancelScope() as life, pytest.MonkeyPatch.context() as patch:
            failing, self.failing = self.failing, 0.0
            async with stage.account(self.handle, store=self.store, **tuning) as account:
                self.failing = failing
                while steps:
                    steps -= 1
                    await trio.sleep(chance.choice((0, 0.01, 0.3, 1.1, 4, 40)))
                    [deed] = chance.choices(list(DEEDS), list(DEEDS.values()))
                    match deed:
                        case "say":
                            for _ in range(chance.choice((1, 1, 3, 6))):
                                await self._say()
                        case "fault":
                            self._fault()
                        case "calm":
                            stage.dingtalk.rest.scripts = Scripts()
                        case "store":
                            self.failing = chance.choice((0.0, 0.0, 0.1, 1.0))
                        case "drop" if stage.dingtalk.connections:
                            stage.dingtalk.connections[-1].drop("rst")
                        case "restart":
                            self.failing = 0.0
                            return steps
                        case "die":
                            patch.setattr(deck, "PAUSE_LIMIT", 0)
                            patch.setattr(thinking, "LAST_LIMIT", 0)
                            self.store.lives[-1].dead = True
                            life.cancel()
                            await trio.sleep_forever()
                await trio.sleep(PEACE)
                if check:
                    await self._check(account)
        return steps

    async def _say(self) -> None:
        number, chance = next(self.numbers), self.chance
        text = "/new" if chance.random() < 0.05 else f"q{number}"
        lane = chance.randrange(3)
        conversation = f"cid{lane}" if lane == 2 else None
        await self.stage.dingtalk.say(text, sender=f"staff{lane}", conversation=conversation)

    def _fault(self) -> None:
        chance, scripts = self.chance, self.stage.dingtalk.rest.scripts
        path = chance.choice((INSTANCES, DELIVER, STREAMING, STREAMING, WEBHOOK, DIRECT, f"PUT {INSTANCES}"))
        late = Script(answer=Answer(body=[LATE[:5], LATE[5:]], pace=chance.choice((1, 8))), carried_out=True)
        fault = chance.choice(
            (
                QPS, QPS, QUOTA, Answer(status=500), Answer(status=503), Answer(status=504), late, late,
                Script(answer=Answer(ending="swallow"), carried_out=True),
                Script(answer=Answer(ending="swallow")),
                Script(answer=Answer(ending="hang"), carried_out=chance.random() < 0.5),
            )
        )  # fmt: skip
        scripts.add(path, fault, times=chance.choice((1, 2, 7)))

    # The handler. An answer has a tag, and an end: it is whole, or it is none.

    def _answer(self, message: Message, which: int) -> str:
        tag = f"<{message.text}.{which}:"
        length = Random(tag).choice((3, 30, 150))
        answer = tag + " ".join(f"w{index}" for index in range(length)) + f" {tag[1:]}>"
        return self.answers.setdefault(tag, answer)

    async def handle(self, message: Message) -> str | None:
        run = self.seen[message.id] = self.seen[message.id] + 1
        manner = Random(f"{message.text}{run if self.chance.random() < 0.9 else 0}").choice(MANNERS)
        if self.calm and manner in FATAL:
            manner = "text"
        self.seen[manner] += 1
        result = await self._behave(message, manner)
        self.ended[message.text] = manner
        return result

    async def _behave(self, message: Message, manner: str) -> str | None:
        match manner:
            case "text":
                await trio.sleep(self.chance.choice((0, 3)))
                return self._answer(message, 1)
            case "stream":
                await self._stream(message, 1)
            case "two streams":
                await self._stream(message, 1)
                await self._stream(message, 2)
            case "side by side":
                async with trio.open_nursery() as nursery:
                    await nursery.start(self._started, message, 1)
                    await nursery.start(self._started, message, 2)
            case "mixed":
                await self._stream(message, 1)
                await message.reply(self._answer(message, 2))
            case "late":
                await message.reply(self._answer(message, 1))
                await self._stream(message, 2)
            case "transaction":
                async with message.transaction() as tx:
                    tx.state["n"] = tx.state.get("n", 0) + 1
                    await message.reply(self._answer(message, 1))
                    await trio.sleep(1)
            case "regrets":
                async with message.transaction() as tx:
                    await message.reply(self._answer(message, 1))
                    raise ValueError("no")
            case "empty stream":
                async with message.stream():
                    await trio.sleep(2)
            case "fails":
                raise ValueError("no")
            case "fails in stream":
                async with message.stream() as out:
                    await out.write(self._answer(message, 1)[:20])
                    await trio.sleep(self.chance.choice((0, 3)))
                    raise ValueError("no")
            case "fails after":
                await self._stream(message, 1)
                raise ValueError("no")
            case "hangs":
                async with message.stream() as out:
                    await out.write(self._answer(message, 1)[:20])
                    await trio.sleep_forever()
        return None

    async def _started(
        self, message: Message, which: int, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        await self._stream(message, which, task_status)

    async def _stream(self, message: Message, which: int, status: Any = None) -> None:
        async with message.stream() as out:
            if status is not None:
                status.started()
            answer = self._answer(message, which)
            for index in range(0, len(answer), 40):
                await out.write(answer[index : index + 40])
                await trio.sleep(self.chance.choice((0, 0.2, 1)))

    # What must hold in the end.

    async def _check(self, account: Account) -> None:
        assert account._life is not None
        platform: Any = account._life.platform
        outbox, thinking_of = account._life.outbox, platform._thinking
        shown = [card for card in self.stage.dingtalk.cards if card.shown]
        busy = [card for card in shown if not card.ended]
        assert not busy, [(card.text, card.flow_status, card.calls) for card in busy]
        said = [sent.text for sent in self.stage.dingtalk.sent if sent.via != "card"]
        told = "\0".join([*(card.text for card in shown), *said])
        twice = {tag for tag, count in Counter(re.findall(r"<q\d+\.\d:", told)).items() if count > 1}
        assert not twice
        kept = self.store.lives[-1]._kept
        assert not await kept.outgoing(["open", "pending", "sending"])
        for_a_person = {row.key for row in await kept.outgoing(["dead", "unknown"])}
        assert not platform._cards._cards
        assert {key for key, _ in platform._cards._records.items()} <= for_a_person
        assert (thinking_of._new, thinking_of._marked) == ({}, {})
        assert (outbox._known, outbox._misses, account.statistics().inbox_depth) == (set(), {}, 0)
        for text, manner in self.ended.items():
            if manner in ANSWERED and not for_a_person:
                assert told.count(f"<{text}.1:") == told.count(f" {text}.1:>") == 1, (text, manner)
