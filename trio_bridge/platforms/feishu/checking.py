"""Whether Feishu would take an account: asked without a connection, so that no message can come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs
import trio

from ...engine.findings import Finding, finding_of
from ...engine.hosts import Hosts
from ...engine.parallel import in_parallel
from ...errors import AccountRefused, BridgeError
from ...transport.asgi import serve_asgi
from ...transport.limits import stage_limit
from .access.discovery import Discovery
from .api.results import ENABLED, Bot, read_bot
from .bot import bot_of
from .config import Feishu
from .events.topics import CARD_ACTION, URL_PREVIEW
from .rest.codes import BOT, Category, Outcome
from .rest.failures import failure
from .rest.rest import Rest
from .webhook.app import Webhook
from .webhook.crypto import need_cryptography
from .webhook.serving import at_path

LIMIT: Final = 10.0
"""Seconds for a call. What takes longer is as good as nothing."""

_KEYS: Final = (
    "check app_id and app_secret in the developer console, and that domain is where the app lives: Feishu or Lark"
)
_PUBLISH: Final = "enable the bot in the developer console, publish a version of the app, and have it approved"
_FOREIGN: Final = "something else than Feishu answers: check domain, and proxies and portals on the way"
_SCOPES: Final = "add the scope in the developer console, and publish a version of the app"
_UNHEARD: Final = "name who is to be heard, or * for everybody"
_NOT_HERE: Final = "files are sent without it: make or install it, or take it out"
_LATER: Final = "try again later; a bridge would go on trying"
_TAKEN: Final = "if a bridge runs this account, all is well; else find out who listens there, or choose another listen"
_MOUNTED: Final = "set listen, unless a program of your own mounts it: trio-bridge run does not"
_INSTALL: Final = "install it where trio-bridge is installed"
_SIGNED: Final = (
    "set an encrypt key in the developer console, and encrypt_key: whoever has seen one call can make others"
)
_CALLBACKS: Final = (
    "presses and previews are subscribed on a page of their own in the developer console, beside events: see that they "
    "are, and for the long connection or the URL"
)

_STATUSES: Final[Mapping[int, str]] = {
    0: "it is not installed in the company yet",
    1: "the company has disabled it",
    3: "it is installed, and waits to be enabled",
    4: "a new version waits to be approved",
    5: "its licence has run out",
    6: "the company's plan has ended",
}
"""What Feishu's numbers for a bot mean that does not work."""

_BY_CATEGORY: Final[Mapping[Category, str]] = {
    "credentials": _KEYS,
    "permission": _SCOPES,
    "quota": "the calls of this month are used up: buy more, or wait for the next month",
    "server": _LATER,
    "refused": _PUBLISH,
}


@attrs.frozen(eq=False)
class AccountCheck:
    """The questions to Feishu about one account."""

    config: Feishu
    discovery: Discovery
    rest: Rest
    webhook: Webhook
    hosts: Hosts

    async def run(self) -> list[Finding]:
        """Whether Feishu can be reached, the credentials are good, there is a bot that works, and events can come; who
        would not be heard, and what could not be sent."""
        trouble = await self._trouble("credentials", self.config.domain)
        jobs = [self._credentials, *([self._connection] if self.config.connects else [])]
        found = await in_parallel(*jobs) if trouble is None else [[trouble]]
        if self.config.is_called:
            found.append(await self._called())
        unheard = [Finding("heard", "warning", text, _UNHEARD) for text in self.config.unheard()]
        return [*(finding for each in found for finding in each), *self._callbacks(), *unheard, *await self._files()]

    async def _credentials(self) -> list[Finding]:
        try:
            with stage_limit("login", LIMIT, "the call for an access token"):
                outcome = await self.rest.token.ask()
            if outcome.category != "ok":
                return [judged("credentials", outcome)]
        except BridgeError as error:
            return [finding_of("credentials", error)]
        return [Finding("credentials", "ok", "app id and app secret are good"), await self._bot()]

    async def _bot(self) -> Finding:
        try:
            with stage_limit("login", LIMIT, "the question who the bot is"):
                outcome = await self.rest.call("GET", BOT)
        except BridgeError as error:
            return finding_of("bot", error)
        return judged("bot", outcome) if outcome.category != "ok" else bot_found(read_bot(bot_of(outcome)))

    async def _connection(self) -> list[Finding]:
        """A ticket is proof. A connection would be given messages, which a bridge that is running would miss."""
        try:
            place = await self.discovery.ask()
            trouble = await self._trouble("connection", place.url)
        except AccountRefused as error:
            return [refused("connection", error)]
        except BridgeError as error:
            return [finding_of("connection", error)]
        return [trouble or Finding("connection", "ok", "the long connection is open to the app")]

    async def _called(self) -> list[Finding]:
        """For a moment calls could be heard here; they are answered with a no, and come again."""
        config = self.config
        try:
            for secret in (config.encrypt_key, config.verification_token):
                if secret is not None:
                    secret.read()
            if config.encrypt_key is not None:
                need_cryptography()
            if config.listen:
                async with serve_asgi(at_path(config.path, self.webhook), *config.address):
                    pass
        except AccountRefused as error:
            return [_not_heard(error)]
        except BridgeError as error:
            return [finding_of("webhook", error)]
        if config.listen:
            where = f"{config.listen}{config.path} is free"
            found = [Finding("webhook", "ok", f"{where}; Feishu has to reach it over HTTPS, by the URL in its console")]
        else:
            found = [Finding("webhook", "warning", "it is heard only if another application mounts it", _MOUNTED)]
        if config.encrypt_key is None:
            found.append(Finding("webhook", "warning", "calls are not signed", _SIGNED))
        return found

    def _callbacks(self) -> list[Finding]:
        """Nobody but Feishu knows what is subscribed, and it tells nobody."""
        wanted = sorted(self.config.handled & {CARD_ACTION, URL_PREVIEW})
        text = f"{' and '.join(wanted)} can't be checked from here"
        return [Finding("callbacks", "skipped", text, _CALLBACKS)] if wanted else []

    async def _files(self) -> list[Finding]:
        if not (self.config.media_roots or self.config.media_cover):
            return []
        # A folder may lie on a disk that does not answer, and a check must come to its end.
        missing = await trio.to_thread.run_sync(lambda: list(self.config.not_here()), abandon_on_cancel=True)
        return [Finding("files", "warning", text, _NOT_HERE) for text in missing]

    async def _trouble(self, check: str, url: str) -> Finding | None:
        return await self.hosts.trouble(
            check,
            url,
            ca_file=self.config.ca_file,
            allow_insecure=self.config.allow_insecure,
            proxy=self.config.proxy,
        )


def _not_heard(error: AccountRefused) -> Finding:
    """Why no call could be heard here, and whose business that is."""
    if isinstance(error.__cause__, ImportError):
        return Finding("webhook", "failed", str(error), _INSTALL)
    if error.probe is not None:
        return Finding("webhook", "warning", str(error), _TAKEN)
    return finding_of("webhook", error)


def bot_found(bot: Bot) -> Finding:
    """What Feishu says of the bot."""
    name = f"the bot {bot.name!r}" if bot.name else "the bot"
    if not bot.open_id:
        return Finding("bot", "failed", "the app has no bot", _PUBLISH)
    if bot.status == ENABLED:
        return Finding("bot", "ok", f"{name} works")
    return Finding(
        "bot", "failed", f"{name} does not work: {_STATUSES.get(bot.status, f'status {bot.status}')}", _PUBLISH
    )


def judged(check: str, outcome: Outcome) -> Finding:
    """What a refusal says of the account: a warning where it says nothing, and Feishu's own trouble is to end."""
    text = str(failure(outcome))
    if outcome.category == "throttled":
        return Finding(check, "warning", text, f"try again in {outcome.retry_after or 1:.0f} s")
    if outcome.category == "server" and not (outcome.code or outcome.status >= 500 or outcome.status == 408):
        return Finding(check, "failed", text, _FOREIGN)
    return Finding(
        check, "warning" if outcome.category == "server" else "failed", text, _BY_CATEGORY.get(outcome.category, "")
    )


def refused(check: str, error: AccountRefused) -> Finding:
    """A refusal in words, and in the brackets behind them what to do."""
    text, bracket, advice = str(error).removesuffix(")").rpartition(" (")
    return Finding(check, "failed", text, advice) if bracket and str(error).endswith(")") else finding_of(check, error)
