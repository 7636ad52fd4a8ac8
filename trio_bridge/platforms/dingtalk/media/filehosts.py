"""Whom files may be fetched from, whoever wrote the URL."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import attrs

from ....errors import AccountRefused, RequestFailed
from ....transport.http import HttpClient, open_http_client
from ....transport.network import Network
from ....transport.public import REFUSED_ADDRESS, PublicNetwork, is_public
from ....transport.tcp import is_address
from ....transport.urls import Endpoint, endpoint_of, is_loopback
from ..config import DingTalk
from ..urls import split

SILENCE: Final = 15.0
"""Seconds between two pieces of a file."""

ODD: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?|.*%.*|(?:.*\.)?localhost\.?", re.IGNORECASE)
"""Names that are addresses to some programs, or mean this machine: ``127.1``, ``0x7f000001``, ``a.localhost``."""


@attrs.define(eq=False)
class FileHosts:
    """Vets URLs, and knows who may call them.

    Hosts are public, or those of the configuration: of its endpoints, or in ``download_hosts``, which lets no others
    in. This machine is called only by a configuration whose endpoint is on it: on that very port, or where
    ``download_hosts`` names it too. What a proxy stands before, it has to vet itself: names are looked up by it.
    """

    _config: DingTalk
    _network: Network
    _plain: HttpClient
    _direct: HttpClient

    def client_for(self, url: str) -> HttpClient:
        """Who may call the URL.

        Raises:
          RequestFailed: nobody. The text names the host alone.
          ConfigError: the URL of the account's proxy can't be read.
        """
        parts = split(url)
        if parts is None or parts.scheme not in ("http", "https"):
            raise _refused("the address of the file is no URL that all programs read alike")
        try:
            endpoint = endpoint_of(url, allow_insecure=True)
        except AccountRefused:  # a label that is empty, or too long
            raise _refused("the address of the file has no usable host") from None
        self._vet(endpoint)
        return self._plain if self._network.is_proxied(endpoint) else self._direct

    def _vet(self, endpoint: Endpoint) -> None:
        host, place = endpoint.host, f"the file is at {endpoint}"
        if not (endpoint.secure or is_loopback(host) or self._config.allow_insecure):
            raise _refused(f"{place}, which is not encrypted")
        if is_exempt(self._config, host, endpoint.port):
            return
        if self._config.download_hosts and host not in self._config.download_hosts:
            raise _refused(f"{place}, which is not in download_hosts")
        if not is_public(host) if is_address(host) else ODD.fullmatch(host):
            raise _refused(f"{place}, which is not a public address")


def is_exempt(config: DingTalk, host: str, port: int) -> bool:
    """Whether a host may have any address: we were configured with it."""
    endpoints = [endpoint_of(url, allow_insecure=True) for url in (config.endpoint, config.oapi_endpoint)]
    named = host in config.download_hosts
    if is_loopback(host):
        here = [(each.host, each.port) for each in endpoints]
        return is_loopback(endpoints[0].host) and (named or (host, port) in here)
    return named or host in [each.host for each in endpoints]


@asynccontextmanager
async def open_file_hosts(config: DingTalk, network: Network, plain: HttpClient) -> AsyncIterator[FileHosts]:
    """Whom to fetch files from, while the block runs. ``plain`` calls what a proxy stands before."""
    public = PublicNetwork(network, lambda host, port: is_exempt(config, host, port))
    async with open_http_client(
        network=public,
        ca_file=config.ca_file,
        allow_insecure=config.allow_insecure,
        total=config.media_timeout,
        silence=min(SILENCE, config.media_timeout),
    ) as direct:
        yield FileHosts(config, network, plain, direct)


def _refused(text: str) -> RequestFailed:
    return RequestFailed(f"{text}: it is not called", code=REFUSED_ADDRESS)
