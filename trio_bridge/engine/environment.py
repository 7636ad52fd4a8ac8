"""What the engine takes from outside: network, wall clock, chance, disk. Tests inject their own."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable

import attrs

from ..transport.network import Network
from ..transport.tcp import SystemNetwork
from .executors import Executor, in_thread
from .files import Files
from .store import Store


@attrs.frozen(kw_only=True)
class Environment:
    """The outside world, as seen by one bridge."""

    network: Network = attrs.field(factory=SystemNetwork)
    rand: Callable[[], float] = random.random
    """Uniform in [0, 1)."""
    wall: Callable[[], float] = time.time
    """Seconds since the epoch; for what is stored or comes from a platform, never for delays."""
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex
    disk: Executor = attrs.field(factory=in_thread)
    """Who waits for the disk, where received files are written."""
    files: Files = attrs.field(default=attrs.Factory(lambda self: Files(None, self.disk), takes_self=True))
    """Where they are written: set by who opens the bridge."""
    store: Store | None = None
    """Where the bridge keeps what must survive: set by who opens it, for agents that keep something too."""
