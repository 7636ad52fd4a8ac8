"""The hosts that accounts need, each tried once however many accounts need it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs
import trio

from ..config import Proxy
from ..errors import AccountRefused, HandshakeFailed
from ..transport.reach import Reached, reach
from ..transport.urls import PORTS, Endpoint, address_of, endpoint_of, is_loopback, proxy_for
from .environment import Environment
from .findings import Finding, finding_of, worst
from .networks import network_through

DAY: Final = 86_400.0

EXPIRY_NEAR: Final = 14 * DAY
"""A certificate that is renewed by a program is renewed weeks before: one that is nearer to its end was forgotten."""

SKEW_SEEN: Final = 30.0
"""Seconds by which two clocks of machines that keep time don't differ."""
SKEW_HARMFUL: Final = 300.0
"""Seconds from which on what is good for a limited time is taken for expired, or used when it is."""

SHOWN_ADDRESSES: Final = 3

OF_TLS: Final = frozenset({"certificate", "ca_file"})
"""Codes of a host that was refused by us; what else is refused on the way to a host is its proxy."""


@attrs.define(eq=False)
class _Trial:
    name: str
    lock: trio.Lock = attrs.field(factory=trio.Lock)
    findings: list[Finding] | None = None


@attrs.define(eq=False)
class Hosts:
    """Tries hosts: name, connection, TLS, clock. Nothing is left open, and nothing of an account is shown to them."""

    _environment: Environment
    _trials: dict[tuple[Endpoint, Path | None, Proxy | None], _Trial] = attrs.field(factory=dict, init=False)

    @property
    def findings(self) -> dict[str, list[Finding]]:
        """What was found so far, by the host's base URL, in the order in which they were asked for."""
        return {trial.name: trial.findings for trial in self._trials.values() if trial.findings is not None}

    async def trouble(
        self,
        check: str,
        url: str,
        *,
        ca_file: Path | None = None,
        allow_insecure: bool = False,
        proxy: Proxy | None = None,
    ) -> Finding | None:
        """Why ``check`` can't be made at the host of a URL; ``None``: the host can be reached.

        With ``ca_file`` the host is trusted by that file and nothing else. ``proxy`` is the account's own.
        """
        try:
            endpoint = endpoint_of(url, allow_insecure=allow_insecure)
        except AccountRefused as error:
            return finding_of(check, error)
        trial = self._trials.setdefault((endpoint, ca_file, proxy), _Trial(_named(endpoint, ca_file, proxy)))
        async with trial.lock:  # whoever waits takes over if the one who tries is cut off
            if trial.findings is None:
                trial.findings = await self._try(endpoint, ca_file, proxy)
        if worst(trial.findings) != "failed":
            return None
        return Finding(check, "failed", f"not tried: {trial.name} can't be reached", "see what is said of that host")

    async def _try(self, endpoint: Endpoint, ca_file: Path | None, proxy: Proxy | None) -> list[Finding]:
        findings: list[Finding] = []
        try:
            findings += await self._way(endpoint, proxy)
            before = self._environment.wall()
            network = network_through(proxy, self._environment.network)
            reached = await reach(endpoint, network=network, ca_file=ca_file)
        except HandshakeFailed as error:
            return [*findings, finding_of(error.stage, error)]
        except AccountRefused as error:
            return [*findings, finding_of("tls" if error.code in OF_TLS else "proxy", error)]
        findings += [Finding("tcp", "ok", f"port {endpoint.port} answers"), self._tls(endpoint, reached)]
        if reached.date is not None:
            findings.append(clock(reached.date, before, self._environment.wall()))
        return findings

    async def _way(self, endpoint: Endpoint, own: Proxy | None) -> list[Finding]:
        """Who looks the name up, and what comes of it."""
        network = self._environment.network
        if own is not None:
            proxy, who = own.url(), "account"
        else:
            proxy, who = proxy_for(endpoint) if network.honours_proxies else None, "environment"
        if proxy is not None:
            place = address_of(proxy)
            return [Finding("proxy", "ok", f"through the proxy {place.host}:{place.port}, as the {who} says")]
        addresses = await network.look_up(endpoint.host, endpoint.port)
        if addresses == [endpoint.host]:
            return []
        shown = ", ".join(addresses[:SHOWN_ADDRESSES]) + (", …" if len(addresses) > SHOWN_ADDRESSES else "")
        count = "1 address" if len(addresses) == 1 else f"{len(addresses)} addresses"
        return [Finding("dns", "ok", f"{count}: {shown}")]

    def _tls(self, endpoint: Endpoint, reached: Reached) -> Finding:
        if reached.expires_at is None:
            if is_loopback(endpoint.host):
                return Finding("tls", "ok", "not encrypted, on this machine only")
            return Finding("tls", "warning", "not encrypted: whoever is between reads the secrets", "use https or wss")
        left = reached.expires_at - self._environment.wall()
        text = f"{reached.tls}, the certificate is good for {_days(left)}"
        if left < EXPIRY_NEAR:
            return Finding("tls", "warning", text, "have it renewed: after that nobody connects any more")
        return Finding("tls", "ok", text)


def clock(date: float, before: float, after: float) -> Finding:
    """What a host's clock says of ours. It told whole seconds, some time between ``before`` and ``after``."""
    ahead = max(before - (date + 1), 0.0) - max(date - after, 0.0)
    if abs(ahead) < SKEW_SEEN:
        return Finding("clock", "ok", f"the same time as the host's, within {max(abs(ahead), 1.0):.0f} s")
    text = f"this machine's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the host's"
    harm = "" if abs(ahead) < SKEW_HARMFUL else ": what is good for a time is taken for expired, or used for too long"
    return Finding("clock", "warning", text, f"let it be set from the network, by NTP{harm}")


def _named(endpoint: Endpoint, ca_file: Path | None, proxy: Proxy | None) -> str:
    """A base URL as a person would write it, the file that is trusted there, and whether the way is the account's."""
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    port = "" if endpoint.port == PORTS[endpoint.scheme] else f":{endpoint.port}"
    pinned = "" if ca_file is None else f" ({ca_file})"
    way = "" if proxy is None else " (its own proxy)"
    return f"{endpoint.scheme}://{host}{port}{pinned}{way}"


def _days(seconds: float) -> str:
    days = int(seconds // DAY)
    return "less than a day" if days < 1 else "1 day" if days == 1 else f"{days} days"
