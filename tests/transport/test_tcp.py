from __future__ import annotations

import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trio_bridge.errors import HandshakeFailed
from trio_bridge.transport.tcp import HEAD_START, LOOKUP_THREADS, USER_TIMEOUT, SystemNetwork, in_turns

V4, V6 = socket.AF_INET, socket.AF_INET6


class Resolver(trio.abc.HostnameResolver):
    """Knows every name, by the same answer."""

    def __init__(self, answer: Callable[[], Awaitable[list[Any]]]) -> None:
        self.answer = answer

    async def getaddrinfo(self, *args: object) -> list[Any]:
        return await self.answer()

    async def getnameinfo(self, *args: object) -> tuple[str, str]:
        raise AssertionError("not asked for")


def addresses(*places: str) -> Callable[[], Awaitable[list[Any]]]:
    async def answer() -> list[Any]:
        return [(V6 if ":" in place else V4, socket.SOCK_STREAM, 6, "", (place, 443)) for place in places]

    return answer


class FakeSocket(trio.socket.SocketType):
    """A socket whose connect does what the address says."""

    type = socket.SOCK_STREAM
    did_shutdown_SHUT_WR = False  # noqa: N815  Trio's name

    def __init__(self, log: list[tuple[float, str]], together: trio.Event, caller: trio.CancelScope) -> None:
        self.log = log
        self.together = together
        self.caller = caller
        self.place = ""
        self.closed = False

    async def connect(self, address: Any) -> None:
        self.place = address[0]
        self.log.append((trio.current_time(), self.place))
        if self.place.endswith("pair"):  # both answer when the second is asked
            if len(self.log) == 2:
                self.together.set()
            else:
                await self.together.wait()
            return
        if self.place.endswith("late"):  # it answers, and in that moment nobody wants it any more
            self.caller.cancel("left")
            return
        if self.place.endswith("dead"):
            await trio.sleep_forever()
        if self.place.endswith("shut"):
            raise ConnectionRefusedError(111, "Connection refused")
        if self.place.endswith("away"):
            raise OSError(113, "No route to host")
        await trio.sleep(0.1)

    def setsockopt(self, *args: object) -> None: ...

    def close(self) -> None:
        self.closed = True


class FakeSockets(trio.abc.SocketFactory):
    def __init__(self) -> None:
        self.made: list[FakeSocket] = []
        self.together = trio.Event()
        self.caller = trio.CancelScope()
        self.log: list[tuple[float, str]] = []

    def socket(self, *args: object) -> FakeSocket:
        self.made.append(FakeSocket(self.log, self.together, self.caller))
        return self.made[-1]


async def fake_connect(*places: str) -> tuple[FakeSockets, str]:
    """Connect to a name with these addresses: what was tried, and what came of it."""
    sockets = FakeSockets()
    trio.socket.set_custom_socket_factory(sockets)
    trio.socket.set_custom_hostname_resolver(Resolver(addresses(*places)))
    try:
        stream = await SystemNetwork().connect_tcp("chat.example", 443)
    except HandshakeFailed as failed:
        return sockets, f"{failed.stage}: {failed}"
    assert isinstance(stream.socket, FakeSocket)
    return sockets, stream.socket.place


async def test_bytes_pass_and_a_lost_peer_will_be_noticed() -> None:
    network = SystemNetwork()
    listener = await network.listen_tcp("127.0.0.1", 0)
    async with listener, await network.connect_tcp("localhost", network.port_of(listener)) as near:
        async with await listener.accept() as far:
            await near.send_all(b"hello")
            assert await far.receive_some() == b"hello"
        assert near.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == USER_TIMEOUT


async def test_a_closed_port_is_refused_with_the_systems_reason() -> None:
    network = SystemNetwork()
    async with await network.listen_tcp("127.0.0.1", 0) as listener:
        port = network.port_of(listener)
    with pytest.raises(HandshakeFailed, match=rf"^connecting to 127\.0\.0\.1:{port}: Connection refused$") as failed:
        await network.connect_tcp("127.0.0.1", port)
    assert failed.value.stage == "tcp"


async def test_a_listener_of_another_network_has_no_port_here() -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        assert SystemNetwork().port_of(listener) > 0
    with pytest.raises(TypeError):
        SystemNetwork().port_of(trio.StapledStream)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error", [socket.gaierror(socket.EAI_NONAME, "Name or service not known"), UnicodeError("label")]
)
async def test_a_name_that_is_not_known(error: Exception) -> None:
    async def answer() -> list[Any]:
        raise error

    trio.socket.set_custom_hostname_resolver(Resolver(answer))
    with pytest.raises(HandshakeFailed, match=r"looking up chat\.example: (Name or service not known|label)") as failed:
        await SystemNetwork().connect_tcp("chat.example", 443)
    assert failed.value.stage == "dns"


async def test_a_resolver_that_hangs_is_left_after_5_seconds(autojump_clock: MockClock) -> None:
    trio.socket.set_custom_hostname_resolver(Resolver(trio.sleep_forever))
    begun = trio.current_time()
    with pytest.raises(HandshakeFailed) as failed:
        await SystemNetwork().connect_tcp("chat.example", 443)
    assert failed.value.stage == "dns"
    assert trio.current_time() - begun == 5


async def test_a_hanging_system_resolver_takes_no_thread_of_trios(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    entered = threading.Semaphore(0)

    def hang(*args: object, **kwargs: object) -> list[Any]:
        entered.release()
        released.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    network = SystemNetwork()
    failures: list[HandshakeFailed] = []

    async def look_up(number: int) -> None:
        try:
            await network.connect_tcp(f"chat{number}.example", 443)
        except HandshakeFailed as failed:
            failures.append(failed)

    try:
        async with trio.open_nursery() as nursery:
            for number in range(LOOKUP_THREADS + 5):
                nursery.start_soon(look_up, number)
            for _ in range(LOOKUP_THREADS):
                await trio.to_thread.run_sync(entered.acquire)
            await trio.testing.wait_all_tasks_blocked()
            assert trio.to_thread.current_default_thread_limiter().borrowed_tokens == 0
            nursery.cancel_scope.cancel()
        # The threads hang on; whoever comes now waits for one of theirs, not for one of Trio's.
        assert await trio.to_thread.run_sync(lambda: "free") == "free"
    finally:
        released.set()
    with trio.fail_after(30):
        await look_up(99)
    assert [str(failed) for failed in failures] == ["looking up chat99.example: Temporary failure in name resolution"]


async def test_a_host_that_does_not_answer_is_left_after_10_seconds(autojump_clock: MockClock) -> None:
    begun = trio.current_time()
    sockets, outcome = await fake_connect("192.0.2.1-dead")
    assert outcome == "tcp: connecting to chat.example:443: no answer within 10 s"
    assert trio.current_time() - begun == 10
    assert all(sock.closed for sock in sockets.made)


async def test_addresses_get_a_head_start_in_turn(autojump_clock: MockClock) -> None:
    begun = trio.current_time()
    sockets, winner = await fake_connect("2001:db8::dead", "2001:db8::2:dead", "192.0.2.1")
    assert winner == "192.0.2.1"
    assert [(at - begun, place) for at, place in sockets.log] == [(0, "2001:db8::dead"), (HEAD_START, "192.0.2.1")]
    assert [sock.closed for sock in sockets.made] == [True, False]


async def test_a_refusal_does_not_wait_for_the_head_start(autojump_clock: MockClock) -> None:
    begun = trio.current_time()
    _, winner = await fake_connect("192.0.2.1-shut", "192.0.2.2")
    assert winner == "192.0.2.2"
    assert trio.current_time() - begun == pytest.approx(0.1)


async def test_all_reasons_are_told_once_each(autojump_clock: MockClock) -> None:
    sockets, outcome = await fake_connect("192.0.2.1-shut", "192.0.2.2-away", "192.0.2.3-shut")
    assert outcome == "tcp: connecting to chat.example:443: Connection refused, No route to host"
    assert all(sock.closed for sock in sockets.made)


async def test_of_two_that_answer_together_one_is_closed(autojump_clock: MockClock) -> None:
    sockets, _ = await fake_connect("192.0.2.1-pair", "192.0.2.2-pair")
    assert sorted(sock.closed for sock in sockets.made) == [False, True]


async def test_one_that_answers_while_the_caller_leaves_is_closed() -> None:
    sockets = FakeSockets()
    trio.socket.set_custom_socket_factory(sockets)
    trio.socket.set_custom_hostname_resolver(Resolver(addresses("192.0.2.1-late")))
    with sockets.caller:
        await SystemNetwork().connect_tcp("chat.example", 443)
    assert sockets.caller.cancelled_caught
    assert [sock.closed for sock in sockets.made] == [True]


def test_families_alternate_at_first() -> None:
    one, two, three, other = (V6, 1), (V6, 2), (V6, 3), (V4, 4)
    assert in_turns([one, two, other, three]) == [one, other, two, three]
    assert in_turns([one, two]) == [one, two]
    assert in_turns([]) == []


async def test_every_address_of_a_name_is_told_once() -> None:
    assert await SystemNetwork().look_up("127.0.0.1", 80) == ["127.0.0.1"]
    assert set(await SystemNetwork().look_up("localhost", 80)) <= {"127.0.0.1", "::1"}
