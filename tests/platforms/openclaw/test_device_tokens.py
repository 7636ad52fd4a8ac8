"""Tokens that gateways gave us: kept with what they were given for, and forgotten when they are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.platforms.openclaw.access.device_tokens import SCOPE, DeviceToken, DeviceTokens
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.stores.opening import open_store

HERE = ("ws://127.0.0.1:18789", "d" * 64, "operator")
READ_WRITE = ["operator.write", "operator.read"]


@pytest.fixture(params=["memory", "sqlite"])
def opener(request, tmp_path):
    """Opens the same account each time, as a restarted process does where the store is durable."""
    memory = MemoryStore()

    async def use(function):
        url = memory if request.param == "memory" else f"sqlite:{tmp_path}/bridge.db"
        async with open_store(url) as store:
            return await function(await store.open_account("gateway", platform="openclaw"))

    return use


async def test_there_is_none_at_first(opener):
    assert await opener(lambda store: DeviceTokens(store).find(*HERE)) is None


async def test_a_token_survives_a_restart(opener):
    kept = await opener(lambda store: DeviceTokens(store).keep(*HERE, "secret", READ_WRITE, 1795163828.742))
    found = await opener(lambda store: DeviceTokens(store).find(*HERE))

    assert kept == found == DeviceToken("secret", frozenset(READ_WRITE), 1795163828.742)


async def test_the_same_token_again_keeps_its_scopes(opener):
    async def log_in_twice(store):
        tokens = DeviceTokens(store)
        await tokens.keep(*HERE, "secret", READ_WRITE, 1)  # a whole number of seconds is as good
        return await tokens.keep(*HERE, "secret", ["operator.read"], 2.0), await tokens.find(*HERE)

    kept, found = await opener(log_in_twice)

    assert kept == found == DeviceToken("secret", frozenset(READ_WRITE), 1.0)


async def test_another_token_takes_its_place(opener):
    async def rotate(store):
        tokens = DeviceTokens(store)
        await tokens.keep(*HERE, "old", READ_WRITE, 1.0)
        await tokens.keep(*HERE, "new", ["operator.read"], 2.0)
        return await tokens.find(*HERE)

    assert await opener(rotate) == DeviceToken("new", frozenset(["operator.read"]), 2.0)


async def test_a_token_is_good_for_one_gateway_device_and_role(opener):
    elsewhere = [("ws://127.0.0.1:18790", *HERE[1:]), (HERE[0], "e" * 64, HERE[2]), (*HERE[:2], "node")]

    async def keep_and_forget(store):
        tokens = DeviceTokens(store)
        for place in (HERE, *elsewhere):
            assert await tokens.find(*place) is None
            await tokens.keep(*place, f"secret of {place}", [], 1.0)
        await tokens.forget(*HERE)
        await tokens.forget(*HERE)
        return [await tokens.find(*place) for place in (HERE, *elsewhere)]

    found = await opener(keep_and_forget)

    assert [token and token.token for token in found] == [None, *(f"secret of {place}" for place in elsewhere)]


def test_scopes_are_the_same_in_any_order():
    assert DeviceToken("t", frozenset(READ_WRITE), 1.0) == DeviceToken("t", frozenset(reversed(READ_WRITE)), 1.0)


def test_a_token_does_not_show():
    assert "secret" not in repr(DeviceToken("secret", frozenset(), 1.0))


GOOD = {"token": "secret", "scopes": ["operator.read"], "issued_at": 1.0}


@pytest.mark.parametrize(
    "damaged",
    [
        "secret",
        [],
        {},
        GOOD | {"token": ""},
        GOOD | {"token": 7},
        GOOD | {"scopes": "operator.read"},
        GOOD | {"scopes": ["operator.read", 7]},
        GOOD | {"scopes": {"operator.read": True}},
        GOOD | {"issued_at": "yesterday"},
        GOOD | {"issued_at": 10**400},
    ],
)
async def test_a_damaged_record_is_forgotten(opener, damaged):
    async def damage(store):
        tokens = DeviceTokens(store)
        await tokens.keep(*HERE, "secret", READ_WRITE, 1.0)
        [key] = await store.load(SCOPE)
        await store.save(SCOPE, {key: damaged})
        assert await tokens.find(*HERE) is None
        assert await store.load(SCOPE) == {}
        return await tokens.keep(*HERE, "secret", ["operator.read"], 2.0)

    assert await opener(damage) == DeviceToken("secret", frozenset(["operator.read"]), 2.0)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(GOOD)), inner, max_size=3),
    max_leaves=8,
)


@given(record=json_values)
async def test_nothing_in_the_store_raises(record):
    store = await MemoryStore().open_account("gateway", platform="openclaw")
    tokens = DeviceTokens(store)
    await tokens.keep(*HERE, "secret", [], 1.0)
    [key] = await store.load(SCOPE)
    await store.save(SCOPE, {key: record})

    found = await tokens.find(*HERE)

    assert found is None or found.token == record["token"]
