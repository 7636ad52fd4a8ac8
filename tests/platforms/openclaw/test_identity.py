"""The device of an account: always the same one, whose key nobody sees."""

import subprocess
import sys
from base64 import urlsafe_b64decode

import attrs
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from trio_bridge.engine.environment import Environment
from trio_bridge.engine.executors import inline
from trio_bridge.errors import AccountRefused
from trio_bridge.platforms.openclaw.access.identity import SCOPE, DeviceIdentity, load_identity
from trio_bridge.platforms.openclaw.access.key_file import read_key
from trio_bridge.platforms.openclaw.access.signing import base64url
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.stores.sqlite import open_sqlite

KEY = bytes(range(32))
ED25519 = "cryptography.hazmat.primitives.asymmetric.ed25519"


@pytest.fixture
def environment():
    return Environment(wall=lambda: 1795163828.742, disk=inline)


@pytest.fixture
async def store():
    return await MemoryStore().open_account("gateway", platform="openclaw")


def test_a_signature_is_good():
    device = DeviceIdentity.of(KEY)
    raw = bytes.fromhex("03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8")

    assert device.public_key == base64url(raw)
    signature = urlsafe_b64decode(device.sign("v3|…") + "==")
    Ed25519PublicKey.from_public_bytes(raw).verify(signature, "v3|…".encode())


def test_half_a_character_is_signed_as_the_gateway_reads_it():
    device = DeviceIdentity.of(KEY)

    assert device.sign("nonce \ud800") == device.sign("nonce \ufffd")
    assert device.sign("\ud83d\ude00") == device.sign("😀")


def test_the_private_key_does_not_show():
    device = DeviceIdentity.of(KEY)

    shown = f"{device!r} {device!s} {attrs.asdict(device)} {attrs.astuple(device)}"
    assert device.device_id in shown
    assert base64url(KEY) not in shown
    assert repr(KEY) not in shown
    assert "Ed25519PrivateKey" not in repr(device)


def test_a_device_is_its_key():
    assert DeviceIdentity.of(KEY) == DeviceIdentity.of(KEY)
    assert DeviceIdentity.of(KEY) != DeviceIdentity.of(bytes(32))


async def test_the_key_of_the_file_is_the_device(tmp_path, store, environment):
    path = tmp_path / "device.key"

    first = await load_identity(path, store=store, environment=environment)
    again = await load_identity(path, store=store, environment=environment)

    assert first == again == DeviceIdentity.of(read_key(path))
    assert await store.load(SCOPE) == {}, "in one place, not in two"


async def test_without_a_file_it_lies_in_the_store(store, environment):
    first = await load_identity(None, store=store, environment=environment)
    again = await load_identity(None, store=store, environment=environment)

    assert first == again
    assert (await store.load(SCOPE))["created_at_ms"] == 1795163828742


async def test_it_survives_a_restart(tmp_path, environment):
    devices = []
    for _ in range(2):
        async with open_sqlite(tmp_path / "bridge.db") as store:
            account = await store.open_account("gateway", platform="openclaw")
            devices.append(await load_identity(None, store=account, environment=environment))

    assert devices[0] == devices[1]


@pytest.mark.parametrize("damage", [{"private_key": "short"}, {"private_key": None}, {"version": 2}])
async def test_a_damaged_key_in_the_store_is_not_replaced(store, environment, damage):
    await load_identity(None, store=store, environment=environment)
    await store.save(SCOPE, damage)
    before = await store.load(SCOPE)

    with pytest.raises(AccountRefused, match=r"in the store is damaged.*approved again") as caught:
        await load_identity(None, store=store, environment=environment)

    assert caught.value.kind == "misconfigured"
    assert await store.load(SCOPE) == before


async def test_the_disk_is_waited_for_by_whoever_waits_for_disks(tmp_path, store):
    asked = []

    async def disk(function):
        asked.append(function)
        return await inline(function)

    await load_identity(tmp_path / "device.key", store=store, environment=Environment(disk=disk))

    assert len(asked) == 1


@pytest.mark.parametrize("in_file", [True, False])
async def test_without_the_library_nothing_is_made(tmp_path, store, environment, monkeypatch, in_file):
    monkeypatch.setitem(sys.modules, ED25519, None)
    path = tmp_path / "device.key"

    with pytest.raises(AccountRefused, match=r"pip install 'trio-bridge\[openclaw\]'") as caught:
        await load_identity(path if in_file else None, store=store, environment=environment)

    assert caught.value.kind == "misconfigured"
    assert not path.exists()
    assert await store.load(SCOPE) == {}


def test_whoever_has_no_such_account_does_not_need_the_library():
    program = (
        "import sys; sys.modules['cryptography'] = None\n"
        "import trio_bridge, trio_bridge.platforms.openclaw.access.identity\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
