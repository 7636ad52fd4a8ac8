"""Whether DingTalk would take an account: asked without a connection, so that no message can come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs
import trio

from ...engine.findings import Finding, finding_of
from ...engine.hosts import Hosts
from ...engine.parallel import in_parallel
from ...errors import BridgeError
from ...transport.limits import stage_limit
from .codes import Category, Outcome
from .config import DingTalk
from .failures import HINT, failure, open_failure
from .login import OPEN_LIMIT, Login, socket_url
from .tokens import AccessToken

_KEYS: Final = "check client_id and client_secret: the app key and app secret of the developer console"
_STREAM_MODE: Final = "choose Stream mode for the robot in the developer console, and publish a version"
_APP: Final = "look in the developer console whether the app is enabled and published"
_ADDRESS: Final = "add this machine's public address to those that the app allows, in the developer console"
_UNHEARD: Final = "name who is to be heard, or * for everybody"
_NOT_HERE: Final = "files are sent without it, or not at all: make or install it, or take it out"
_FOREIGN: Final = "something else than DingTalk answers: check endpoint, and proxies and portals on the way"

_BY_CODE: Final[Mapping[str, str]] = {
    "appnotexist": "check client_id; or the app was deleted",
    "forbidden": _APP,
    "forbidden.accesstoken": _APP,
    "unauthorizedclient": _APP,
    "subscription.notpermitted": _STREAM_MODE,
    "forbidden.accessdenied.ipnotinwhitelist": _ADDRESS,
    "60020": _ADDRESS,
}
"""In lower case."""
_BY_CATEGORY: Final[Mapping[Category, str]] = {
    "permanent_auth": _KEYS,
    "permission": f"{_STREAM_MODE}; a third refusal in a row would be taken for final",
    "transient_config": HINT,
    "bad_request": HINT,
    "quota": "the organisation's calls are used up: buy more, or wait for the next month",
    "retry": "try again later; a bridge would go on trying",
}


@attrs.frozen(eq=False)
class AccountCheck:
    """The questions to DingTalk about one account."""

    config: DingTalk
    login: Login
    token: AccessToken
    hosts: Hosts

    async def run(self) -> list[Finding]:
        """Whether both interfaces can be reached, the credentials are good, and Stream mode is open to the app; who
        would not be heard, and what could not be sent."""
        newer, older = await in_parallel(self._newer_interface, self._older_interface)
        unheard = [Finding("heard", "warning", text, _UNHEARD) for text in self.config.unheard()]
        return [*newer, *older, *unheard, *await self._files()]

    async def _files(self) -> list[Finding]:
        config = self.config
        if not (config.media_roots or config.media_probe or config.media_cover):
            return []
        # A folder may lie on a disk that does not answer, and a check must come to its end.
        missing = await trio.to_thread.run_sync(lambda: list(config.not_here()), abandon_on_cancel=True)
        return [Finding("files", "warning", text, _NOT_HERE) for text in missing]

    async def _older_interface(self) -> list[Finding]:
        """Session webhooks are there. Nothing can be sent through them without a message to answer."""
        trouble = await self._trouble("webhooks", self.config.oapi_endpoint)
        return [] if trouble is None else [trouble]

    async def _newer_interface(self) -> list[Finding]:
        trouble = await self._trouble("credentials", self.config.endpoint)
        return await in_parallel(self._credentials, self._stream) if trouble is None else [trouble]

    async def _credentials(self) -> Finding:
        try:
            with stage_limit("login", OPEN_LIMIT, "the call for an access token"):
                outcome = await self.token.ask()
        except BridgeError as error:
            return finding_of("credentials", error)
        if outcome.category == "ok":
            return Finding("credentials", "ok", "app key and app secret are good")
        return judged("credentials", outcome, failure(outcome))

    async def _stream(self) -> Finding:
        """A ticket is proof. A connection would be given messages, which a bridge that is running would miss."""
        try:
            outcome = await self.login.ask()
            if outcome.category != "ok":
                return judged("stream", outcome, open_failure(outcome, repeated=1))
            trouble = await self._trouble("stream", socket_url(outcome))
        except BridgeError as error:
            return finding_of("stream", error)
        return trouble or Finding("stream", "ok", "Stream mode is open to the app")

    async def _trouble(self, check: str, url: str) -> Finding | None:
        return await self.hosts.trouble(
            check,
            url,
            ca_file=self.config.ca_file,
            allow_insecure=self.config.allow_insecure,
            proxy=self.config.proxy,
        )


def judged(check: str, outcome: Outcome, error: BridgeError) -> Finding:
    """What a refusal says of the account: a warning where it says nothing, and the platform's own trouble is to end."""
    text = str(error).removesuffix(f"; {HINT}")
    if outcome.category == "throttled":
        return Finding(check, "warning", text, f"try again in {outcome.retry_after or 1:.0f} s")
    if outcome.category == "retry" and not (outcome.code or outcome.status >= 500 or outcome.status == 408):
        return Finding(check, "failed", text, _FOREIGN)
    advice = _BY_CODE.get(outcome.code.lower()) or _BY_CATEGORY.get(outcome.category, "")
    return Finding(check, "warning" if outcome.category == "retry" else "failed", text, advice)
