"""What one try to log in shows a gateway: who we are, what we ask for, and what proves it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from ...._version import __version__
from ....wire.redaction import HIDDEN
from ..config import OpenClaw
from ..failures import PROTOCOLS
from .device_tokens import DeviceToken
from .identity import DeviceIdentity
from .signing import payload_v3, signed_token

ROLE: Final = "operator"
USER_AGENT: Final = f"trio-bridge/{__version__}"

_DEVICE: Final = ("cli", "cli")
"""How a device with a key calls itself, and its mode. Gateways know a closed list of names, and ours is not on it."""
_BARE: Final = ("gateway-client", "backend")
"""What may log in without a device, from the gateway's own machine."""


@attrs.frozen
class Credentials:
    """The shared secrets as they were read for a try. Empty where there is none."""

    token: str = attrs.field(default="", repr=False)
    password: str = attrs.field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.token or self.password)


@attrs.frozen
class Challenge:
    """What a gateway wants to be signed, so that nothing signed earlier can be used again."""

    nonce: str
    at_ms: int
    """By the gateway's clock, so that ours may be wrong."""


@attrs.frozen(kw_only=True)
class Offer:
    """What a try shows. Without an identity it is made by nobody in particular."""

    identity: DeviceIdentity | None
    credentials: Credentials
    scopes: Sequence[str]
    device_token: DeviceToken | None = None

    def params(self, challenge: Challenge, config: OpenClaw) -> dict[str, Any]:
        """What ``connect`` is called with."""
        oldest, newest = PROTOCOLS
        client_id, mode = _BARE if self.identity is None else _DEVICE
        auth = self._auth()
        return {
            "minProtocol": oldest,
            "maxProtocol": newest,
            "client": {
                "id": client_id,
                "mode": mode,
                "version": __version__,
                "platform": sys.platform,
                "displayName": f"trio-bridge {config.name}",
            },
            "role": ROLE,
            "scopes": list(self.scopes),
            "caps": list(config.caps),
            "userAgent": USER_AGENT,
            **({"auth": auth} if auth else {}),
            **({} if self.identity is None else {"device": self._proof(self.identity, challenge, auth)}),
        }

    def hide(self, text: str) -> str:
        """The text without what proves us, should a gateway repeat it."""
        for secret in self._auth().values():
            text = text.replace(secret, HIDDEN)
        return text

    def _auth(self) -> dict[str, str]:
        shown = {
            "token": self.credentials.token,
            "password": self.credentials.password,
            "deviceToken": "" if self.device_token is None else self.device_token.token,
        }
        return {name: secret for name, secret in shown.items() if secret}

    def _proof(self, identity: DeviceIdentity, challenge: Challenge, auth: Mapping[str, str]) -> dict[str, Any]:
        signed = payload_v3(
            device_id=identity.device_id,
            client_id=_DEVICE[0],
            client_mode=_DEVICE[1],
            role=ROLE,
            scopes=self.scopes,
            signed_at_ms=challenge.at_ms,
            token=signed_token(auth),
            nonce=challenge.nonce,
            platform=sys.platform,
        )
        return {
            "id": identity.device_id,
            "publicKey": identity.public_key,
            "signature": identity.sign(signed),
            "signedAt": challenge.at_ms,
            "nonce": challenge.nonce,
        }
