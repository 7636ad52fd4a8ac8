"""Both stores keep the contract, SQLite with a thread and without."""

import pytest

from trio_bridge.stores.memory import MemoryStore
from trio_bridge.stores.opening import open_store
from trio_bridge.stores.sqlite import inline, open_sqlite
from trio_bridge.testing.store import STORE_CHECKS, check_store


@pytest.fixture(params=["memory", "sqlite", "sqlite in virtual time"])
def opener(request, tmp_path):
    match request.param:
        case "memory":
            memory = MemoryStore()
            return lambda: open_store(memory)
        case "sqlite":
            return lambda: open_store(f"sqlite:{tmp_path}/bridge.db")
        case _:
            return lambda: open_sqlite(tmp_path / "bridge.db", executor=inline)


@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
async def test_rule(check, opener):
    await check(opener)


async def test_all_rules_in_one_place(opener):
    await check_store(opener)
