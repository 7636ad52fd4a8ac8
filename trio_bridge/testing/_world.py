"""What a bridge needs to live in the world of a simulator."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

import trio
from trio.testing import MockClock

from ..transport.network import Network

if TYPE_CHECKING:
    from ..engine.environment import Environment


def environment_of(network: Network, wall: Callable[[], float], rng: random.Random) -> Environment:
    """The simulator's own network, clock and chance."""
    from ..engine.environment import Environment  # whoever tests another client needs nothing of ours
    from ..engine.executors import in_thread, inline

    # A clock that jumps waits for no thread.
    disk = inline if isinstance(trio.lowlevel.current_clock(), MockClock) else in_thread()
    return Environment(network=network, wall=wall, rand=rng.random, disk=disk)
