"""Which URLs may be called: those we were configured with, and of those that a payload names, only vetted ones."""

from __future__ import annotations

from collections.abc import Container
from urllib.parse import SplitResult, urlsplit

from ...transport.urls import is_loopback


def split(url: str) -> SplitResult | None:
    """The parts of an absolute URL that every parser reads alike, else ``None``.

    Parsers disagree about backslashes, blanks, user names and international hosts, and the host that was checked by one
    must not be another host to the next.
    """
    if not url.isascii() or not url.isprintable() or any(character in url for character in " \\"):
        return None
    try:
        parts = urlsplit(url)
        return parts if parts.hostname and parts.port != 0 and "@" not in parts.netloc else None
    except ValueError:
        return None


def is_http(url: str) -> bool:
    parts = split(url)
    return parts is not None and parts.scheme in ("http", "https")


def host_of(url: str) -> str:
    """In lower case; empty where there is none."""
    parts = split(url)
    return "" if parts is None else parts.hostname or ""


def is_vetted(url: str, *, hosts: Container[str], loopback: bool, insecure: bool) -> bool:
    """Whether a URL from a payload may be called: one of ``hosts``, over TLS unless ``insecure``.

    This machine is called only with ``loopback``, whatever ``hosts`` says.
    """
    parts = split(url)
    if parts is None or parts.scheme not in ("http", "https"):
        return False
    if is_loopback(host_of(url)):
        return loopback
    return host_of(url) in hosts and (insecure or parts.scheme == "https")
