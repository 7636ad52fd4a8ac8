"""What Feishu encrypts: AES-256 in CBC mode under the hash of the app's encrypt key.

It keeps what is said from being read, and proves nothing: whoever changes a block is not found out by it. So there is
one error for everything that goes wrong, or its kinds would tell a stranger byte by byte what a text of ours says.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from typing import Final

from ....errors import AccountRefused

BLOCK: Final = 16


class Undecryptable(Exception):
    """It is not what somebody wrote who has the key."""


def decrypt(encrypt_key: str, encrypted: str) -> str:
    """The text that was encrypted, of base64 that begins with the initial vector.

    Raises:
      Undecryptable: whatever is wrong with it.
    """
    try:
        data = b64decode(encrypted, validate=True)
        vector, blocks = data[:BLOCK], data[BLOCK:]
        if not blocks:
            raise Undecryptable
        return _unpadded(_decipher(hashlib.sha256(encrypt_key.encode()).digest(), vector, blocks)).decode()
    except ValueError:  # no base64, no whole blocks, no UTF-8
        raise Undecryptable from None


def need_cryptography() -> None:
    """Return if there is what decrypts.

    Raises:
      AccountRefused: it is not installed.
    """
    try:
        import cryptography  # noqa: F401 - it is asked for, not used
    except ImportError as error:
        raise AccountRefused(
            "encrypt_key: the library that decrypts is missing: pip install 'trio-bridge[feishu]'",
            kind="misconfigured",
        ) from error


def _decipher(key: bytes, vector: bytes, blocks: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    decryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).decryptor()
    return decryptor.update(blocks) + decryptor.finalize()


def _unpadded(data: bytes) -> bytes:
    size = data[-1]
    if not 1 <= size <= BLOCK or data[-size:] != bytes([size]) * size:
        raise Undecryptable
    return data[:-size]
