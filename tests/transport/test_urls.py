from __future__ import annotations

import pytest

from trio_bridge.errors import AccountRefused
from trio_bridge.transport.urls import Endpoint, endpoint_of, proxy_for


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("wss://chat.example/path?ticket=t", Endpoint("wss", "chat.example", 443)),
        ("https://chat.example:8443", Endpoint("https", "chat.example", 8443)),
        ("HTTPS://Chat.Example/", Endpoint("https", "chat.example", 443)),
        ("http://127.0.0.1:80", Endpoint("http", "127.0.0.1", 80)),
        ("ws://localhost:1/", Endpoint("ws", "localhost", 1)),
        ("ws://127.9.9.9/", Endpoint("ws", "127.9.9.9", 80)),
        ("ws://[::1]:2/", Endpoint("ws", "::1", 2)),
        ("wss://bücher.example/", Endpoint("wss", "xn--bcher-kva.example", 443)),
    ],
)
def test_a_url_names_an_endpoint(url: str, endpoint: Endpoint) -> None:
    assert endpoint_of(url) == endpoint


@pytest.mark.parametrize(
    "url",
    [
        "ws://chat.example/?ticket=t0p",
        "http://10.0.0.1/t0p",
        "http://localhost.example/t0p",
        "http://127.0.0.1.example/t0p",
        "http://2130706433/t0p",
        "http://127.0.0.1@chat.example/t0p",
        "http://[2001:db8::1]/t0p",
    ],
)
def test_only_loopback_is_reached_in_the_clear(url: str) -> None:
    with pytest.raises(AccountRefused, match="allow_insecure") as refused:
        endpoint_of(url)
    assert refused.value.kind == "misconfigured"
    assert "t0p" not in str(refused.value)
    assert not endpoint_of(url, allow_insecure=True).secure


@pytest.mark.parametrize(
    "url",
    [
        "",
        "chat.example",
        "ftp://chat.example",
        "wss://",
        "wss://[::1",
        "wss://a:b/",
        "wss://a:70000/",
        "wss://.a/",
        "wss://a..b/",
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(AccountRefused, match="not a usable URL") as refused:
        endpoint_of(url)
    assert refused.value.kind == "misconfigured"


@pytest.mark.parametrize(
    ("environment", "scheme", "proxy"),
    [
        ({}, "wss", None),
        ({"HTTPS_PROXY": "http://p:1"}, "wss", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, "https", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, "ws", None),
        ({"HTTP_PROXY": "http://p:1"}, "ws", "http://p:1"),
        ({"ALL_PROXY": "http://a:1", "HTTPS_PROXY": "http://p:1"}, "wss", "http://p:1"),
        ({"ALL_PROXY": "p:1"}, "http", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "chat.example"}, "wss", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".example"}, "wss", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "other.example"}, "wss", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, "wss", None),
    ],
)
def test_the_environment_names_the_proxy(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], scheme: str, proxy: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(Endpoint(scheme, "chat.example", 443)) == proxy


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_loopback_is_never_proxied(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://p:1")
    assert proxy_for(Endpoint("https", host, 443)) is None
