"""A gateway as the engine has it: ticks, what is asked anew on each connection, events that are handled, the outbox."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.platforms.openclaw.stage import opened
from trio_bridge.config import Secret
from trio_bridge.errors import AccountRefused, PeerSilent, RequestFailed
from trio_bridge.messages import Attachment, Message, Reply
from trio_bridge.opening import open_account
from trio_bridge.platforms.openclaw.calls import Calls, Line
from trio_bridge.platforms.openclaw.events import Events
from trio_bridge.platforms.openclaw.hello import Hello
from trio_bridge.platforms.openclaw.platform import Watch
from trio_bridge.platforms.openclaw.protocol import OpenClawProtocol
from trio_bridge.platforms.openclaw.subscriptions import Subscriptions
from trio_bridge.testing.openclaw import Late


async def test_a_gateway_that_freezes_is_left_within_two_ticks(autojump_clock: MockClock) -> None:
    async with opened() as (simulator, account):
        await trio.sleep(100)
        frozen_at = trio.current_time()
        with simulator.silent():
            await simulator.wait_until(lambda: len(simulator.connections) == 2)
            await account.wait_ready()
            assert trio.current_time() - frozen_at <= 65
        assert account.generation == 2


async def test_the_watch_does_not_wait_for_what_can_never_be(mock_clock: MockClock) -> None:
    """A sum of times less one of them is not always the other: it would look at the clock for ever."""
    heard_at, limit = 524_264.657477018, 60.0
    assert (heard_at + limit) - heard_at < limit
    mock_clock.jump(heard_at - trio.current_time())
    protocol = OpenClawProtocol(lambda response: False, Events(1), lambda event: None)
    protocol.has_ticked, protocol.heard_at = True, heard_at
    calls = Calls(30.0)
    watch = Watch(protocol, Line(Hello(protocol=4, tick_interval=30.0)), Subscriptions(calls, {}))
    ended = trio.Event()

    async def run() -> None:
        with pytest.RaisesGroup(PeerSilent):
            await watch.run()
        ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await wait_all_tasks_blocked()
        mock_clock.jump(heard_at + limit - trio.current_time())
        for _ in range(100):
            await trio.lowlevel.checkpoint()
        assert ended.is_set()


async def test_one_that_ticks_stays(autojump_clock: MockClock) -> None:
    async with opened() as (_, account):
        await trio.sleep(1_000)
        assert account.generation == 1


async def test_one_that_never_ticks_is_judged_by_its_pongs(autojump_clock: MockClock) -> None:
    """So it is with a connection that was given no scopes at all."""
    async with opened(scopes=()) as (_, account):
        await trio.sleep(1_000)
        assert account.generation == 1


async def test_subscriptions_hold_on_every_connection_while_somebody_wants_them(autojump_clock: MockClock) -> None:
    async with opened(scopes=("operator.read", "operator.write", "operator.admin")) as (simulator, account):
        api = account.api
        await trio.sleep(1)
        async with api.events("session.message", "sessions.changed", sessions=["main"]):
            async with api.events("session.message", sessions=["main"]):
                assert len(simulator.asked_for("sessions.messages.subscribe")) == 1
            simulator.drop_connections()
            await trio.sleep(10)
            assert len(simulator.asked_for("sessions.messages.subscribe")) == 2
            assert len(simulator.asked_for("sessions.subscribe")) == 2
        simulator.drop_connections()
        await trio.sleep(10)
        assert len(simulator.asked_for("sessions.messages.subscribe")) == 2


async def test_messages_of_a_session_are_told_through_a_lost_connection(autojump_clock: MockClock) -> None:
    async with opened() as (simulator, account):
        async with account.api.events("session.message", "gap", sessions=["main"]) as events:
            simulator.drop_connections()
            assert (await anext(events)).payload["reason"] == "reconnected"
            await trio.sleep(1)
            async with account.api.chat("main", "hello") as run:
                await run.finish()
            assert (await anext(events)).name == "session.message"


async def test_a_subscription_that_is_refused_is_raised(autojump_clock: MockClock) -> None:
    async with opened(scopes=()) as (_, account):
        with pytest.raises(RequestFailed):
            async with account.api.events("session.message", sessions=["main"]):
                pass


async def test_events_are_handled_once_if_somebody_wants_them_handled(autojump_clock: MockClock) -> None:
    handled: list[Message] = []

    async def handler(message: Message) -> None:
        handled.append(message)

    async with opened(handler, deliver=("exec.approval.requested", "news")) as (simulator, _):
        for _ in range(2):
            simulator.broadcast("exec.approval.requested", {"id": "a1", "request": {"command": "ls"}})
        simulator.broadcast("news", {"sessionKey": "agent:main:x", "text": "hi"}, numbered=False)
        simulator.broadcast("other", {"id": "o"})
        await trio.sleep(1)
        assert [(m.id, m.raw["event"], m.conversation.id) for m in handled] == [
            ("exec.approval.requested:a1", "exec.approval.requested", "exec.approval.requested"),
            (handled[1].id, "news", "agent:main:x"),
        ]


async def test_of_chat_the_ends_of_others_runs_are_handled(autojump_clock: MockClock) -> None:
    handled: list[tuple[str, str]] = []

    async def handler(message: Message) -> None:
        handled.append((message.conversation.id, message.text))

    async with opened(handler, deliver=("chat",)) as (_, account):
        async with account.api.chat("main", "mine") as run:
            await run.finish()
        await account.api.request("chat.send", {"sessionKey": "x", "message": "else's", "idempotencyKey": "k"})
        await trio.sleep(5)
        assert handled == [("agent:main:x", "you said else's")]


async def test_what_the_application_sends_goes_to_the_session_once(autojump_clock: MockClock) -> None:
    async with opened() as (simulator, account):
        simulator.script("chat.send", Late(3000))
        receipt = await account.send("main", "news", key="n1")
        await trio.sleep(10)
        simulator.drop_connections()  # Nobody knows whether it was sent; the key says that it is the same.
        await receipt.wait_sent()
        await account.send("main", "news", key="n1")
        await trio.sleep(10)
        assert receipt.state == "sent"
        assert [question.text for question in simulator.rooms.turns.asked] == ["news"]


async def test_files_that_the_application_sends_go_along(autojump_clock: MockClock, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG")
    async with opened() as (simulator, account):
        receipt = await account.send("main", Reply("look", attachments=[Attachment(picture)]))
        await receipt.wait_sent()
        await simulator.wait_until(lambda: simulator.questions)
        [question] = simulator.questions
        [sent] = question.attachments
        assert question.text == "look"
        assert (sent.kind, sent.mime_type, sent.name, sent.content) == ("image", "image/png", "a.png", b"\x89PNG")


@pytest.mark.parametrize("name", ["large", "missing", "folder"])
async def test_a_file_that_can_not_be_sent_is_not_left_out_in_silence(
    autojump_clock: MockClock, tmp_path: Path, name: str
) -> None:
    (tmp_path / "large").write_bytes(bytes(11))
    (tmp_path / "folder").mkdir()
    async with opened(max_attachment_bytes=10) as (simulator, account):
        receipt = await account.send("main", Reply("look", attachments=[Attachment(tmp_path / name)]))
        with pytest.raises(RequestFailed, match=name):
            await receipt.wait_sent()
        assert not simulator.messages


async def test_a_secret_that_can_not_be_read_ends_the_wait_of_requests(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    secret = tmp_path / "token"
    async with opened() as (simulator, _):
        secret.write_text(simulator.settings.token or "")
        async with simulator.open_account(name="other", token=Secret(file=secret)) as account:
            secret.unlink()
            simulator.drop_connections()
            await trio.sleep(1)
            with pytest.raises(AccountRefused, match="secret file"):
                await account.api.request("health", when_ready=True)


async def test_a_person_is_asked_for_approval_once_and_not_at_every_try(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened() as (simulator, _):
        with simulator.remote():
            async with open_account(simulator.config("far"), environment=simulator.environment) as far:
                await trio.sleep(600)
                assert far.alarms == {"pairing_required"}
                told = [record for record in caplog.records if record.getMessage() == "refused"]
                assert len(told) == 1
                assert "openclaw devices approve" in told[0].cause
