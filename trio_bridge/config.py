"""Values that describe an account. They open nothing; every field is a key of the configuration file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args
from urllib.parse import unquote, urlsplit

import attrs

from .backoff import Backoff
from .errors import ConfigError

Overflow = Literal["spill", "shed", "drop"]
Overlap = Literal["concurrent", "kicks_old", "forbidden"]
Transport = Literal["websockets", "trio-websocket"]

Validator = Callable[[Any, "attrs.Attribute[Any]", Any], Any]

positive: Validator = attrs.validators.gt(0)
positive_or_none: Validator = attrs.validators.optional(attrs.validators.gt(0))
not_negative: Validator = attrs.validators.ge(0)


# No class of attrs: ``attrs.asdict`` of a configuration would open it, and show what is in it.
@dataclass(frozen=True, repr=False)
class Secret:
    """A secret: given as text, or to be read from an environment variable or a file at each attempt.

    It never shows: its representation names the source, not the text.
    """

    text: str | None = None
    env: str | None = None
    file: str | Path | None = None

    def __post_init__(self) -> None:
        if isinstance(self.file, str):
            object.__setattr__(self, "file", Path(self.file))  # the same file is the same secret
        if [self.text, self.env, self.file].count(None) != 2:
            raise ConfigError("a secret is a string, { env = NAME } or { file = PATH }")

    @classmethod
    def of(cls, value: str | Secret) -> Secret:
        return value if isinstance(value, Secret) else cls(text=value)

    def read(self) -> str:
        """The secret as it is now.

        Raises:
          ConfigError: naming the variable or the file, if it is missing, unreadable or empty.
        """
        if self.text is not None:
            secret, source = self.text, "the configured text"
        elif self.env is not None:
            if self.env not in os.environ:
                raise ConfigError(f"environment variable {self.env} is not set")
            secret, source = os.environ[self.env], f"environment variable {self.env}"
        else:
            try:
                secret = Path(str(self.file)).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
                raise ConfigError(f"secret file {self.file}: {reason}") from None
            source = f"secret file {self.file}"
        if not secret:
            raise ConfigError(f"{source} is empty")
        return secret

    def mask(self, text: str) -> str:
        """``text`` without the secret in it."""
        try:
            return text.replace(self.read(), "***")
        except ConfigError:
            return text  # there is none now, so nobody was told it

    def __repr__(self) -> str:
        name = type(self).__name__
        if self.text is not None:
            return f"{name}(***)"
        return f"{name}(env={self.env!r})" if self.env is not None else f"{name}(file={str(self.file)!r})"


def to_secret(value: str | Secret | None) -> Secret | None:
    """A secret that may be left out, as fields take it."""
    return None if value is None else Secret.of(value)


def blank_secrets(**secrets: Secret | None) -> Iterator[str]:
    """What is wrong with secrets that were written down as nothing, by their names, a line each."""
    for name, secret in secrets.items():
        if secret is not None and secret.text is not None and not secret.text.strip():
            yield f"{name}: expected a secret, not nothing"


class Proxy(Secret):
    """The URL of an HTTP proxy, which may hold a password; ``none`` or nothing for no proxy at all."""

    @classmethod
    def of(cls, value: str | Secret) -> Proxy:
        source = value if isinstance(value, Secret) else Secret(text=value)
        return cls(text=source.text, env=source.env, file=source.file)

    def read(self) -> str:
        """The URL as it is now, or ``none``.

        Raises:
          ConfigError: it can't be read, or is no such URL. It is not repeated.
        """
        url = super().read() if self.text != "" else NO_PROXY
        if url != NO_PROXY and not _is_http_proxy(url):
            raise ConfigError(f'expected the URL of an HTTP proxy, http://HOST:PORT, or "{NO_PROXY}"')
        return url

    def url(self) -> str | None:
        """The same with ``None`` for no proxy."""
        url = self.read()
        return None if url == NO_PROXY else url

    def mask(self, text: str) -> str:
        """``text`` without the URL, and without the password in it."""
        try:
            url = self.url()
        except ConfigError:
            return text
        password = urlsplit(url).password if url else None
        for hidden in filter(None, (url, password, unquote(password or ""))):
            text = text.replace(hidden, "***")
        return text


NO_PROXY = "none"


def _is_http_proxy(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and bool(parts.hostname) and parts.port != 0 and parts.path in ("", "/")
    except ValueError:  # a port out of range, a bracket left open
        return False


def _to_proxy(value: str | Secret | None) -> Proxy | None:
    return None if value is None else Proxy.of(value)


def _name_is_usable(instance: Any, attribute: attrs.Attribute[str], name: str) -> None:
    if not name or len(name) > 100 or not name.isprintable() or name != name.strip():
        raise ConfigError(f"account name {name!r}: expected 1 to 100 printable characters")


@attrs.frozen(kw_only=True)
class AccountConfig:
    """What every account can be told, whatever its platform. Durations are seconds.

    Where the defaults come from: docs/delivery.md.
    """

    platform: ClassVar[str]
    aliases: ClassVar[Mapping[str, str]] = {}
    """Fields by other names that a configuration file may give them."""

    name: str = attrs.field(validator=_name_is_usable)
    """What the account is called everywhere. What is stored belongs to this name: renamed, an account starts empty."""
    enabled: bool = True
    """Start the account with the bridge. What an operator started or stopped later holds until this is edited."""
    owner: str = ""
    """Whom the account belongs to; only for programs that manage accounts of many people."""

    workers: int = attrs.field(default=8, validator=attrs.validators.ge(1))
    """Messages handled at the same time, over all connections of the account."""
    queue_size: int = attrs.field(default=256, validator=attrs.validators.ge(1))
    """Messages kept in memory. With ``spill`` the rest waits on disk."""
    queue_bytes: int = attrs.field(default=16 * 2**20, validator=positive)
    """The same bound by the size of their data."""
    overflow: Overflow | None = None
    """When the queue is full: ``spill`` (keep on disk), ``shed`` (leave unacknowledged), ``drop`` (acknowledge, count,
    drop). Default: ``spill`` with a durable store, ``shed`` with ``memory:``."""
    session_queue_max: int | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.ge(1))
    )
    """Messages that may wait in one conversation; more are acknowledged, counted and dropped, and their senders told,
    where the platform has words for it. Default: no bound but the account's."""
    handler_timeout: float = attrs.field(default=600.0, validator=positive)
    """A handler that runs longer has failed."""
    max_attempts: int = attrs.field(default=5, validator=attrs.validators.ge(1))
    """Failures of a handler at one message before it becomes a dead letter."""
    on_poison: Literal["skip", "halt"] = "skip"
    """After a dead letter: go on with the conversation, or stop it until an operator acts."""
    drain_grace: float = attrs.field(default=60.0, validator=not_negative)
    """How long a handler may go on when its connection was lost."""
    dedupe_ttl: float = attrs.field(default=86_400.0, validator=positive)
    """How long a message is remembered, from its first sight."""

    ping_interval: float = attrs.field(default=20.0, validator=positive)
    """From one ping to the next."""
    pong_timeout: float = attrs.field(default=15.0, validator=positive)
    """How long a ping waits for a sign of life; at most ``ping_interval``."""
    ping_misses: int = attrs.field(default=2, validator=attrs.validators.ge(1))
    """Pings in a row without a received byte before the connection is given up."""
    backoff_min: float = attrs.field(default=1.0, validator=positive)
    """The longest that the first delay may be. Delays are drawn by chance, and the range doubles with each failure."""
    backoff_max: float = attrs.field(default=60.0, validator=positive)
    """The longest that any delay may be."""
    stall_runs: int = attrs.field(default=5, validator=attrs.validators.ge(1))
    """So many connections in a row, each shorter than ``stall_seconds`` and without one delivery: stalled."""
    stall_seconds: float = attrs.field(default=30.0, validator=positive)
    """A connection that lived so long is no sign of a stall."""
    stall_probe: float | None = attrs.field(default=900.0, validator=positive_or_none)
    """How often a stalled account tries. In Python, ``None`` parks it until an operator acts."""
    refused_probe: float = attrs.field(default=3600.0, validator=positive)
    """How often a quarantined account tries."""
    overlap: Overlap | None = None
    """Whether two connections of the account may live at once during a rotation: ``concurrent``, ``kicks_old`` (the
    new one ends the old one) or ``forbidden``. Default: what the platform is known to do."""

    rate_limit: float = attrs.field(default=20.0, validator=positive)
    """Replies per second."""
    rate_burst: int = attrs.field(default=5, validator=attrs.validators.ge(1))
    """Replies that may be sent at once after a silence."""
    senders: int = attrs.field(default=4, validator=attrs.validators.ge(1))
    """Replies under way at the same time, at most one per conversation."""
    on_unknown: Literal["review", "resend"] = "review"
    """A reply that may have been sent, on a platform without idempotency keys: leave it to a person, or send it
    again."""

    transport: Transport = attrs.field(default="websockets", validator=attrs.validators.in_(get_args(Transport)))
    """The library that speaks on the account's WebSockets. They keep the same promises, and ``websockets`` needs much
    less processor time; ``trio-websocket`` shares no code with it, for a peer that gets on badly with the other."""
    ca_file: Path | None = attrs.field(default=None, converter=attrs.converters.optional(Path))
    """Trust the certificates in this PEM file, and no others. Verification is never switched off."""
    allow_insecure: bool = False
    """Allow ``http:`` and ``ws:`` to addresses that are not loopback."""
    proxy: Proxy | None = attrs.field(default=None, converter=_to_proxy)
    """The HTTP proxy through which every connection of the account goes, also those to this machine:
    ``http://user:password@host:3128``. ``none``: never through one. Default: what ``HTTPS_PROXY``, ``HTTP_PROXY``,
    ``ALL_PROXY`` and ``NO_PROXY`` say."""
    debug: bool = False
    """Log every frame and every call, with what people write, and without secrets and addresses that hold any."""

    def __attrs_post_init__(self) -> None:
        if self.proxy is not None and self.proxy.text is not None:
            try:
                self.proxy.read()
            except ConfigError as error:
                raise ConfigError(f"proxy: {error}") from None
        if self.queue_size < self.workers:
            raise ConfigError(f"queue_size: expected at least workers ({self.workers}), not {self.queue_size}")
        if self.pong_timeout > self.ping_interval:
            raise ConfigError("pong_timeout: expected at most ping_interval")

    @property
    def labels(self) -> dict[str, Any]:
        """What every log line about the account carries, so that people see whose it is."""
        return {"account": self.name, "platform": self.platform}

    @property
    def backoff(self) -> Backoff:
        return Backoff(first=self.backoff_min, cap=max(self.backoff_min, self.backoff_max))

    def base_urls(self) -> tuple[str, ...]:
        """Beginnings of addresses whose paths hold no secrets: a log may show them."""
        return ()

    def secrets(self) -> tuple[Secret, ...]:
        """The secrets of the account: a change of one ends a quarantine."""
        return tuple(
            value for field in attrs.fields(type(self)) if isinstance(value := getattr(self, field.name), Secret)
        )
