"""Who we are to a gateway: a device, which is an Ed25519 key."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from ....engine.environment import Environment
from ....engine.store import AccountStore
from ....errors import AccountRefused
from ....wire.characters import whole_characters
from .key_file import is_there, read_or_make_key
from .key_record import DamagedKey, key_of, new_record
from .signing import base64url, device_id_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SCOPE: Final = "openclaw.device"
"""Of the small state, where there is no file for the key."""


@attrs.frozen
class DeviceIdentity:
    """A device: its name, its public key and what it signs. The private key never shows."""

    device_id: str
    public_key: str
    """Base64url of 32 bytes."""
    _key: Ed25519PrivateKey = attrs.field(repr=False, eq=False)

    @classmethod
    def of(cls, private_key: bytes) -> DeviceIdentity:
        """The device that has this key, of 32 raw bytes.

        Raises:
          AccountRefused: the library that signs is not installed.
        """
        key = _ed25519().from_private_bytes(private_key)
        public_key = key.public_key().public_bytes_raw()
        return cls(device_id_of(public_key), base64url(public_key), key)

    def sign(self, text: str) -> str:
        """The signature, in base64url. Half a character counts as U+FFFD, as it does for the gateway."""
        return base64url(self._key.sign(whole_characters(text).encode()))


async def load_identity(key_file: Path | None, *, store: AccountStore, environment: Environment) -> DeviceIdentity:
    """The device of an account: of the key in its file, or else in its store. Where there is no key one is made.

    Made means kept: nobody sees a device before its key is safe. One caller at a time for each store.

    Raises:
      AccountRefused: the key can't be read or is damaged; or the library that signs is not installed.
      StoreUnavailable: the key can't be kept now.
    """
    _ed25519()  # before a key is made on a machine that can't use it
    if key_file is None:
        return DeviceIdentity.of(await _stored_key(store, environment))
    return DeviceIdentity.of(await environment.disk(partial(read_or_make_key, key_file, environment.wall())))


async def has_key(key_file: Path | None, *, store: AccountStore, environment: Environment) -> bool:
    """Whether there is a device already; if not, :func:`load_identity` would make one.

    Raises:
      StoreUnavailable: nobody can tell now.
    """
    if key_file is not None:
        return await environment.disk(partial(is_there, key_file))
    return bool(await store.load(SCOPE))


async def _stored_key(store: AccountStore, environment: Environment) -> bytes:
    record = await store.load(SCOPE)
    if not record:
        record = new_record(environment.wall())
        await store.save(SCOPE, record)
    try:
        return key_of(record)
    except DamagedKey as damage:
        raise AccountRefused(
            f"the device's key in the store is damaged: {damage}. What to do: put back a copy of the store; or name a "
            "device_key_file, whose key is a new device, which has to be approved again",
            kind="misconfigured",
        ) from None


def _ed25519() -> type[Ed25519PrivateKey]:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError as error:
        raise AccountRefused(
            "OpenClaw accounts need a library that signs: pip install 'trio-bridge[openclaw]'", kind="misconfigured"
        ) from error
    return Ed25519PrivateKey
