"""A bridge that is killed again and again under load: nothing acknowledged is lost, nothing completed is handled again.

Three witnesses are not killed: the platform with its ledger, the journal, and the file of the store.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.crash.book import Book, pairs
from tests.crash.drama import RULES, RUNNING, WORKERS, Drama, Scene, plan
from tests.crash.forks import Forks
from tests.crash.journal import open_journal, read_journal
from trio_bridge.engine.store import AccountStore, Verdict, Work
from trio_bridge.stores.sqlite import open_sqlite
from trio_bridge.testing.dingtalk import DingTalkSimulator
from trio_bridge.wire.protocol import Delivery


async def known(store: AccountStore, keys: Sequence[str]) -> set[str]:
    """Those of the messages that the store has seen."""
    done = await store.work(Work(now=0.0, accept=[Delivery(key, "", "", "") for key in keys]))
    return {key for key, one in zip(keys, done.accepted, strict=True) if one.verdict is Verdict.DUPLICATE}


@pytest.mark.parametrize("kills", [30, pytest.param(999, marks=pytest.mark.soak)])
async def test_nothing_acknowledged_is_lost_and_nothing_completed_handled_again(
    forks: Forks, tmp_path: Path, kills: int
) -> None:
    seed = int(os.environ.get("CRASH_SEED") or random.randrange(10**6))
    print(f"CRASH_SEED={seed}")
    rand, scene, store = random.Random(seed), Scene(), tmp_path / "bridge.db"
    with trio.fail_after(10 * kills):
        async with DingTalkSimulator(rules=RULES) as dingtalk, open_journal(tmp_path, scene.hear) as journal:
            app = dingtalk.add_app("dingkilled", "hush")
            account: dict[str, Any] = {"name": "sales", "client_id": app.client_id, "client_secret": app.client_secret}
            account |= {"endpoint": dingtalk.url, "oapi_endpoint": dingtalk.url}
            account |= {"workers": WORKERS, "rate_limit": 1000.0, "rate_burst": 100}
            drama = Drama(rand, forks, journal, scene, dingtalk, account, store)
            async with trio.open_nursery() as stage:
                stage.start_soon(drama.note_acks)
                async with trio.open_nursery() as talking:
                    talking.start_soon(drama.talk)
                    for kill in plan(rand, kills):
                        await drama.kill(kill)
                    talking.cancel_scope.cancel()
                await drama.start()
                await drama.settle()
                assert await drama.end() == 0
                stage.cancel_scope.cancel()

    ledger, book = dingtalk.ledger, Book.of(read_journal(tmp_path))
    records = list(ledger.records())
    acked = [record.pushed.key for record in records if record.settled]
    assert len([running for kind, running in book.running if kind != "birth" and running >= RUNNING]) >= kills
    assert acked
    assert set(book.acked) == set(acked)
    assert [key for key in acked if key not in book.ended] == [], "acknowledged and never handled"
    assert book.handled_again() == []
    ordered = pairs(records)
    assert len(ordered) > 10 * len(records)
    assert [(one, other) for one, other in ordered if book.begun[other][0] < book.ended[one][-1]] == []

    async with open_sqlite(store) as kept:
        inbox = await kept.open_account("sales", platform="dingtalk")
        assert await known(inbox, acked) == set(acked)
        assert await inbox.dead_letters() == []
        assert await inbox.outgoing(["open", "pending", "sending"]) == []
        in_doubt = {row.key for row in await inbox.outgoing(["unknown"])}
        assert (await inbox.recover(now=0.0, max_deaths=99, max_attempts=99)).waiting == []
    asked = [record for record in records if record.pushed.letter.data.count("how much?")]
    assert asked
    assert ledger.summary().answered_twice == 0
    assert {f"{record.pushed.key}/1" for record in asked if not record.replies} <= in_doubt
    assert ledger.faults == []
