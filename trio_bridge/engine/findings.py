"""What a check found: a verdict for programs, a sentence for people, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

import attrs

from ..errors import AccountRefused, BridgeError, ConfigError, HandshakeFailed, RateLimited, RequestFailed
from ..transport.tls import CertificateFault, CertificateRefused

Verdict = Literal["ok", "skipped", "warning", "failed"]

GRAVITY: Final[Mapping[Verdict, int]] = {"skipped": 0, "ok": 1, "warning": 2, "failed": 3}

SILENT: Final = "try again; if it stays so, ask whoever keeps the host"

_STAGES: Final[Mapping[str, str]] = {
    "dns": "check how the host's name is spelt, and this machine's resolver",
    "tcp": "check host and port, and whether a firewall lets this machine out",
    "proxy": "check the account's proxy, or else HTTPS_PROXY and HTTP_PROXY; NO_PROXY makes exceptions",
    "tls": "check that there is TLS at this host and port, and that nothing on the way breaks it",
    "login": SILENT,
}
_CERTIFICATES: Final[Mapping[CertificateFault, str]] = {
    "expired": "the host needs a new certificate; if others accept it, check this machine's clock",
    "too_early": "check this machine's clock",
    "self_signed": "if it is the host's own, name it in ca_file; else find out who stands between",
    "unknown_issuer": "name the PEM file of its certificate authority in ca_file",
    "other_host": "name the host as its certificate does, or find out who stands between",
    "other": "have whoever keeps the host look at its certificate",
}


@attrs.frozen
class Finding:
    """What one check found. ``check`` is its name; ``advice`` is empty where there is nothing to do."""

    check: str
    verdict: Verdict
    text: str
    advice: str = ""


def worst(findings: Iterable[Finding]) -> Verdict:
    """The verdict on everything together; ``skipped`` where nothing was tried."""
    return max((finding.verdict for finding in findings), key=GRAVITY.__getitem__, default="skipped")


def finding_of(check: str, error: BridgeError) -> Finding:
    """The finding that an error is, in the words in which it is logged when a bridge meets it.

    Somebody who asks for patience has not said no: that is a warning.
    """
    match _cause(error):
        case CertificateRefused(host=host, reason=reason, fault=fault):
            text = f"the certificate of {host} was not accepted: {reason}"
            return Finding(check, "failed", text, _CERTIFICATES[fault])
        case HandshakeFailed(stage=stage) if stage in _STAGES:
            advice = _STAGES[stage]
        case AccountRefused() if check == "proxy":
            advice = _STAGES["proxy"]
        case AccountRefused(kind="auth"):
            advice = "check the credentials"
        case AccountRefused() | ConfigError():
            advice = "correct it in the configuration"
        case RequestFailed():
            advice = "the same will be answered the same: look at what is configured for it"
        case RateLimited():
            return Finding(check, "warning", str(error), "try again later")
        case _:
            advice = SILENT
    return Finding(check, "failed", str(error), advice)


def _cause(error: BridgeError) -> BridgeError:
    """How it began: what a call says of a connection that did not come to be is the connection's error."""
    while isinstance(error.__cause__, BridgeError):
        error = error.__cause__
    return error
