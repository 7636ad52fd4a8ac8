"""What the engine takes from outside: network, wall clock, chance. Tests inject their own."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable

import attrs

from ..transport.network import Network
from ..transport.tcp import SystemNetwork


@attrs.frozen(kw_only=True)
class Environment:
    """The outside world, as seen by one bridge."""

    network: Network = attrs.field(factory=SystemNetwork)
    rand: Callable[[], float] = random.random
    """Uniform in [0, 1)."""
    wall: Callable[[], float] = time.time
    """Seconds since the epoch; for what is stored or comes from a platform, never for delays."""
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex
