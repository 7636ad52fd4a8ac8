"""What a device signs to prove itself, byte for byte as the gateway builds it for itself.

Fields are joined with ``|`` and nothing is escaped. Scopes stand in the order in which they are sent.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from string import ascii_lowercase, ascii_uppercase
from typing import Final

_LOWER: Final = str.maketrans(ascii_uppercase, ascii_lowercase)
_SPACE: Final = (
    "\t\n\v\f\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What JavaScript trims. :meth:`str.strip` knows four control characters more, and not U+FEFF."""


def payload_v3(
    *,
    device_id: str,
    client_id: str,
    client_mode: str,
    role: str,
    scopes: Iterable[str],
    signed_at_ms: int,
    token: str,
    nonce: str,
    platform: str = "",
    device_family: str = "",
) -> str:
    """The text to sign. ``token`` is what :func:`signed_token` says, ``nonce`` the challenge's.

    Gateways still take an older one, ``v2``, which ends before the platform.
    """
    fields = (device_id, client_id, client_mode, role, ",".join(scopes), str(signed_at_ms), token, nonce)
    return "|".join(("v3", *fields, _plain(platform), _plain(device_family)))


def signed_token(auth: Mapping[str, str]) -> str:
    """Which of the credentials in ``connect.params.auth`` is signed; nothing, if there is none. Never a password."""
    return auth.get("token") or auth.get("deviceToken") or auth.get("bootstrapToken") or ""


def device_id_of(public_key: bytes) -> str:
    """The name of the device that has this key, of 32 raw bytes."""
    return hashlib.sha256(public_key).hexdigest()


def base64url(data: bytes) -> str:
    """Keys and signatures as text: base64 for URLs, without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _plain(word: str) -> str:
    return word.strip(_SPACE).translate(_LOWER)
