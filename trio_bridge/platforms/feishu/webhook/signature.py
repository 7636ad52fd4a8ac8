"""What shows that a call is Feishu's, and of now. Everything is compared as the bytes that came."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

LONGEST: Final = 12
"""Digits of a time in seconds: enough for the next 30,000 years."""


def is_signed(body: bytes, timestamp: bytes, nonce: bytes, signature: bytes, encrypt_key: str) -> bool:
    """Whether who signed knows the encrypt key. It takes the same time whatever the answer is."""
    signed = hashlib.sha256(timestamp + nonce + encrypt_key.encode() + body).hexdigest().encode()
    return hmac.compare_digest(signed, signature)


def is_timely(timestamp: bytes, now: float, window: float) -> bool:
    """Whether a call was signed within ``window`` seconds of now, before or after."""
    return timestamp.isdigit() and len(timestamp) <= LONGEST and abs(now - int(timestamp)) <= window


def is_same(said: str, expected: str) -> bool:
    """Whether two secrets are the same. It takes the same time whatever the answer is."""
    return hmac.compare_digest(said.encode(), expected.encode())
