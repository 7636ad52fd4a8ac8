"""Whether a gateway would let an account in: tried by a login, which is left again."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

import attrs

from ...engine.findings import Finding, finding_of
from ...engine.hosts import Hosts
from ...errors import AccountRefused, BridgeError, PeerStarting
from .access.login import Login
from .config import OpenClaw
from .hello import Hello

NO_DEVICE: Final = "DEVICE_IDENTITY_REQUIRED"

SCOPES: Final = frozenset(
    f"operator.{right}"
    for right in ("read", "write", "admin", "approvals", "pairing", "questions", "talk", "talk.secrets")
)
"""Those that gateways know. They grant every other one, too, and it is good for nothing."""

_BY_ITSELF: Final = "a bridge that runs goes on by itself then"


@attrs.frozen(eq=False)
class AccountCheck:
    """The questions to a gateway about one account."""

    config: OpenClaw
    login: Login
    hosts: Hosts

    async def run(self) -> list[Finding]:
        """Whether the gateway can be reached and lets us in, as what, and what a person must do before it does.

        Without a device that is kept it is asked without one: a device made for a trial would be paired for nothing.
        """
        config = self.config
        if find_spec("cryptography") is None:
            text = "the library that signs is missing"
            return [Finding("login", "failed", text, "pip install 'trio-bridge[openclaw]'")]
        trouble = await self.hosts.trouble(
            "login", config.url, ca_file=config.ca_file, allow_insecure=config.allow_insecure, proxy=config.proxy
        )
        if trouble is not None:
            return [trouble]
        try:
            has_key = await self.login.has_key()
            async with self.login.connect(bare=not has_key) as admitted:
                return self._let_in(admitted.hello, has_key=has_key)
        except BridgeError as error:
            return [self._kept_out(error)]

    def _let_in(self, hello: Hello, *, has_key: bool) -> list[Finding]:
        how = f", let in by {hello.auth_method}" if hello.auth_method else ""
        text = f"OpenClaw {hello.server_version or 'of an unknown version'}, protocol {hello.protocol}{how}"
        findings = [Finding("login", "ok", text)]
        if not has_key and hello.lacking(self.config.scopes):
            return [*findings, _approved_later()]  # whoever comes without a device from elsewhere may do nothing
        return [*findings, self._scopes(hello), *([] if has_key else [_made_later()])]

    def _scopes(self, hello: Hello) -> Finding:
        if lacking := hello.lacking(self.config.scopes):
            advice = "approve this device for them at the gateway, or ask for fewer"
            return Finding("scopes", "warning", f"not granted: {', '.join(lacking)}", advice)
        if unknown := sorted(set(self.config.scopes) - SCOPES):
            return Finding("scopes", "warning", f"nobody knows {', '.join(unknown)}", "check how it is spelt in scopes")
        return Finding("scopes", "ok", ", ".join(self.config.scopes) or "none asked for: nothing can be called")

    def _kept_out(self, error: BridgeError) -> Finding:
        match error:
            case PeerStarting():
                return Finding("login", "warning", str(error), "try again in a moment; a bridge would go on trying")
            case AccountRefused(code=code) if code == NO_DEVICE and self.login.identity is None:
                return _approved_later() if self._has_secret() else _no_secret()
            case AccountRefused(kind="pairing") if (pairing := self.login.pairing) is not None:
                advice = f"on the gateway's machine: {pairing.command}; {_BY_ITSELF}"
                return Finding("pairing", "failed", pairing.why, advice)
            case AccountRefused(kind="incompatible"):
                return Finding("login", "failed", str(error), "update trio-bridge, or the gateway")
        return finding_of("login", error)

    def _has_secret(self) -> bool:
        config = self.config
        return (config.token, config.password, config.credentials) != (None, None, None)


def _no_secret() -> Finding:
    """Whoever has no device is asked for one before a secret is missed, also where none is wanted."""
    text = "neither token nor password is set: only a gateway that asks for none lets it in"
    return Finding("login", "warning", text, "set token or password, as the gateway has it")


def _made_later() -> Finding:
    return Finding("device", "ok", "there is no key yet: one is made at the first start")


def _approved_later() -> Finding:
    text = "there is no key yet: one is made at the first start, and a person must approve it then"
    return Finding("device", "warning", text, f"start the bridge, then say openclaw devices list there; {_BY_ITSELF}")
