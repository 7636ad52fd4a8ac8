"""How the platform seals what it calls a webhook with: encrypted, signed. Pure.

Rules, as the platform documents them:

1. With an encrypt key, the body is AES-256 in CBC mode under the SHA-256 of the key, the initial vector first, padded
   as PKCS#7 says, in base64; and it is signed.
2. The signature is the SHA-256 of timestamp, nonce, key and body, byte by byte. The question for a challenge has none.
3. The verification token stands in the header of an event, at the top of the older schema and of the challenge.
"""

from __future__ import annotations

import json
import random
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import attrs

from .letters import encode

BLOCK: Final = 16


@attrs.frozen(kw_only=True)
class HookCall:
    """One call of a webhook."""

    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Seal:
    """What an app and the platform have agreed on."""

    encrypt_key: str = attrs.field(default="", repr=False)
    verification_token: str = attrs.field(default="", repr=False)

    def call(self, payload: bytes, at: float, rng: random.Random, *, signed: bool = True) -> HookCall:
        """A call with this payload at this wall time; without a signature, where nobody is to know whose it is."""
        body = self._with_token(payload)
        if self.encrypt_key:
            body = encode({"encrypt": encrypt(self.encrypt_key, body, rng.randbytes(BLOCK))}).encode()
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if signed and self.encrypt_key:
            headers |= self.signature(body, str(int(at)), f"{rng.getrandbits(64):016x}")
        return HookCall(headers=headers, body=body)

    def challenge(self, challenge: str, at: float, rng: random.Random) -> HookCall:
        """The question whether somebody is there."""
        question = encode({"challenge": challenge, "token": "", "type": "url_verification"})
        return self.call(question.encode(), at, rng, signed=False)

    def signature(self, body: bytes, timestamp: str, nonce: str) -> dict[str, str]:
        """The headers that show who made a call with this body, and when."""
        signed = sha256(f"{timestamp}{nonce}{self.encrypt_key}".encode() + body).hexdigest()
        return {"X-Lark-Request-Timestamp": timestamp, "X-Lark-Request-Nonce": nonce, "X-Lark-Signature": signed}

    def _with_token(self, payload: bytes) -> bytes:
        try:
            value: Any = json.loads(payload)
        except (ValueError, RecursionError):
            return payload
        if not isinstance(value, dict):
            return payload
        header = value.get("header")
        if isinstance(header, dict):
            return encode({**value, "header": {**header, "token": self.verification_token}}).encode()
        return encode({**value, "token": self.verification_token}).encode()


def encrypt(key: str, data: bytes, vector: bytes) -> str:
    """The data as only who has the key can read it. ``vector``: 16 bytes by chance."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    missing = BLOCK - len(data) % BLOCK
    encryptor = Cipher(algorithms.AES(sha256(key.encode()).digest()), modes.CBC(vector)).encryptor()
    blocks = encryptor.update(data + bytes([missing]) * missing) + encryptor.finalize()
    return b64encode(vector + blocks).decode()
