from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.config import AccountConfig
from trio_bridge.engine.policy import Begin, RestartPolicy, ReturnWishes, honour_hint
from trio_bridge.engine.states import Alarm, Outcome
from trio_bridge.errors import (
    AccountRefused,
    ConfigError,
    ConnectionLost,
    HandshakeFailed,
    PeerClosed,
    PeerStarting,
    RateLimited,
)


def config(**changes: object) -> AccountConfig:
    return attrs.evolve(AccountConfig(name="a"), **changes)


class Rand:
    """Chance that always draws the same."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self) -> float:
        return self.value


def not_connected(now: float = 0.0) -> Outcome:
    return Outcome(HandshakeFailed("refused", stage="tcp"), ended_at=now)


def run(seconds: float, *, now: float = 0.0, deliveries: int = 0, heard: bool = True) -> Outcome:
    return Outcome(PeerClosed(1006), ended_at=now, ready_at=now - seconds, deliveries=deliveries, heard=heard)


def ceilings(policy: RestartPolicy, rand: Rand, count: int) -> list[float]:
    rand.value = 1.0
    return [policy.ended(not_connected()).delay for _ in range(count)]


def test_the_delay_law() -> None:
    rand = Rand(1.0)
    assert ceilings(RestartPolicy(config(), rand), rand, 8) == [1, 2, 4, 8, 16, 32, 60, 60]
    rand.value = 0.0
    assert RestartPolicy(config(), rand).ended(not_connected()) == Begin(0.25)


def test_wishes_of_the_server() -> None:
    rand = Rand(1.0)
    wishes = ReturnWishes(spread=30.0, cap=5.0, tries=4, rest=300.0)
    policy = RestartPolicy(config(), rand, lambda: wishes)
    assert policy.ended(run(10)).delay == 30, "spread, when a connection was lost"
    rand.value = 0.1
    assert policy.ended(run(10)).delay == 3
    assert policy.ended(not_connected()).delay == pytest.approx(0.4), "and not when none came to be"
    rand.value = 1.0
    assert [policy.ended(not_connected()).delay for _ in range(5)] == [300, 5, 5, 5, 300], "every fourth failure rests"
    wishes = ReturnWishes(tries=0, rest=300.0)
    assert [policy.ended(not_connected()).delay for _ in range(2)] == [300, 300]


def test_a_server_that_wants_us_soon_is_not_asked_without_end() -> None:
    rand = Rand(1.0)
    policy = RestartPolicy(config(stall_runs=100), rand, lambda: ReturnWishes(cap=1.0))
    delays = [policy.ended(run(1, now=float(number))).delay for number in range(12)]
    assert delays == [1.0] * 10 + [60.0] * 2, "flapping is slowed down whatever it wishes"


def test_a_refusal_may_say_how_soon_it_is_worth_asking_again() -> None:
    policy = RestartPolicy(config(), Rand(0.0))
    refusal = AccountRefused("perhaps later", kind="auth", probe=300.0)
    assert policy.ended(Outcome(refusal, ended_at=0.0)) == Begin(300.0, "quarantined")
    assert policy.ended(Outcome(AccountRefused("no", kind="auth"), ended_at=0.0)) == Begin(3600.0, "quarantined")


def test_the_count_starts_afresh_after_a_minute_of_ready_with_something_heard() -> None:
    rand = Rand(1.0)
    policy = RestartPolicy(config(), rand)
    ceilings(policy, rand, 5)
    assert policy.ended(run(59.9)).delay == 32
    assert policy.ended(run(3600, heard=False)).delay == 60
    assert policy.ended(run(60.0)).delay == 1


def test_failed_attempts_are_no_runs() -> None:
    policy = RestartPolicy(config(), Rand(0.5))
    for _ in range(100):
        policy.ended(not_connected())
    assert not policy.alarms


def test_more_than_ten_runs_in_five_minutes_are_flapping() -> None:
    rand = Rand(1.0)
    policy = RestartPolicy(config(), rand)
    for index in range(10):
        policy.ended(run(5, now=index * 30.0, deliveries=1))
    assert Alarm.FLAPPING not in policy.alarms
    assert policy.ended(run(5, now=299.0, deliveries=1)).delay == 60
    assert Alarm.FLAPPING in policy.alarms
    rand.value = 0.5
    assert policy.ended(run(5, now=330.0, deliveries=1)).delay == 30, "never a fixed delay: clients would march in step"
    policy.proven()
    assert Alarm.FLAPPING not in policy.alarms


def test_flapping_draws_from_the_longest_range_however_few_of_the_runs_failed() -> None:
    policy = RestartPolicy(config(), Rand(1.0))
    for index in range(11):
        policy.ran(run(5, now=index * 10.0, deliveries=1))
    assert policy.ended(not_connected(110.0)).delay == 60


def test_eleven_runs_in_a_longer_time_are_not_flapping() -> None:
    policy = RestartPolicy(config(), Rand(0.5))
    for index in range(30):
        policy.ended(run(5, now=index * 31.0, deliveries=1))
    assert Alarm.FLAPPING not in policy.alarms


def test_five_short_runs_without_a_delivery_are_stalled() -> None:
    rand = Rand(0.5)
    policy = RestartPolicy(config(), rand)
    for index in range(4):
        assert policy.ended(run(29, now=index * 100.0)).delay < 61
    assert policy.ended(run(29, now=400.0)) == Begin(900.0)
    assert policy.alarms == {Alarm.STALLED}
    rand.value = 1.0
    assert policy.ended(run(1, now=1400.0)).delay == pytest.approx(990)


@pytest.mark.parametrize("outcome", [run(30), run(1, deliveries=1)])
def test_a_long_run_or_a_delivery_ends_the_count_of_short_runs(outcome: Outcome) -> None:
    policy = RestartPolicy(config(), Rand(0.5))
    for index in range(4):
        policy.ended(run(1, now=index * 100.0))
    policy.ended(outcome)
    for index in range(4):
        policy.ended(run(1, now=1000 + index * 100.0))
    assert Alarm.STALLED not in policy.alarms


def test_a_stalled_account_is_parked_where_no_probe_is_wanted() -> None:
    policy = RestartPolicy(config(stall_probe=None), Rand(0.5))
    for index in range(4):
        policy.ended(run(1, now=index * 100.0))
    assert policy.ended(run(1, now=500.0)) == Begin(float("inf"), "parked")


def test_a_delivery_ends_stalled() -> None:
    policy = RestartPolicy(config(), Rand(0.5))
    for index in range(5):
        policy.ended(run(1, now=index * 100.0))
    policy.fed()
    assert not policy.alarms
    assert policy.ended(run(1, now=600.0)).delay < 61


@pytest.mark.parametrize("kind", ["auth", "incompatible", "misconfigured"])
def test_a_refusal_is_quarantine_with_an_hourly_probe(kind: str) -> None:
    policy = RestartPolicy(config(), Rand(0.5))
    refused = Outcome(AccountRefused("no", kind=kind), ended_at=0)  # type: ignore[arg-type]
    assert policy.ended(refused) == Begin(3600.0, "quarantined")


def test_a_secret_that_cannot_be_read_is_a_refusal() -> None:
    policy = RestartPolicy(config(), Rand(0.5))
    assert policy.ended(Outcome(ConfigError("secret file x"), ended_at=0)).phase == "quarantined"


def test_somebody_else_holds_the_account() -> None:
    begin = RestartPolicy(config(), Rand(0.5)).ended(Outcome(AccountRefused("held", kind="limited"), ended_at=0))
    assert begin.phase == "standby"
    assert begin.delay >= 60


def test_pairing_is_an_alarm_until_it_is_done() -> None:
    policy = RestartPolicy(config(), Rand(0.5))
    policy.ended(Outcome(AccountRefused("approve", kind="pairing"), ended_at=0))
    assert policy.alarms == {Alarm.PAIRING_REQUIRED}
    policy.ready()
    assert not policy.alarms


def test_an_announced_leave_is_followed_at_once_but_only_once_a_minute() -> None:
    rand = Rand(1.0)
    policy = RestartPolicy(config(), rand)
    assert policy.leaving(100.0).delay == 0
    assert [policy.leaving(101.0 + second).delay for second in range(5)] == [1.0] * 5
    assert policy.leaving(160.0).delay == 0


def test_a_herd_is_spread() -> None:
    rand = Rand(0.9)
    assert RestartPolicy(config(), rand).ended(run(100), herd=True).delay == pytest.approx(13.5)


@pytest.mark.parametrize(
    "cause",
    [
        ConnectionLost("busy", retry_after=120.0),
        RateLimited("busy", retry_after=120.0),
        HandshakeFailed("busy", stage="login", retry_after=120.0),
    ],
)
def test_a_hint_of_the_server_is_a_floor(cause: Exception) -> None:
    rand = Rand(0.0)
    policy = RestartPolicy(config(), rand)
    assert policy.ended(Outcome(cause, ended_at=0)).delay == 120
    rand.value = 1.0
    assert policy.ended(Outcome(cause, ended_at=0)).delay == 144


@given(
    delay=st.floats(0, 100),
    hint=st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)),
    drawn=st.floats(0, 1, exclude_max=True),
)
def test_no_hint_makes_a_delay_shorter_or_longer_than_a_day(delay: float, hint: float | None, drawn: float) -> None:
    honoured = honour_hint(delay, hint, Rand(drawn))
    assert delay <= honoured <= 86_400


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=30))
def test_delays_stay_between_floor_and_cap(drawn: list[float]) -> None:
    rand = Rand(0.0)
    policy = RestartPolicy(config(), rand)
    for value in drawn:
        rand.value = value
        assert 0.25 <= policy.ended(not_connected()).delay <= 60


def starting(retry_after: float | None = 0.5) -> Outcome:
    return Outcome(PeerStarting("gateway starting", retry_after=retry_after), ended_at=0.0)


def test_a_server_that_is_starting_is_asked_again_when_it_says_and_that_is_no_failure() -> None:
    rand = Rand(0.0)
    policy = RestartPolicy(config(), rand)
    assert [policy.ended(starting(0.5)).delay for _ in range(20)] == [0.5] * 20
    rand.value = 1.0
    assert policy.ended(not_connected()).delay == 1.0  # the first of the failures


@pytest.mark.parametrize(
    ("hint", "delay"),
    [(None, 0.25), (0.0, 0.25), (0.1, 0.25), (3600.0, 10.0), (float("nan"), 0.25), (float("inf"), 10.0)],
)
def test_what_a_starting_server_asks_for_is_bounded(hint: float | None, delay: float) -> None:
    assert RestartPolicy(config(), Rand(0.0)).ended(starting(hint)).delay == delay


def test_a_server_that_starts_for_ever_is_one_that_fails() -> None:
    rand = Rand(1.0)
    policy = RestartPolicy(config(), rand)
    delays = [policy.ended(starting(0.1)).delay for _ in range(102)]
    assert delays[:100] == [0.25] * 100
    assert delays[100] == 1.0
