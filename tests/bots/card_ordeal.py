"""An account whose answers grow in cards, under whatever chance brings; and a witness of what people see."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import Any

import pytest
import trio

from trio_bridge.engine.account import Account
from trio_bridge.errors import StoreUnavailable
from trio_bridge.messages import Message
from trio_bridge.stores.memory import MemoryStore

ANSWERED = ("text", "stream", "two streams", "side by side", "mixed", "transaction", "late")
"""What handlers do that answer."""
FATAL = ("fails in stream", "fails", "fails after", "regrets", "hangs")
MANNERS = (*ANSWERED, "text", "stream", "stream", "empty stream", "nothing", *FATAL)
DEEDS = {"say": 8, "fault": 5, "store": 2, "restart": 1, "die": 2, "drop": 1, "calm": 2}
"""What happens, and how often."""
PEACE = 2_000.0
"""Seconds after which whatever was tried again and again has come to its end."""


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


class CardOrdeal(ABC):
    """Hours of trouble, then peace. By its end nothing looks busy, and every answer was shown once.

    Each platform says how accounts are opened, what goes wrong, and what people see.
    """

    last_words: Sequence[str] = ("trio_bridge.bots.cards.deck.PAUSE_LIMIT",)
    """Seconds for what an account says when it stops. A process that dies has none."""

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
            "reply_mode": "card",
        }

    # What each platform says.

    @abstractmethod
    def account(self, **tuning: Any) -> AbstractAsyncContextManager[Account]:
        """An account at the platform, with the store of the ordeal."""

    @abstractmethod
    async def say(self, text: str, lane: int) -> None:
        """Somebody says something, in one of three conversations, of which the last is a group."""

    @abstractmethod
    def go_wrong(self) -> None:
        """Have some of the next calls fail."""

    @abstractmethod
    def drop(self) -> None:
        """The connection is lost."""

    @abstractmethod
    def forgive(self) -> None:
        """No more calls fail."""

    @property
    @abstractmethod
    def shown(self) -> Sequence[Any]:
        """The cards that people see, with ``text`` and ``ended``."""

    @property
    @abstractmethod
    def said(self) -> Sequence[str]:
        """What people read besides."""

    def check(self, account: Account) -> None:  # noqa: B027 - most leave nothing else
        """Nothing is left of it in the account."""

    # What happens.

    async def undergo(self, steps: int) -> None:
        left = steps
        while left > 0:
            left = await self._live(left)
        self.forgive()
        self.failing, self.calm = 0.0, True
        await self._live(0)
        await self._live(0, check=True)

    async def _live(self, steps: int, *, check: bool = False) -> int:
        chance = self.chance
        tuning = dict(self.tuning)
        if chance.random() < 0.2:
            tuning["reply_mode"] = "text"
        with trio.CancelScope() as life, pytest.MonkeyPatch.context() as patch:
            failing, self.failing = self.failing, 0.0
            async with self.account(**tuning) as account:
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
                            self.go_wrong()
                        case "calm":
                            self.forgive()
                        case "store":
                            self.failing = chance.choice((0.0, 0.0, 0.1, 1.0))
                        case "drop":
                            self.drop()
                        case "restart":
                            self.failing = 0.0
                            return steps
                        case "die":
                            for limit in self.last_words:
                                patch.setattr(limit, 0)
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
        await self.say(text, chance.randrange(3))

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
        outbox = account._life.outbox
        busy = [card for card in self.shown if not card.ended]
        assert not busy, [(card.text, card.calls) for card in busy]
        told = "\0".join([*(card.text for card in self.shown), *self.said])
        twice = {tag for tag, count in Counter(re.findall(r"<q\d+\.\d:", told)).items() if count > 1}
        assert not twice
        kept = self.store.lives[-1]._kept
        assert not await kept.outgoing(["open", "pending", "sending"])
        for_a_person = {row.key for row in await kept.outgoing(["dead", "unknown"])}
        assert not platform._cards._cards
        assert {key for key, _ in platform._cards._records.items()} <= for_a_person
        self.check(account)
        assert (outbox._known, outbox._misses, account.statistics().inbox_depth) == (set(), {}, 0)
        for text, manner in self.ended.items():
            if manner in ANSWERED and not for_a_person:
                assert told.count(f"<{text}.1:") == told.count(f" {text}.1:>") == 1, (text, manner)
