"""The agent that asks an OpenClaw Gateway: its agents answer, each conversation in a session of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit, urlunsplit

import attrs

from ...config import Secret, blank_secrets, not_negative, positive, to_secret
from ...engine.environment import Environment
from ...engine.platform import PlatformConfig
from ...errors import AccountRefused, ConfigError
from ...lists import texts
from ...platforms.openclaw.config import ADMIN, READ, WRITE
from ...platforms.openclaw.config import OpenClaw as GatewayAccount
from ...transport.urls import endpoint_of
from .._readable import unreadable
from ..protocol import Agent, OpenableAgent
from ..rules import Rule

Over = Literal["websocket", "http"]
PassedOn = Literal["images", "all", "none"]

MENDED_PROBE: Final = 300.0
"""Seconds between two logins after a refusal: people wait, and what is wrong may be mended at the gateway."""

_AGENT_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_COMMAND: Final = re.compile(r"/[a-z0-9_-]+")
ALL: Final = "*"
"""Every command of the gateway's."""

_NO_AGENT_ID: Final = "agent_id: expected letters, digits, - and _, at most 64 of them, and no - or _ in front"
_WEBSOCKET: Final = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_HTTP: Final = {"ws": "http", "wss": "https", "http": "http", "https": "https"}


def _to_base(url: str) -> str:
    """The gateway itself: what follows it in the URL of an endpoint of OpenAI's kind means nothing to it."""
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


def _to_commands(names: str | Iterable[str]) -> tuple[str, ...]:
    return tuple(name.lower() for name in texts(names))


def _to_agent_id(value: str) -> str:
    return value.strip().lower()


@attrs.frozen(kw_only=True)
class OpenClawRoute(Rule):
    """Messages that one of the gateway's agents answers. What is left out is not asked about."""

    agent_id: str = attrs.field(converter=_to_agent_id)
    """The id of the agent, as ``openclaw agents list`` has it."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if not _AGENT_ID.fullmatch(self.agent_id):
            raise ConfigError(_NO_AGENT_ID)
        if (self.account, self.platform, self.peer_kind, self.peer_id) == (None, None, None, None):
            raise ConfigError("expected account, platform, peer_kind or peer_id: the rest is for the agent's agent_id")


def _to_routes(routes: Iterable[OpenClawRoute]) -> tuple[OpenClawRoute, ...]:
    return tuple(routes)


@attrs.frozen(kw_only=True)
class OpenClaw(OpenableAgent):
    """Each message is answered by an agent of an OpenClaw Gateway, and the answer is seen while it grows.

    One connection serves all accounts of the bridge. The gateway remembers what was said: each conversation has a
    session of its own there, and one that is made to forget begins another. A message is asked once, under a key of its
    own, through lost connections and restarts on either side; while the gateway is away, messages wait in the store.
    """

    url: str = attrs.field(default="ws://127.0.0.1:18789", converter=_to_base)
    """Where the gateway listens: ``ws://``, ``wss://``, or the same with ``http``."""
    token: Secret | None = attrs.field(default=None, converter=to_secret)
    """The gateway's ``gateway.auth.token``, read anew whenever it is needed."""
    password: Secret | None = attrs.field(default=None, converter=to_secret)
    """The gateway's ``gateway.auth.password``, where it has one in place of a token."""
    over: Over = attrs.field(default="websocket", validator=attrs.validators.in_(("websocket", "http")))
    """``websocket``, or ``http``: the gateway's own endpoint of OpenAI's kind, which has to be switched on there. That
    one has no key for a question, and sends no files."""
    agent_id: str | None = attrs.field(default=None, converter=attrs.converters.optional(_to_agent_id))
    """Which of the gateway's agents answers. Default: the gateway's own default."""
    routes: tuple[OpenClawRoute, ...] = attrs.field(default=(), converter=_to_routes)
    """Which other agents answer whom. The nearest route decides, as among bindings."""
    session_key: str | None = None
    """One session for all conversations: everybody reads what everybody said. Default: one for each conversation."""
    files: PassedOn = attrs.field(default="images", validator=attrs.validators.in_(("images", "all", "none")))
    """Which received files are passed on to the gateway: pictures, all, or none. The agent is told the names of the
    others."""
    max_file_size: int = attrs.field(default=5_000_000, validator=attrs.validators.ge(1))
    """Bytes that a file may have to be passed on. The gateway has limits of its own, which hold as well."""
    commands: tuple[str, ...] = attrs.field(default=(), converter=_to_commands)
    """Which of the gateway's own commands people may give: ``["/status"]``, or ``["*"]`` for all of them, such as
    ``/model`` and ``/elevated``. It obeys whoever may write to the robot, as far as ``scopes`` go. Default: none, and
    what looks like one is passed on as mere text."""
    show_sender: bool = False
    """In groups, put the name of who speaks in front: ``mei: how much is it?``. People choose their names themselves.
    """
    ready_timeout: float = attrs.field(default=30.0, validator=not_negative)
    """How long a message waits for a gateway that is away, in the hands of its worker; then it waits in the store."""
    run_timeout: float = attrs.field(default=300.0, validator=positive)
    """How long the gateway may say nothing while it answers. The account's ``handler_timeout`` holds too."""
    scopes: tuple[str, ...] = attrs.field(default=(READ, WRITE), converter=texts)
    """What the connection may do."""
    device_key_file: Path | None = attrs.field(default=None, converter=attrs.converters.optional(Path))
    """Where the private key lies that the gateway knows this bridge by; made on first use. Default: in the store."""
    ca_file: Path | None = attrs.field(default=None, converter=attrs.converters.optional(Path))
    """Trust the certificates in this PEM file, and no others. Verification is never switched off."""
    allow_insecure: bool = False
    """Allow ``ws:`` and ``http:`` to addresses that are not loopback."""

    def __attrs_post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ConfigError(*problems)

    @property
    def http_url(self) -> str:
        """The base URL of the endpoint of OpenAI's kind."""
        return f"{self._url_for(_HTTP)}/v1"

    @property
    def account(self) -> GatewayAccount:
        """The connection of this agent, as an account of the platform ``openclaw``."""
        parts = urlsplit(self.url)
        return GatewayAccount(
            name=f"agent openclaw {parts.netloc}{parts.path}"[:100].rstrip(),
            url=self._url_for(_WEBSOCKET),
            token=self.token,
            password=self.password,
            scopes=self.scopes,
            device_key_file=self.device_key_file,
            ca_file=self.ca_file,
            allow_insecure=self.allow_insecure,
            run_timeout=self.run_timeout,
            max_attachment_bytes=self.max_file_size,
            refused_probe=MENDED_PROBE,
        )

    def check(self) -> None:
        """See whether the secrets and the certificates can be read now, and what signs is installed.

        Raises:
          ConfigError: something is missing.
        """
        problems = []
        if self.over == "websocket" and find_spec("cryptography") is None:
            problems.append("over: the library that signs is missing: pip install 'trio-bridge[openclaw]'")
        problems += unreadable(self.ca_file, token=self.token, password=self.password)
        if problems:
            raise ConfigError(*problems)

    def read_secret(self) -> str | None:
        """The token, or else the password, as it is now.

        Raises:
          ConfigError: it can't be read.
        """
        secret = self.token or self.password
        return None if secret is None else secret.read()

    def open(self, environment: Environment) -> AbstractAsyncContextManager[Agent]:
        if self.over == "http":
            from .http import open_over_http

            return open_over_http(self, environment)
        from .asking import open_asking  # a description alone loads no network code

        return open_asking(self, environment)

    def accounts(self) -> Sequence[PlatformConfig]:
        return [self.account] if self.over == "websocket" else []

    async def probe(self, environment: Environment) -> str:
        """Log in, and look for the agents that are named here among the gateway's."""
        from .probe import probe

        return await probe(self, environment)

    @property
    def agent_ids(self) -> list[str]:
        """The gateway's agents that are named here, each once."""
        named = [self.agent_id, *(route.agent_id for route in self.routes)]
        return list(dict.fromkeys(filter(None, named)))

    def _url_for(self, schemes: dict[str, str]) -> str:
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(scheme=schemes[parts.scheme]))

    def _url_problems(self) -> Iterator[str]:
        try:
            endpoint_of(self.url, allow_insecure=self.allow_insecure)
            parts = urlsplit(self.url)
        except AccountRefused as error:
            yield f"url: {error}"
            return
        if parts.query or parts.fragment or "@" in parts.netloc:
            yield "url: expected neither query nor credentials: secrets go into token or password"

    def _problems(self) -> Iterator[str]:
        yield from self._url_problems()
        yield from blank_secrets(token=self.token, password=self.password)
        if self.over == "websocket" and not {WRITE, ADMIN} & set(self.scopes):
            yield f"scopes: expected {WRITE} among them: nothing can be asked without it"
        if self.agent_id is not None and not _AGENT_ID.fullmatch(self.agent_id):
            yield _NO_AGENT_ID
        for name in self.commands:
            if name != ALL and not _COMMAND.fullmatch(name):
                yield f"commands: expected names such as /status, or {ALL} for all of them, not {name[:40]!r}"
        if self.session_key is not None and not 1 <= len(self.session_key.strip()) <= 400:
            yield "session_key: expected 1 to 400 characters"
