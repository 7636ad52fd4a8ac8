"""How much the server sends, and when."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from websockets.frames import Frame, Opcode

from benchmarks.flood.flood import Flood
from benchmarks.flood.frames import Frames
from benchmarks.flood.platforms import Platform
from benchmarks.flood.platforms.dingtalk import DingTalk
from benchmarks.flood.platforms.feishu import Feishu
from benchmarks.flood.reports import Reports
from benchmarks.flood.server import Sending


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(5)
        yield ours, theirs


def sending(connection: socket.socket, flood: Flood, platform: Platform | None = None) -> Sending:
    return Sending(connection, flood, Frames.of(platform or DingTalk(), flood), Reports(pipe=-1))


@pytest.mark.parametrize(("burst", "aims"), [(False, [20, 20, 20, 35, 40]), (True, [20, 20, 40, 40, 40])])
def test_the_window_moves_with_what_is_done(
    ends: tuple[socket.socket, socket.socket], burst: bool, aims: list[int]
) -> None:
    under_way, seen = sending(ends[0], Flood(count=40, window=20, burst=burst)), []
    for acknowledged, handled in ((0, 0), (4, 4), (20, 4), (20, 15), (40, 40)):
        under_way.acks.count, under_way.reports.handled = acknowledged, handled
        under_way.go_on()
        seen.append(under_way.aim)
    assert seen == aims
    assert under_way.target == len(under_way.frames.wire)


def test_a_ping_is_answered_between_two_messages(ends: tuple[socket.socket, socket.socket]) -> None:
    under_way = sending(ends[0], Flood(count=10))
    under_way.acks.take(Frame(Opcode.PING, b"1").serialize(mask=True) * 2, 0)
    under_way.go_on()
    under_way.send()
    pongs = Frame(Opcode.PONG, b"1").serialize(mask=False) * 2
    assert ends[1].recv(2**20).startswith(pongs + under_way.frames.wire[:100])
    assert under_way.acks.pings == []


def test_nothing_is_sent_before_a_client_of_feishu_listens(ends: tuple[socket.socket, socket.socket]) -> None:
    under_way = sending(ends[0], Flood(count=10), Feishu())
    ends[1].sendall(Frame(Opcode.BINARY, b"a ping of Feishu's own kind").serialize(mask=True))
    under_way.wait_ready()
    under_way.go_on()
    under_way.send()
    assert ends[1].recv(2**20).startswith(under_way.frames.platform.pong + under_way.frames.wire[:100])
    assert (under_way.acks.beats, under_way.acks.count) == (0, 0)

    ends[1].close()
    with pytest.raises(ConnectionError, match="closed"):
        sending(ends[0], Flood(count=10), Feishu()).wait_ready()
