"""Values that describe an account: what they accept, and that they keep their secrets."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import attrs
import pytest

from trio_bridge.config import AccountConfig, Proxy, Secret
from trio_bridge.errors import ConfigError


@attrs.frozen(kw_only=True)
class Letters(AccountConfig):
    platform: ClassVar[str] = "letters"
    key: Secret = attrs.field(default=Secret(text="hush"), converter=Secret.of)
    second: Secret = attrs.field(default=Secret(env="SECOND"))


# Secrets


def test_a_secret_is_text_a_variable_or_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HUSH", "from the environment")
    (tmp_path / "hush").write_text("from a file\n")
    assert Secret(text="plain").read() == "plain"
    assert Secret(env="HUSH").read() == "from the environment"
    assert Secret(file=tmp_path / "hush").read() == "from a file"


def test_a_secret_in_a_file_is_read_anew_each_time(tmp_path: Path) -> None:
    file = tmp_path / "hush"
    secret = Secret(file=file)
    file.write_text("first")
    assert secret.read() == "first"
    file.write_text("second")
    assert secret.read() == "second"


@pytest.mark.parametrize(
    "secret", [Secret(text="tell-nobody"), Secret(env="HUSH"), Letters(name="a", key=Secret(text="tell-nobody"))]
)
def test_a_secret_does_not_show(secret: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUSH", "tell-nobody")
    assert "tell-nobody" not in repr(secret)
    assert "tell-nobody" not in f"{secret}"


def test_a_secret_says_where_it_comes_from() -> None:
    assert repr(Secret(text="x")) == "Secret(***)"
    assert repr(Secret(env="HUSH")) == "Secret(env='HUSH')"
    assert repr(Secret(file=Path("hush"))) == "Secret(file='hush')"


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUSH", raising=False)
    with pytest.raises(ConfigError, match=r"^environment variable HUSH is not set$"):
        Secret(env="HUSH").read()


def test_an_empty_secret_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HUSH", "")
    (tmp_path / "hush").write_text(" \n")
    for secret in (Secret(text=""), Secret(env="HUSH"), Secret(file=tmp_path / "hush")):
        with pytest.raises(ConfigError, match="is empty"):
            secret.read()


def test_an_unreadable_file_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"gone: No such file or directory$"):
        Secret(file=tmp_path / "gone").read()
    with pytest.raises(ConfigError, match=r"noise: not UTF-8 text$"):
        Secret(file=tmp_path / "noise").read()


@pytest.mark.parametrize("sources", [{}, {"text": "a", "env": "B"}, {"env": "B", "file": Path("c")}])
def test_a_secret_has_exactly_one_source(sources: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="a secret is"):
        Secret(**sources)


def test_text_becomes_a_secret_and_a_secret_stays_itself() -> None:
    secret = Secret(env="HUSH")
    assert Secret.of("x") == Secret(text="x")
    assert Secret.of(secret) is secret


# Accounts


def test_an_account_is_usable_with_its_name_alone() -> None:
    account = Letters(name="sales")
    assert (account.enabled, account.owner, account.workers, account.queue_size) == (True, "", 8, 256)


def test_the_numbers_of_liveness_leave_a_dead_peer_within_55_seconds() -> None:
    account = Letters(name="sales")
    worst = account.ping_interval * account.ping_misses + account.pong_timeout
    assert worst <= 55


@pytest.mark.parametrize("name", ["", " sales", "sales ", "a\nb", "\x1b[31m", "x" * 101])
def test_a_name_that_would_spoil_a_log_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="account name"):
        Letters(name=name)


def test_a_name_in_any_script_is_fine() -> None:
    assert Letters(name="销售 2").name == "销售 2"


@pytest.mark.parametrize(
    "field",
    [
        "workers",
        "queue_size",
        "queue_bytes",
        "handler_timeout",
        "max_attempts",
        "dedupe_ttl",
        "ping_interval",
        "pong_timeout",
        "ping_misses",
        "backoff_min",
        "backoff_max",
        "stall_runs",
        "stall_seconds",
        "stall_probe",
        "refused_probe",
        "rate_limit",
        "rate_burst",
        "senders",
    ],
)
def test_nothing_that_counts_or_waits_may_be_zero(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        Letters(name="sales", **{field: 0})


def test_a_library_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="transport"):
        Letters(name="a", transport="wsproto")  # type: ignore[arg-type]


def test_no_grace_is_a_choice_and_less_is_not() -> None:
    assert Letters(name="sales", drain_grace=0).drain_grace == 0
    with pytest.raises(ValueError, match="drain_grace"):
        Letters(name="sales", drain_grace=-1)


def test_a_stalled_account_may_be_parked_instead_of_probed() -> None:
    assert Letters(name="sales", stall_probe=None).stall_probe is None


def test_a_queue_that_starves_its_workers_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^queue_size: expected at least workers \(8\), not 4$"):
        Letters(name="sales", queue_size=4)


def test_a_ping_must_be_answered_before_the_next() -> None:
    with pytest.raises(ConfigError, match=r"^pong_timeout"):
        Letters(name="sales", ping_interval=10, pong_timeout=11)


def test_the_delay_law_follows_the_account() -> None:
    law = Letters(name="sales", backoff_min=2, backoff_max=30).backoff
    assert (law.first, law.cap) == (2, 30)


def test_a_first_delay_beyond_the_cap_is_the_cap() -> None:
    assert Letters(name="sales", backoff_min=90).backoff.cap == 90


def test_all_secrets_of_an_account_are_known() -> None:
    assert Letters(name="sales").secrets() == (Secret(text="hush"), Secret(env="SECOND"))


# Proxies


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("http://me:p%40ss@[::1]:3128/", "http://me:p%40ss@[::1]:3128/"),
        ("", None),
        ("none", None),
    ],
)
def test_a_proxy_is_a_url_or_none_at_all(written: str, url: str | None) -> None:
    account = Letters(name="sales", proxy=written)
    assert account.proxy is not None
    assert account.proxy.url() == url
    assert Letters(name="sales").proxy is None


@pytest.mark.parametrize(
    "written",
    ["proxy.example:3128", "https://me:s3cret@proxy.example", "socks5://me:s3cret@proxy.example:1080", "http://", "no",
     "http://me:s3cret@proxy.example:99999", "http://[::1", "http://me:s3cret@proxy.example:0", "http://x.example/pac"],
)  # fmt: skip
def test_what_is_no_proxy_is_refused_and_not_repeated(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"^proxy: expected the URL of an HTTP proxy") as refused:
        Letters(name="sales", proxy=written)
    assert "s3cret" not in str(refused.value)
    monkeypatch.setenv("PROXY_URL", written)
    proxy = Letters(name="sales", proxy=Secret(env="PROXY_URL")).proxy
    assert proxy is not None
    with pytest.raises(ConfigError, match="expected the URL"):
        proxy.url()


def test_a_proxy_and_what_is_in_it_are_taken_out_of_a_text() -> None:
    proxy = Proxy.of("http://me:p%40ss@proxy.example:3128")
    assert proxy.mask("by http://me:p%40ss@proxy.example:3128: p%40ss, p@ss") == "by ***: ***, ***"
    assert Proxy.of("none").mask("none of it") == "none of it"
    assert Proxy.of(Secret(env="NOBODY_SET_THIS")).mask("text") == "text"


def test_a_secret_is_taken_out_of_a_text() -> None:
    assert Secret(text="hush").mask("hush, hush") == "***, ***"
    assert Secret(env="NOBODY_SET_THIS").mask("hush") == "hush"


def test_row_62_no_way_to_look_at_an_account_shows_its_secrets() -> None:
    account = Letters(name="a", key=Secret(text="tell-nobody"), proxy="http://me:tell-nobody@proxy.example:1")
    for seen in (repr(account), str(attrs.asdict(account)), str(attrs.astuple(account)), f"{account.secrets()}"):
        assert "tell-nobody" not in seen
    assert account == attrs.evolve(account)
    assert hash(account.key) == hash(Secret(text="tell-nobody"))
