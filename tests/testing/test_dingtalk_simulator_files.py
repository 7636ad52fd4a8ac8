"""Files in the simulator's world: sent by people, handed out well and badly."""

from __future__ import annotations

from pathlib import Path

import trio

from trio_bridge import Message
from trio_bridge.engine.executors import inline
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.dingtalk.gateway.files import FILE
from trio_bridge.testing.dingtalk import DingTalkSimulator
from trio_bridge.testing.fixtures import dingtalk
from trio_bridge.transport.http import open_http_client
from trio_bridge.transport.memory import MemoryNetwork

__all__ = ["dingtalk"]


async def describe(message: Message) -> str:
    (attachment,) = message.attachments
    path = await message.download(attachment)
    return f"{attachment.kind} {attachment.name!r} {path.read_bytes().decode()} {message.sender.id}"


async def test_a_person_sends_pictures_and_files(autojump_clock: object, dingtalk: DingTalkSimulator) -> None:
    async with dingtalk.open_account(describe, reply_mode="text"):
        await dingtalk.send_file(b"png")
        assert (await dingtalk.next_reply()).text == "image '' png staff0001"
        await dingtalk.send_file(b"pdf", "a.pdf", sender="staff0002")
        assert (await dingtalk.next_reply()).text == "file 'a.pdf' pdf staff0002"
        await dingtalk.send_file(b"png", conversation="cidGROUP")
        assert "png" in (await dingtalk.next_reply()).text


async def test_a_clock_that_jumps_has_no_threads_to_wait_for(
    autojump_clock: object, dingtalk: DingTalkSimulator
) -> None:
    assert dingtalk.environment.disk is inline


async def test_in_real_time_threads_write(tmp_path: Path) -> None:
    content = "x" * 1_000_000
    with trio.fail_after(30):
        async with DingTalkSimulator(patience=30) as dingtalk:
            assert dingtalk.environment.disk is not inline
            async with dingtalk.open_account(describe, reply_mode="text", chunk_limit=10_000_000) as account:
                path = await account.api.download(dingtalk.rest.files.put(content.encode()), tmp_path)
    assert path.stat().st_size == len(content)


async def told(simulator: DingTalkSimulator, answer: Answer) -> tuple[list[tuple[float, bytes]], BaseException | None]:
    """What came of an answer of the file host, with the second in which it came, and how it ended."""
    simulator.rest.scripts.add(FILE, answer)
    begun, pieces = trio.current_time(), []
    async with open_http_client(network=simulator._network, silence=60) as http:
        try:
            async with http.stream("GET", simulator.url + FILE) as stream:
                while piece := await stream.receive_some():
                    pieces.append((trio.current_time() - begun, piece))
        except Exception as error:
            return pieces, error
    return pieces, None


async def test_a_body_in_pieces_takes_its_time_and_ends_as_it_was_told(autojump_clock: object) -> None:
    async with DingTalkSimulator(network=MemoryNetwork()) as simulator:
        came = [(0, b"a"), (2, b"b")]
        assert await told(simulator, Answer(body=[b"a", b"b"], pace=2)) == (came, None)
        for ending in ("swallow", "hang"):
            pieces, error = await told(simulator, Answer(body=[b"a", b"b"], pace=2, ending=ending))
            assert pieces == came
            assert error is not None
        assert await told(simulator, Answer(body=b"\x00\xff")) == ([(0, b"\x00\xff")], None)
