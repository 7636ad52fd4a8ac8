"""The proof that a client has the key of its device.

A device signs what it asks for, together with the nonce of the challenge. Two forms of the text are accepted: ``v3``,
which ends in platform and device family, and ``v2``, which ends before them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from ....wire.characters import whole_characters
from .methods import INVALID_REQUEST, Refusal
from .texts import unpadded

SKEW_MS = 120_000
"""How far the time of a signature may be from ours, in either direction."""
KEY_SIZE = 32


def check_proof(params: Mapping[str, Any], nonce: str, now_ms: int) -> None:
    """The device of a connect request is who it says it is.

    Raises:
      Refusal: it is not, or can't be known to be; what is looked at first is said first.
    """
    device = params["device"]
    key = unpadded(device["publicKey"])
    if key is None or hashlib.sha256(key).hexdigest() != device["id"]:
        raise _refused("DEVICE_ID_MISMATCH", "identity mismatch", "device-id-mismatch")
    if abs(now_ms - device["signedAt"]) > SKEW_MS:
        raise _refused("SIGNATURE_EXPIRED", "signature expired", "device-signature-stale")
    if not device["nonce"].strip():
        raise _refused("NONCE_REQUIRED", "nonce required", "device-nonce-missing")
    if device["nonce"] != nonce:
        raise _refused("NONCE_MISMATCH", "nonce mismatch", "device-nonce-mismatch")
    signature = unpadded(device["signature"])
    if len(key) != KEY_SIZE:
        raise _refused("PUBLIC_KEY_INVALID", "public key invalid", "device-public-key")
    if signature is None or not any(_signed(key, signature, text) for text in signed_texts(params)):
        raise _refused("SIGNATURE_INVALID", "signature invalid", "device-signature")


def signed_texts(params: Mapping[str, Any]) -> tuple[str, str]:
    """What a device may have signed, in the two forms."""
    device, client, auth = params["device"], params["client"], params.get("auth", {})
    secret = auth.get("token") or auth.get("deviceToken") or auth.get("bootstrapToken") or ""
    common = [
        device["id"],
        client["id"],
        client["mode"],
        params.get("role", "operator"),
        ",".join(params.get("scopes", [])),
        str(device["signedAt"]),
        secret,
        device["nonce"],
    ]
    about = [_plain(client.get("platform", "")), _plain(client.get("deviceFamily", ""))]
    return "|".join(["v3", *common, *about]), "|".join(["v2", *common])


def _plain(text: str) -> str:
    """Trimmed, and in lower case as far as ASCII goes."""
    return "".join(char.lower() if char.isascii() else char for char in text.strip())


def _signed(key: bytes, signature: bytes, text: str) -> bool:
    # Not before it is needed: whoever tests without devices needs no library for signatures.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, whole_characters(text).encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _refused(code: str, message: str, reason: str) -> Refusal:
    return Refusal(INVALID_REQUEST, f"device {message}", details={"code": f"DEVICE_AUTH_{code}", "reason": reason})
