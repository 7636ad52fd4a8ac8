"""One life of an account as its keeper sees it: when it is to end, and whether it has."""

from __future__ import annotations

import attrs
import trio


@attrs.define(eq=False)
class Tenure:
    """One life of an account, from its wish to its end."""

    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    ending: trio.Event = attrs.field(factory=trio.Event)
    """Finish what is in hand, then end. The scope's deadline is the limit for it."""
    done: trio.Event = attrs.field(factory=trio.Event)
    """Nothing is left of it, or only a handler that ignores its cancellation."""
    failed: bool = False

    def end(self, grace: float) -> None:
        self.scope.deadline = min(self.scope.deadline, trio.current_time() + grace)
        self.ending.set()
