"""Bytes as the gateway writes them."""

from __future__ import annotations

import base64
import binascii


def base64url(data: bytes) -> str:
    """As base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unpadded(text: str) -> bytes | None:
    """The bytes of a base64url text without padding; ``None`` if it is none."""
    if not set("+/=").isdisjoint(text):
        return None
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
