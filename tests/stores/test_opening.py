"""From a URL to a store."""

import pytest

from trio_bridge.errors import ConfigError, StoreUnavailable
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.stores.opening import open_store
from trio_bridge.stores.sqlite import SqliteStore


async def test_memory():
    async with open_store("memory:") as store:
        assert isinstance(store, MemoryStore)
        assert not store.durable


async def test_sqlite(path):
    async with open_store(f"sqlite:{path}") as store:
        assert isinstance(store, SqliteStore)
        assert store.durable
        assert path.exists()


async def test_a_relative_path_is_of_the_directory_at_the_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with open_store("sqlite:bridge.db") as store:
        monkeypatch.chdir("/")
        assert store.path == tmp_path / "bridge.db"
        await store.accounts()


async def test_a_tilde_is_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    async with open_store("sqlite:~/bridge.db"):
        assert (tmp_path / "bridge.db").exists()


async def test_a_name_may_have_any_characters(tmp_path):
    odd = tmp_path / "a b%20c?mode=ro#d é.db"
    async with open_store(f"sqlite:{odd}"):
        assert odd.exists()


async def test_an_open_store_stays_open(path):
    async with open_store(f"sqlite:{path}") as store:
        async with open_store(store) as same:
            assert same is store
        await store.accounts()
    with pytest.raises(StoreUnavailable, match="is closed"):
        await store.accounts()


@pytest.mark.parametrize(
    "url",
    ["", "memory", "memory:x", "sqlite", "sqlite:", "sqlite::memory:", "sqlite:///bridge.db", "sqlite:a\0b", "/a.db"],
)
async def test_what_names_no_store_is_refused(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="expected memory: or sqlite:PATH"):
        async with open_store(url):
            pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["redis://host/0", "rediss://host"])
async def test_redis_is_not_known_yet(url):
    with pytest.raises(ConfigError, match="does not know redis; expected memory: or sqlite:PATH"):
        async with open_store(url):
            pass
