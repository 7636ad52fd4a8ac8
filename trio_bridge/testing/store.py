"""Whether a store keeps the contract: the same checks for every store there is.

A test runs them all with :func:`check_store`, or one by one::

    @pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
    async def test_my_store(check, tmp_path):
        await check(lambda: open_my_store(tmp_path))
"""

from __future__ import annotations

from ._store_check import Check, OpenStore
from ._store_inbox import INBOX_CHECKS
from ._store_outbox import OUTBOX_CHECKS
from ._store_whole import WHOLE_CHECKS

__all__ = ["STORE_CHECKS", "Check", "OpenStore", "check_store"]

STORE_CHECKS: tuple[Check, ...] = (*INBOX_CHECKS, *OUTBOX_CHECKS, *WHOLE_CHECKS)


async def check_store(open_store: OpenStore) -> None:
    """The store keeps every rule of :mod:`trio_bridge.engine.store`.

    ``open_store()`` opens the same place each time it is called, as one process after another would.

    Raises:
      AssertionError: it does not; a note names the check.
    """
    for check in STORE_CHECKS:
        try:
            await check(open_store)
        except AssertionError as error:
            error.add_note(f"check: {check.__name__}")
            raise
