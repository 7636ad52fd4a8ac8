"""What a person needs to know who is to approve our device at a gateway."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
"""What may stand in a command that people are told to type: a gateway could name its requests as it likes."""

_WHY: Final[Mapping[str, str]] = {
    "not-paired": "this device is not approved yet",
    "scope-upgrade": "this device asks for more scopes than it was approved for",
    "role-upgrade": "this device asks for another role than it was approved for",
    "metadata-upgrade": "this device says of itself other things than when it was approved",
}


@attrs.frozen
class Pairing:
    """A request to approve this device, which waits at the gateway."""

    request_id: str
    """Empty where the gateway named none that can be typed."""
    reason: str
    """As the gateway has it: ``not-paired``, ``scope-upgrade``, ``role-upgrade``, ``metadata-upgrade``; or empty."""
    device_id: str = ""

    @classmethod
    def of(cls, details: Any) -> Pairing:
        """The request that the details of an error speak of."""
        said = details if isinstance(details, Mapping) else {}
        request_id, reason, device_id = (_typeable(said.get(name)) for name in ("requestId", "reason", "deviceId"))
        return cls(request_id, reason, device_id)

    @property
    def command(self) -> str:
        """What approves it, on the gateway's machine."""
        return f"openclaw devices approve {self.request_id}" if self.request_id else "openclaw devices list"

    @property
    def why(self) -> str:
        """What is to be approved, in our words."""
        return _WHY.get(self.reason, "this device must be approved")

    def __str__(self) -> str:
        which = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.why}{which}. On the gateway's machine: {self.command}"


def _typeable(value: Any) -> str:
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""
