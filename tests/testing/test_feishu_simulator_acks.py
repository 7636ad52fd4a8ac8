"""How the Feishu simulator judges what clients say, and how it cuts events into frames."""

import json

import pytest
import trio

from tests.testing.feishu_client import PING, header, read, simulated, written
from trio_bridge.platforms.feishu.gateway.fragments import Fragments
from trio_bridge.platforms.feishu.gateway.model import Rules


@pytest.fixture
async def world():
    async with simulated() as world:
        yield world


async def answered(world, answer):
    """An event is pushed, and this is what the client says to its frame."""
    async with world.connected() as websocket:
        pushed = await world.sim.say("hello")
        (frame,) = await read(websocket)
        said = len(world.sim.transcript.lines)
        await websocket.send_batch([answer(frame)])
        await world.sim.wait_until(lambda: len(world.sim.transcript.lines) > said)
    return world.sim.ledger.record(pushed)


def changed(field, value):
    """The acknowledgement with another value for one field."""
    return lambda frame: written([(each, value if each == field else old) for each, old in fields_of(frame)])


def fields_of(frame):
    return [*frame.fields[:-2], header("biz_rt", "3"), (8, b'{"code":200}'), frame.fields[-1]]


def without(field):
    return lambda frame: written([(each, value) for each, value in fields_of(frame) if each != field])


def without_sum(frame):
    return written([each for each in fields_of(frame) if each != header("sum", "1")])


@pytest.mark.parametrize(
    "answer",
    [
        lambda frame: frame.ack(),
        lambda frame: frame.ack(took="-4509"),
        lambda frame: frame.echo(b'{"code": 200}'),
        lambda frame: frame.echo(b'{"code":200,"headers":{"a":["b"]},"data":"e30="}'),
        lambda frame: frame.echo(b'{"code":500}'),
        lambda frame: written(fields_of(frame)[::-1][:2] + fields_of(frame)[:-2]),
    ],
    ids=range(6),
)
async def test_what_the_official_clients_say_is_no_fault(world, answer):
    record = await answered(world, answer)
    assert len(record.acks) == 1
    assert world.faults() == []


@pytest.mark.parametrize(
    ("answer", "kind", "detail"),
    [
        (changed(1, 3), "ack_differs", "SeqID"),
        (changed(2, 3), "ack_differs", "LogID"),
        (changed(3, 3), "ack_differs", "service"),
        (changed(9, b"x"), "ack_differs", "LogIDNew"),
        (without(9), "ack_differs", "LogIDNew"),
        (lambda frame: frame.echo(b'{"code":200}', [header("more", "1")]), "ack_differs", "more"),
        (changed(5, header("message_id", "x")[1]), "ack_unknown", "x"),
        (without_sum, "ack_differs", "headers"),
        (changed(4, 7), "control_unknown", "method 7"),
        (changed(8, b'{"code":404}'), "ack_unreadable", "code"),
        (changed(8, b"ok"), "ack_unreadable", "JSON"),
        (without(8), "ack_unreadable", "JSON"),
        (without(5), "ack_unreadable", "message_id"),
        (without(1), "frame_unreadable", "SeqID"),
        (lambda frame: frame.ack().replace(frame.header("message_id").encode(), b"0" * 36), "ack_unknown", "0" * 36),
        (lambda frame: b"", "frame_unreadable", "SeqID"),
        (lambda frame: b"\xff", "frame_unreadable", "cut off"),
        (lambda frame: "text", "text_message", ""),
        (lambda frame: PING.replace(b"\xf6\x81\x80\x10", b"\x01"), "ping_differs", "service 1"),
        (lambda frame: PING.replace(b"ping", b"pong"), "control_unknown", "pong"),
    ],
    ids=range(20),
)  # fmt: skip
async def test_everything_else_is_a_fault(world, answer, kind, detail):
    record = await answered(world, answer)
    (fault,) = world.sim.ledger.faults
    assert fault.kind == kind
    assert detail in fault.detail
    assert record.settled is (kind == "ack_differs")
    assert world.sim.ledger.summary().faults == 1


async def test_a_log_id_may_have_gone_through_a_floating_point_number(world):
    def rounded(frame):
        return changed(2, int(float(frame.number(2))))(frame)

    await answered(world, rounded)
    assert world.faults() == ["ack_differs"]
    world.sim.rules = Rules(rounded_log_ids=True)
    await answered(world, rounded)
    await answered(world, changed(2, 3))
    assert world.faults() == ["ack_differs", "ack_differs"]


async def test_an_event_is_acknowledged_once(world):
    async with world.connected() as websocket:
        pushed = await world.sim.say("hello")
        (frame,) = await read(websocket)
        await websocket.send_batch([frame.ack(), frame.ack()])
        await world.sim.wait_until(lambda: len(world.sim.ledger.record(pushed).acks) == 2)
    assert world.faults() == ["ack_twice"]
    assert world.sim.ledger.summary().acked == 1


async def test_an_acknowledgement_on_another_connection_settles_nothing(autojump_clock):
    async with simulated() as world, world.connected() as one, world.connected() as other:
        pushed = await world.sim.say("hello")
        home = world.sim.ledger.record(pushed).deliveries[0].connection
        here, there = (one, other) if home == world.sim.connections[0].id else (other, one)
        (frame,) = await read(here)
        await there.send_batch([frame.ack()])
        await world.sim.wait_until(lambda: len(world.sim.ledger.record(pushed).deliveries) == 2)
    assert world.faults() == ["ack_on_wrong_connection"]
    summary = world.sim.ledger.summary()
    assert (summary.acked, summary.acked_on_wrong_connection) == (0, 1)


# Fragments.


async def cut(world, websocket, fragments, text="sag «好» dazu"):
    with world.sim.fragmenting(fragments):
        pushed = await world.sim.say(text)
    return pushed, await read(websocket, len(fragments.pieces(pushed.letter.data)))


async def test_fragments_come_in_any_order_and_share_their_ids(world):
    async with world.connected() as websocket:
        pushed, frames = await cut(world, websocket, Fragments(order=(2, 0, 1)))
        await websocket.send_batch([frames[-1].ack()])
        await world.sim.wait_acked(pushed)
    assert [(frame.header("sum"), frame.header("seq")) for frame in frames] == [("3", "2"), ("3", "0"), ("3", "1")]
    assert len({frame.header("message_id") for frame in frames}) == 1
    assert len({frame.number(1) for frame in frames}) == 3
    chunks = {frame.header("seq"): frame.payload for frame in frames}
    assert b"".join(chunks[str(number)] for number in range(3)) == pushed.letter.data
    assert world.faults() == []


async def test_a_cut_may_fall_into_a_character_and_a_fragment_may_be_empty(world):
    async with world.connected() as websocket:
        probe = await world.sim.say("sag «好» dazu")
        at = probe.letter.data.index("好".encode()) + 1
        await read(websocket)
        _, frames = await cut(world, websocket, Fragments(cuts=(at, at)))
    with pytest.raises(UnicodeDecodeError):
        frames[0].payload.decode()
    assert frames[1].payload == b""
    assert json.loads(b"".join(frame.payload for frame in frames))["schema"] == "2.0"


async def test_fragments_may_take_their_time_and_so_may_the_acknowledgement(autojump_clock):
    async with simulated() as world, world.connected() as websocket:
        begun = trio.current_time()
        with world.sim.fragmenting(Fragments(gap=2.0)):
            pushed = await world.sim.say("hello")
        times, frames = [], []
        for _ in range(3):
            frames += await read(websocket)
            times.append(trio.current_time() - begun)
        await trio.sleep(2.9)
        await websocket.send_batch([frames[-1].ack()])
        await world.sim.wait_acked(pushed)
    assert times == [0, 2, 4]
    assert world.faults() == []


async def test_the_frame_that_made_it_whole_is_acknowledged_or_a_later_one(world):
    async with world.connected() as websocket:
        pushed, frames = await cut(world, websocket, Fragments(parts=2, order=(0, 1, 0)))
        await websocket.send_batch([frames[1].ack(), frames[2].ack()])
        await world.sim.wait_acked(pushed)
        assert world.faults() == []
        _, frames = await cut(world, websocket, Fragments(parts=2))
        await websocket.send_batch([frames[0].ack()])
        await world.sim.wait_until(lambda: bool(world.sim.ledger.faults))
    assert world.faults() == ["ack_differs"]


@pytest.mark.parametrize(
    "fragments",
    [Fragments(order=(0, 2)), Fragments(labels={1: ("4", "1")}), Fragments(labels={2: ("3", "7")})],
    ids=["missing", "wrong-sum", "wrong-seq"],
)
async def test_what_is_never_whole_can_not_be_acknowledged_and_comes_again(autojump_clock, fragments):
    async with simulated() as world, world.connected() as websocket:
        _, frames = await cut(world, websocket, fragments)
        (again,) = await read(websocket)
        assert again.header("sum") == "1"
        await websocket.send_batch([frames[-1].ack()])
        await world.sim.wait_until(lambda: bool(world.sim.ledger.faults))
    assert world.sim.ledger.faults[0].detail == "not all of it had been delivered"


async def test_fragments_stop_when_the_connection_does(autojump_clock):
    async with simulated() as world:
        async with world.connected() as websocket:
            with world.sim.fragmenting(Fragments(gap=5.0)):
                pushed = await world.sim.say("hello")
            await read(websocket)
        async with world.connected() as websocket:
            (frame,) = await read(websocket)
            await websocket.send_batch([frame.ack()])
            await world.sim.wait_acked(pushed)
    sent = [line.connection for line in world.sim.transcript.lines if line.what == "sent"]
    assert [sent.count(each.id) for each in world.sim.opened] == [1, 1]
    assert world.faults() == []


# What is written by hand.


async def test_a_frame_written_by_hand_may_be_acknowledged(world):
    event = b'{"schema":"2.0","header":{"event_id":"e1","event_type":"t"},"event":{}}'
    frame = written(
        [(1, 5), (2, 6), (3, 1), (4, 1), header("type", "event"), header("message_id", "early0"), (8, event)]
    )
    async with world.connected() as websocket:
        pushed = world.sim.push_frame(frame)
        assert pushed.key == "e1"
        (heard,) = await read(websocket)
        await websocket.send_batch([heard.ack()])
        await world.sim.wait_acked(pushed)
    assert world.faults() == []


async def test_anything_may_be_said(world):
    async with world.connected() as websocket:
        assert world.sim.push_frame("a text") is None
        assert world.sim.push_frame(b"\x08") is None
        assert world.sim.push_frame(PING) is None
        heard = []
        while len(heard) < 3:
            heard += await websocket.receive_batch()
    assert heard == ["a text", b"\x08", PING]
    with pytest.raises(LookupError, match="nobody is connected"):
        world.sim.push_frame(b"")
