"""A network that reaches public addresses only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
import trio

from trio_bridge.errors import HandshakeFailed, RequestFailed
from trio_bridge.transport.memory import MemoryNetwork
from trio_bridge.transport.public import PATIENCE, REFUSED_ADDRESS, PublicNetwork, is_public

PUBLIC, OTHER = "93.184.216.34", "8.8.8.8"


@pytest.mark.parametrize(
    "address",
    [PUBLIC, OTHER, "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1",
        "203.0.113.1", "224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1", "100::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::7f00:1",
        "192.0.0.192", "192.88.99.1", "168.63.129.16", "3fff::1", "::ffff:192.0.0.192",
        "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::808:808", "2002:7f00:1::", "2002:a00:1::", "2001:0:1::1",
        "example.com", "", "127.1", "0x7f.1", "2130706433",
    ],
)  # fmt: skip
def test_addresses_of_somebody_in_particular_are_not(address: str) -> None:
    assert not is_public(address)


class Names(MemoryNetwork):
    """Names that mean other addresses at every look-up, the last one for ever."""

    def __init__(self, names: Mapping[str, Sequence[list[str]]]) -> None:
        super().__init__()
        self.names = {name: list(answers) for name, answers in names.items()}
        self.asked: list[str] = []

    async def look_up(self, host: str, port: int) -> list[str]:
        if host not in self.names:
            return await super().look_up(host, port)
        self.asked.append(host)
        answers = self.names[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]


async def test_a_name_is_looked_up_once_and_its_address_called() -> None:
    network = Names({"files.example": [[PUBLIC], ["127.0.0.1"]]})
    await network.listen_tcp("127.0.0.1", 80)
    await network.listen_tcp(PUBLIC, 80)
    await PublicNetwork(network, lambda host, port: False).connect_tcp("files.example", 80)
    assert [connection.host for connection in network.connections] == [PUBLIC]
    assert network.asked == ["files.example"]


@pytest.mark.parametrize("addresses", [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["::1", PUBLIC], ["169.254.169.254"]])
async def test_one_address_that_is_not_public_is_one_too_many(addresses: list[str]) -> None:
    network = Names({"evil.example": [addresses]})
    for address in addresses:
        await network.listen_tcp(address, 80)
    with pytest.raises(RequestFailed, match=r"evil\.example has an address that is not public") as caught:
        await PublicNetwork(network, lambda host, port: False).connect_tcp("evil.example", 80)
    assert caught.value.code == REFUSED_ADDRESS
    assert network.connections == []


async def test_what_we_were_configured_with_may_be_anywhere() -> None:
    network = Names({"inside.example": [["10.0.0.1"]]})
    await network.listen_tcp("inside.example", 80)
    subject = PublicNetwork(network, lambda host, port: (host, port) == ("inside.example", 80))
    await subject.connect_tcp("inside.example", 80)
    with pytest.raises(RequestFailed):
        await subject.connect_tcp("inside.example", 81)


async def test_an_address_that_does_not_answer_leaves_room_for_the_next(autojump_clock: object) -> None:
    network = Names({"files.example": [["8.8.4.4", OTHER, PUBLIC]]})
    await network.listen_tcp(PUBLIC, 80)
    begun = trio.current_time()
    with network.blackhole(OTHER):
        await PublicNetwork(network, lambda host, port: False).connect_tcp("files.example", 80)
    assert trio.current_time() - begun == PATIENCE
    assert [connection.host for connection in network.connections] == [PUBLIC]


async def test_the_last_address_says_why_nobody_answered() -> None:
    network = Names({"files.example": [[OTHER, PUBLIC]]})
    with pytest.raises(HandshakeFailed, match=rf"connecting to {PUBLIC}:80: Connection refused"):
        await PublicNetwork(network, lambda host, port: False).connect_tcp("files.example", 80)


async def test_listening_is_left_to_the_network_below() -> None:
    subject = PublicNetwork(MemoryNetwork(), lambda host, port: False)
    listener = await subject.listen_tcp("127.0.0.1", 8080)
    assert subject.port_of(listener) == 8080
    assert not subject.honours_proxies
