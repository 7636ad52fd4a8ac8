"""Every row of the table of failures, played to an account: its state, its alarms, and when it tries again."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import attrs
import pytest
import trio
from trio.testing import MockClock

from tests.platforms.openclaw.stage import Stage, simulated
from trio_bridge.platforms.openclaw.codes import STARTING_UP, TABLE, Category, Row
from trio_bridge.platforms.openclaw.gateway.methods import Refusal
from trio_bridge.testing.openclaw import Closes, Refuses

RETRY_AFTER: Final = 100.0
PROBE: Final = 60.0
"""In place of an hour."""


@attrs.frozen
class Outcome:
    """What an account does about a failure."""

    state: str
    alarms: frozenset[str]
    earliest: float
    """Seconds until it tries again."""
    latest: float


SOON = Outcome("waiting", frozenset(), 0.25, 3)
PROBED = Outcome("quarantined", frozenset(), PROBE - 2, PROBE + 8)
APPROVAL = Outcome("waiting", frozenset({"pairing_required"}), 13, 17)
OUTCOMES: Final[Mapping[Category, Outcome]] = {
    "transient": SOON,
    "starting": Outcome("waiting", frozenset(), 0.25, 10),
    "rate_limited": Outcome("waiting", frozenset(), RETRY_AFTER, RETRY_AFTER * 1.2 + 1),
    "auth": PROBED,
    "device_token": PROBED,
    "stale_proof": PROBED,
    "pairing": APPROVAL,
    "more_scopes": APPROVAL,
    "scope": PROBED,
    "incompatible": PROBED,
    "misconfigured": PROBED,
    "auth_changed": Outcome("waiting", frozenset(), 1, 1.5),
    "device_removed": Outcome("waiting", frozenset(), 1, 1.5),
    "slow_reader": SOON,
    "too_large": PROBED,
}
BEHIND_HELLO: Final = ("auth_changed", "device_removed", "slow_reader")
TRIED_AT_ONCE: Final[Mapping[Category, int]] = {"stale_proof": 2}
"""How often it is tried before that: an old proof is replaced once."""


def refused(stage: Stage, row: Row) -> AbstractContextManager[None]:
    """Have the gateway refuse a login as the row says."""
    tries = TRIED_AT_ONCE.get(row.category, 1)
    if row.status is not None:
        return stage.gateway.refusing_upgrades(row.status)
    if row.close is not None:
        stage.gateway.script("connect", Closes(row.close, row.reason.replace("*", ": whatever")), times=tries)
        return nullcontext()
    name = "reason" if row.detail == STARTING_UP else "code"
    said = {name: row.detail.replace("*", "ANY")} if row.detail else None
    code = row.code.replace("*", "ANY") or "INVALID_REQUEST"
    wait = int(RETRY_AFTER * 1000) if row.category in ("starting", "rate_limited") else None
    refusal = Refusal(code, "no", details=said, retry_after_ms=wait)
    stage.gateway.script("connect", Refuses(refusal), times=tries)
    return nullcontext()


@pytest.mark.parametrize("row", TABLE)
async def test_what_an_account_does_about_each_failure(autojump_clock: MockClock, row: Row) -> None:
    outcome = OUTCOMES[row.category]
    async with simulated() as stage:
        if row.category in BEHIND_HELLO:
            async with stage.account() as account:
                await account.wait_ready()
                stage.gateway.drop_connections(row.close or 0, row.reason)
                await trio.sleep(0.1)
                assert (account.state, account.alarms) == (outcome.state, outcome.alarms)
                await stage.gateway.wait_until(lambda: len(stage.tried_at) == 2)
                assert outcome.earliest <= trio.current_time() <= outcome.latest
        else:
            with refused(stage, row):
                async with stage.account(refused_probe=PROBE) as account:
                    while not account.statistics().last_error:
                        await trio.sleep(0.05)
                    refused_at = trio.current_time()
                    assert (account.state, account.alarms) == (outcome.state, outcome.alarms)
                    tries = len(stage.gateway.opened)
                    await stage.gateway.wait_until(lambda: len(stage.gateway.opened) > tries or row.status)
                    waited = trio.current_time() - refused_at
                    if row.status is None:
                        assert outcome.earliest - 0.1 <= waited <= outcome.latest


def test_every_category_has_an_outcome() -> None:
    assert {row.category for row in TABLE} == set(OUTCOMES)
