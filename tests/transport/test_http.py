"""A call is made once, ends in time, and its error says whether it may have been carried out."""

from __future__ import annotations

import gc
import gzip
import logging
import re
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme
from trio.testing import MockClock

from tests.transport.servers import read_head, serving, speaking
from trio_bridge.errors import (
    AccountRefused,
    HandshakeFailed,
    LocalProtocolError,
    NotSent,
    OutcomeUnknown,
    RemoteProtocolError,
)
from trio_bridge.transport.http import HttpClient, HttpReply, open_http_client
from trio_bridge.transport.memory import MemoryNetwork
from trio_bridge.transport.server import HttpRequest, HttpResponse
from trio_bridge.transport.tcp import SystemNetwork

Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]


async def tell(request: HttpRequest) -> HttpResponse:
    """Say what was asked."""
    return HttpResponse.json(
        {
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "headers": request.headers,
            "body": request.body.decode(),
        }
    )


@asynccontextmanager
async def served(network: MemoryNetwork, handler: Handler, **options: Any) -> AsyncIterator[tuple[HttpClient, str]]:
    """A client, and the URL of a server."""
    async with serving(network, handler) as port, open_http_client(network=network, **options) as http:
        yield http, f"http://127.0.0.1:{port}"


@asynccontextmanager
async def spoken_to(
    network: MemoryNetwork, talk: Callable[[trio.abc.HalfCloseableStream], Awaitable[object]], **options: Any
) -> AsyncIterator[tuple[HttpClient, str]]:
    """The same, for a server that says bytes."""
    async with speaking(network, talk) as port, open_http_client(network=network, **options) as http:
        yield http, f"http://127.0.0.1:{port}/s3cret?token=s3cret"


def saying(answer: bytes) -> Callable[[trio.abc.HalfCloseableStream], Awaitable[None]]:
    async def talk(stream: trio.abc.HalfCloseableStream) -> None:
        await read_head(stream)
        await stream.send_all(answer)

    return talk


async def test_json_goes_there_and_back(network: MemoryNetwork) -> None:
    async with served(network, tell) as (http, url):
        reply = await http.request("POST", url + "/a", params={"x": 1}, json={"ü": 1}, headers=[("X-A", "b")])
    assert reply.ok
    said = reply.json()
    assert (said["method"], said["path"], said["query"], said["body"]) == ("POST", "/a", {"x": "1"}, '{"ü":1}')
    assert said["headers"]["content-type"] == "application/json"
    assert said["headers"]["x-a"] == "b"
    assert said["headers"]["accept-encoding"] == "identity"
    assert "cookie" not in said["headers"]


async def test_a_file_goes_up(network: MemoryNetwork) -> None:
    async with served(network, tell) as (http, url):
        files = {"image": ("a.png", b"pixels", "image/png")}
        said = (await http.request("POST", url, data={"type": "message"}, files=files)).json()
    assert 'name="type"\r\n\r\nmessage\r\n' in said["body"]
    assert 'name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\npixels\r\n' in said["body"]


async def test_any_status_is_an_answer_and_redirects_are_not_followed(network: MemoryNetwork) -> None:
    asked: list[str] = []

    async def handler(request: HttpRequest) -> HttpResponse:
        asked.append(request.path)
        headers = [("Location", "http://elsewhere.example/"), ("Retry-After", "7"), ("Set-Cookie", "a=b")]
        return HttpResponse(int(request.path[1:]), headers, b"<html>")

    async with served(network, handler) as (http, url):
        for status in (302, 429, 500):
            reply = await http.request("GET", f"{url}/{status}")
            assert (reply.status, reply.ok, reply.retry_after, reply.text) == (status, False, 7.0, "<html>")
            with pytest.raises(RemoteProtocolError, match=f"{status} is not JSON"):
                reply.json()
    assert asked == ["/302", "/429", "/500"]


def test_an_answer_nested_beyond_measure_is_no_json() -> None:
    with pytest.raises(RemoteProtocolError, match="200 is not JSON"):
        HttpReply(200, {}, b"[" * 100_000).json()


def test_nor_is_such_a_request() -> None:
    request = HttpRequest(method="POST", target="/", path="/", query={}, headers={}, body=b"[" * 100_000)
    with pytest.raises(ValueError, match="nested too deeply"):
        request.json()


async def test_a_connection_serves_many_calls(network: MemoryNetwork) -> None:
    async with served(network, tell) as (http, url):
        for _ in range(3):
            await http.request("GET", url)
        assert len(network.connections) == 1
    assert network.connections == []


async def test_a_connection_that_the_server_closed_is_not_used_again(network: MemoryNetwork) -> None:
    async with served(network, tell) as (http, url):
        await http.request("GET", url)
        network.connections[0].server.close()
        assert (await http.request("GET", url)).ok


@pytest.mark.parametrize("fault", ["without_name", "without_resolver", "blackhole", "refusing"])
async def test_what_never_reached_the_server_was_not_sent(
    network: MemoryNetwork, fault: str, autojump_clock: MockClock
) -> None:
    async with served(network, tell) as (http, url):
        with getattr(network, fault)(), pytest.raises(NotSent, match=f"^POST {re.escape(url)}: ") as unsent:
            await http.request("POST", url)
        assert isinstance(unsent.value.__cause__, HandshakeFailed)
        assert (await http.request("GET", url)).ok


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://user:s3cret@chat.example:443/s3cret?token=s3cret", "https://chat.example"),
        ("https://chat.example:8443/", "https://chat.example:8443"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("http://[::1]/", "http://[::1]"),
    ],
)
async def test_a_failure_names_the_host_and_a_port_that_is_not_the_usual_one(
    network: MemoryNetwork, url: str, place: str
) -> None:
    async with open_http_client(network=network) as http:
        with network.refusing(), pytest.raises(NotSent, match=f"^GET {re.escape(place)}: ") as unsent:
            await http.request("GET", url)
    assert "s3cret" not in str(unsent.value)


async def test_a_call_that_ends_before_it_was_written_was_not_sent(
    network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    async with served(network, tell, total=3.0) as (http, url):
        begun = trio.current_time()
        with network.blackhole(), pytest.raises(NotSent, match="no answer within 3 s"):
            await http.request("POST", url)
        assert trio.current_time() - begun == 3


async def test_a_call_without_an_answer_has_an_unknown_outcome(
    network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    async def sleep(request: HttpRequest) -> HttpResponse:
        await trio.sleep_forever()

    async with served(network, sleep) as (http, url):
        begun = trio.current_time()
        with pytest.raises(OutcomeUnknown, match="no answer within 15 s"):
            await http.request("POST", url)
        assert trio.current_time() - begun == 15
        with pytest.raises(OutcomeUnknown):
            async with http.stream("POST", url):
                raise AssertionError("there was no answer")
        assert trio.current_time() - begun == 30


async def test_an_answer_that_drips_is_cut_off_as_a_whole(network: MemoryNetwork, autojump_clock: MockClock) -> None:
    async def drip(stream: trio.abc.HalfCloseableStream) -> None:
        await read_head(stream)
        await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                await stream.send_all(b".")
                await trio.sleep(1)
        except trio.BrokenResourceError:
            pass

    async with spoken_to(network, drip) as (http, url):
        begun = trio.current_time()
        with pytest.raises(OutcomeUnknown, match="within 15 s"):
            await http.request("GET", url)
        assert trio.current_time() - begun == 15


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
    ],
)
async def test_half_an_answer_is_an_unknown_outcome(network: MemoryNetwork, answer: bytes) -> None:
    async with spoken_to(network, saying(answer)) as (http, url):
        with pytest.raises(OutcomeUnknown, match=r"^POST http://127\.0\.0\.1:\d+: \S") as unknown:
            await http.request("POST", url)
    assert "s3cret" not in str(unknown.value)


async def test_a_reset_after_writing_is_an_unknown_outcome(network: MemoryNetwork) -> None:
    async def reset(stream: trio.abc.HalfCloseableStream) -> None:
        await read_head(stream)
        network.connections[0].break_()

    async with spoken_to(network, reset) as (http, url):
        with pytest.raises(OutcomeUnknown):
            await http.request("POST", url)


async def test_nothing_is_sent_twice(network: MemoryNetwork) -> None:
    calls: list[bytes] = []

    async def hang_up(stream: trio.abc.HalfCloseableStream) -> None:
        calls.append(await read_head(stream))

    async with spoken_to(network, hang_up) as (http, url):
        with pytest.raises(OutcomeUnknown):
            await http.request("GET", url)
    assert len(calls) == 1


async def test_an_answer_that_is_too_large_is_left(network: MemoryNetwork) -> None:
    async def big(request: HttpRequest) -> HttpResponse:
        return HttpResponse(body=b"x" * int(request.path[1:]))

    async with served(network, big, max_size=1000) as (http, url):
        assert len((await http.request("GET", f"{url}/1000")).body) == 1000
        with pytest.raises(OutcomeUnknown, match="more than 1000 bytes"):
            await http.request("GET", f"{url}/1001")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (gzip.compress(b"x" * 1001, mtime=0), "more than 1000 bytes"),
        (b"no gzip", "unknown encoding"),
    ],
)
async def test_compression_that_nobody_asked_for_is_undone_within_bounds(
    network: MemoryNetwork, body: bytes, reason: str
) -> None:
    async def handler(request: HttpRequest) -> HttpResponse:
        fits = gzip.compress(b"x" * 1000)
        return HttpResponse(200, [("Content-Encoding", "gzip")], fits if request.path == "/fits" else body)

    assert len(body) < 1000
    async with served(network, handler, max_size=1000) as (http, url):
        assert (await http.request("GET", url + "/fits")).body == b"x" * 1000
        with pytest.raises(OutcomeUnknown, match=reason):
            await http.request("GET", url)


async def test_a_bomb_is_not_inflated(network: MemoryNetwork) -> None:
    bomb = gzip.compress(bytes(40_000_000))

    async def handler(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, [("Content-Encoding", "gzip")], bomb)

    async with served(network, handler, max_size=100_000) as (http, url):
        tracemalloc.start()
        try:
            with pytest.raises(OutcomeUnknown, match="more than 100000 bytes"):
                await http.request("GET", url)
            assert tracemalloc.get_traced_memory()[1] < 10_000_000
        finally:
            tracemalloc.stop()


async def test_a_stream_comes_piece_by_piece(network: MemoryNetwork, autojump_clock: MockClock) -> None:
    async def talk(stream: trio.abc.HalfCloseableStream) -> None:
        await read_head(stream)
        await stream.send_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\nx-a: 2\r\n\r\n")
        for piece in (b"one", b"two"):
            await trio.sleep(60)
            await stream.send_all(b"3\r\n" + piece + b"\r\n")
        await stream.send_all(b"0\r\n\r\n")

    async with spoken_to(network, talk) as (http, url), http.stream("POST", url) as answer:
        assert (answer.status, answer.headers["x-a"]) == (200, "1, 2")
        assert [await answer.receive_some() for _ in range(3)] == [b"one", b"two", b""]


async def test_a_stream_that_falls_silent_ends(network: MemoryNetwork, autojump_clock: MockClock) -> None:
    async def talk(stream: trio.abc.HalfCloseableStream) -> None:
        await read_head(stream)
        await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\nbegun")
        await trio.sleep_forever()

    async with spoken_to(network, talk, silence=30.0) as (http, url), http.stream("GET", url) as answer:
        assert await answer.receive_some() == b"begun"
        begun = trio.current_time()
        with pytest.raises(OutcomeUnknown):
            await answer.receive_some()
        assert trio.current_time() - begun == 30


async def test_a_stream_can_be_left_at_any_point(network: MemoryNetwork) -> None:
    async def big(request: HttpRequest) -> HttpResponse:
        return HttpResponse(body=b"x" * 10**6)

    async with served(network, big) as (http, url):
        async with http.stream("GET", url):
            pass
        async with http.stream("GET", url) as answer:
            await answer.receive_some()
        async with http.stream("GET", url) as answer:
            with trio.CancelScope() as scope:
                scope.cancel()
                await answer.receive_some()
        with trio.CancelScope() as scope:
            async with http.stream("GET", url) as answer:
                await answer.receive_some()
                scope.cancel()
                await trio.lowlevel.checkpoint()
        assert network.connections == []
    gc.collect()  # generators that were not run to their end would warn now


@pytest.mark.parametrize("end", ["cancelled", "broken"])
async def test_a_body_that_was_cut_off_leaves_nothing_behind(
    end: str, network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    async def hardly_listen(stream: trio.abc.HalfCloseableStream) -> None:
        await read_head(stream)
        await trio.sleep(1)
        if end == "broken":
            network.connections[0].break_()
        await trio.sleep_forever()

    big = {"json": {"text": "x" * 10**6}}, {"files": {"image": ("a.png", b"x" * 10**6, "image/png")}}
    async with spoken_to(network, hardly_listen, total=2) as (http, url):
        for parts in big:
            with pytest.raises(OutcomeUnknown):
                await http.request("POST", url, **parts)
    gc.collect()  # as above


@pytest.mark.parametrize(
    "url", ["http://chat.example/s3cret", "ws://127.0.0.1/s3cret", "s3cret", "http://127.0.0.1/s3cret\0"]
)
async def test_a_url_that_cannot_be_used_is_refused_without_being_repeated(network: MemoryNetwork, url: str) -> None:
    async with open_http_client(network=network) as http:
        with pytest.raises(AccountRefused) as refused:
            await http.request("GET", url)
    assert refused.value.kind == "misconfigured"
    assert "s3cret" not in str(refused.value)


async def test_plain_http_is_used_where_it_is_allowed(network: MemoryNetwork) -> None:
    async with (
        serving(network, tell, host="chat.example") as port,
        open_http_client(network=network, allow_insecure=True) as http,
    ):
        assert (await http.request("GET", f"http://chat.example:{port}/")).ok


async def test_a_method_that_is_none_is_our_bug(network: MemoryNetwork) -> None:
    async with served(network, tell) as (http, url):
        with pytest.raises(LocalProtocolError):
            await http.request("G T", url)


async def test_certificates_are_verified_anew_for_each_connection(authority: trustme.CA, ca_file: Path) -> None:
    network = SystemNetwork()
    async with serving(network, tell, tls=authority.issue_cert("localhost")) as port:
        url = f"https://localhost:{port}/"
        async with open_http_client(network=network) as http:
            with pytest.raises(AccountRefused, match="option ca_file"):
                await http.request("GET", url)
        async with open_http_client(network=network, ca_file=ca_file) as http:
            assert (await http.request("GET", url)).ok
        other = ca_file.with_name("other.pem")
        trustme.CA().cert_pem.write_to_path(other)
        async with open_http_client(network=network, ca_file=other) as http:
            with pytest.raises(AccountRefused):
                await http.request("GET", url)
            authority.cert_pem.write_to_path(other)
            assert (await http.request("GET", url)).ok


async def test_urls_and_headers_stay_out_of_the_log(network: MemoryNetwork, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with served(network, tell) as (http, url):
        await http.request("POST", f"{url}/s3cret?token=s3cret", headers=[("Authorization", "s3cret")], json="s3cret")
    assert "s3cret" not in caplog.text


def test_a_reply_shows_no_content() -> None:
    assert repr(HttpReply(200, {"set-cookie": "s3cret"}, b"s3cret")) == "HttpReply(status=200)"
