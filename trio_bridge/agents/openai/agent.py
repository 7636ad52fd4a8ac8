"""The agent that asks a language model: whatever speaks ``/v1/chat/completions`` as OpenAI does."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from urllib.parse import urlsplit

import attrs

from ...config import Secret, not_negative, positive, to_secret
from ...engine.environment import Environment
from ...errors import AccountRefused, ConfigError
from ...transport.urls import endpoint_of
from .._readable import unreadable
from ..protocol import Agent, OpenableAgent


def _base(url: str) -> str:
    return url.rstrip("/")


@attrs.frozen(kw_only=True)
class OpenAI(OpenableAgent):
    """Each text is answered by a language model, and the answer is seen while it grows.

    The last turns of a conversation are sent along. They are committed together with the completion of the message, so
    that what is remembered is what was said, through failures and restarts. What has no text is not answered.
    """

    url: str = attrs.field(converter=_base)
    """Base URL of the endpoint, as clients of OpenAI want it: ``https://api.openai.com/v1``."""
    model: str
    """The name of the model, as the endpoint knows it."""
    token: Secret | None = attrs.field(default=None, converter=to_secret)
    """The API key, read anew for each request. Servers of one's own may need none."""
    system: str = attrs.field(default="", repr=False)
    """What the model is told before everything else; after it comes the ``system_prompt`` of the account, or of the
    group."""
    memory: int = attrs.field(default=10, validator=not_negative)
    """Earlier turns of the conversation that are sent along; 0 remembers nothing."""
    memory_size: int = attrs.field(default=20_000, validator=positive)
    """Characters of these turns: what the model can take, less the longest question and answer."""
    keeps_sessions: bool = False
    """The endpoint remembers by itself, as an OpenClaw Gateway does: it is told in which session a question belongs
    (``user``), and no turns are remembered here. A conversation that is made to forget begins a new session."""
    show_sender: bool = False
    """In groups, put the name of who speaks in front: ``mei: how much is it?``. People choose their names themselves.
    """
    temperature: float | None = attrs.field(default=None, validator=attrs.validators.optional(not_negative))
    """How much chance there is in an answer. Default: the endpoint's."""
    max_tokens: int | None = attrs.field(default=None, validator=attrs.validators.optional(positive))
    """How long an answer may become. Default: the endpoint's."""
    first_timeout: float = attrs.field(default=120.0, validator=positive)
    """Until the answer begins."""
    silence_timeout: float = attrs.field(default=120.0, validator=positive)
    """Between two pieces of an answer."""
    timeout: float = attrs.field(default=540.0, validator=positive)
    """For one answer as a whole. The account's ``handler_timeout`` holds too."""
    ca_file: Path | None = attrs.field(default=None, converter=attrs.converters.optional(Path))
    """Trust the certificates in this PEM file, and no others. Verification is never switched off."""
    allow_insecure: bool = False
    """Allow ``http:`` to addresses that are not loopback."""

    def __attrs_post_init__(self) -> None:
        problems = list(self._url_problems())
        if not self.model.strip():
            problems.append("model: expected the name of a model, not nothing")
        if problems:
            raise ConfigError(*problems)

    def check(self) -> None:
        """See whether the token and the certificates can be read now.

        Raises:
          ConfigError: they can't.
        """
        if problems := unreadable(self.ca_file, token=self.token):
            raise ConfigError(*problems)

    def read_token(self) -> str | None:
        """The token as it is now, if there is to be one.

        Raises:
          ConfigError: it can't be read.
        """
        return None if self.token is None else self.token.read()

    def open(self, environment: Environment) -> AbstractAsyncContextManager[Agent]:
        from .model import open_model  # a description alone loads no network code

        return open_model(self, environment)

    async def probe(self, environment: Environment) -> str:
        """Ask for the list of models, which costs nothing, and look for ours in it."""
        from .probe import probe

        return await probe(self, environment)

    def _url_problems(self) -> Iterable[str]:
        try:
            endpoint = endpoint_of(self.url, allow_insecure=self.allow_insecure)
            parts = urlsplit(self.url)
        except AccountRefused as error:
            yield f"url: {error}"
            return
        if endpoint.scheme not in ("http", "https"):
            yield "url: expected an http or https URL"
        if parts.query or parts.fragment or "@" in parts.netloc:
            yield "url: expected a base URL, without query and without credentials"
