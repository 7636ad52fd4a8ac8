"""Questions and their answers, through everything that a gateway does. The gateway is simulated; time is virtual."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.openclaw.stage import opened
from trio_bridge.errors import AccountRefused, AccountStopped, OutcomeUnknown, RequestFailed
from trio_bridge.messages import Attachment
from trio_bridge.platforms.openclaw.chat.files import ChatFile
from trio_bridge.platforms.openclaw.chat.run import Run
from trio_bridge.platforms.openclaw.gateway.methods import Personality, Refusal
from trio_bridge.platforms.openclaw.gateway.script import Fail, Hold, Pause, Question, Reply, Retake, Say
from trio_bridge.testing.openclaw import Lost, OpenClawSimulator, Refuses

both = pytest.mark.parametrize("protocol", [3, 4])


def saying(*steps: Any) -> Callable[[Question], Reply]:
    return lambda question: list(steps)


def questions(simulator: OpenClawSimulator, text: str) -> list[Question]:
    return [question for question in simulator.rooms.turns.asked if text in question.text]


async def until_said(run: Run, text: str) -> None:
    """Take pieces until the answer is so far."""
    async for _ in run:
        if run.text == text:
            return
    raise AssertionError(f"it ended with {run.text!r}")


@both
async def test_an_answer_grows_and_ends(autojump_clock: MockClock, protocol: Personality) -> None:
    async with opened(protocol=protocol) as (simulator, account):
        async with account.api.chat("main", "how are you") as run:
            pieces = [piece async for piece in run]
        assert len(pieces) > 1
        assert "".join(pieces) == run.text == "you said how are you"
        assert (run.status, run.rewritten) == ("final", 0)
        assert len(questions(simulator, "how are you")) == 1


@both
async def test_a_key_is_one_question_however_often_it_is_asked(
    autojump_clock: MockClock, protocol: Personality
) -> None:
    async with opened(protocol=protocol) as (simulator, account):
        for _ in range(3):
            async with account.api.chat("main", "once", key="k1") as run:
                assert await run.finish() == "you said once"
        assert len(questions(simulator, "once")) == 1


@both
async def test_what_a_gateway_takes_back_is_told_by_an_empty_piece(
    autojump_clock: MockClock, protocol: Personality
) -> None:
    responder = saying(Say("I think not"), Pause(1), Retake("Yes"), Pause(1), Say(", I do"))
    async with opened(protocol=protocol, agent=responder) as (_, account), account.api.chat("main", "do you?") as run:
        pieces = [piece async for piece in run]
        assert "" in pieces
        assert (run.rewritten, run.text) == (1, "Yes, I do")


@both
async def test_a_failed_run_is_raised_once(autojump_clock: MockClock, protocol: Personality) -> None:
    async with opened(protocol=protocol, agent=saying(Say("well"), Fail("the model burns", after=1.0))) as (_, account):
        with pytest.raises(RequestFailed, match=r"chat\.send: .*") as failed:
            async with account.api.chat("main", "go") as run:
                await run.finish()
        assert failed.value.method == "chat.send"
        assert run.status == "failed"


@both
async def test_leaving_in_the_middle_stops_the_run(autojump_clock: MockClock, protocol: Personality) -> None:
    async with opened(protocol=protocol, agent=saying(Say("one"), Hold())) as (simulator, account):
        async with account.api.chat("main", "go") as run:
            await until_said(run, "one")
        assert not list(simulator.rooms.turns.running())


@both
async def test_a_cancelled_caller_stops_the_run_too(autojump_clock: MockClock, protocol: Personality) -> None:
    async with opened(protocol=protocol, agent=saying(Say("one"), Hold())) as (simulator, account):
        with trio.move_on_after(10):
            async with account.api.chat("main", "go") as run:
                await run.finish()
        await trio.sleep(1)
        assert not list(simulator.rooms.turns.running())


@both
async def test_whoever_wants_to_may_leave_a_run_alone_and_find_it_again(
    autojump_clock: MockClock, protocol: Personality
) -> None:
    async with opened(protocol=protocol, agent=saying(Say("one"), Hold(), Say(" two"))) as (simulator, account):
        async with account.api.chat("main", "go", key="k", abort=False) as run:
            await until_said(run, "one")
        [held] = simulator.rooms.turns.running()
        async with account.api.chat("main", "go", key="k", abort=False) as run:
            await trio.sleep(1)
            simulator.rooms.turns.release(held)
            assert await run.finish() == "one two"
        assert len(questions(simulator, "go")) == 1


@both
async def test_somebody_else_stops_the_run(autojump_clock: MockClock, protocol: Personality) -> None:
    async with opened(protocol=protocol, agent=saying(Say("one"), Hold())) as (_, account):
        async with account.api.chat("main", "go") as run:
            await until_said(run, "one")
            await account.api.request("chat.abort", {"sessionKey": "main"})
            assert await run.finish() == "one"
        assert run.status == "aborted"


@both
async def test_silence_is_an_end(autojump_clock: MockClock, protocol: Personality) -> None:
    async with opened(protocol=protocol, agent=lambda question: "NO_REPLY") as (_, account):
        async with account.api.chat("main", "psst") as run:
            text = await run.finish()
        assert (run.status, text) == ("silent", "")


@both
async def test_a_command_to_the_gateway_that_nobody_answers_ends_at_once(
    autojump_clock: MockClock, protocol: Personality
) -> None:
    async with opened(protocol=protocol) as (_, account):
        async with account.api.chat("main", "/stop") as run:
            assert await run.finish() == ""
        assert run.status == "silent"


@both
async def test_two_runs_of_a_session_wait_for_each_other_and_of_two_sessions_do_not(
    autojump_clock: MockClock, protocol: Personality
) -> None:
    order: list[str] = []
    async with opened(protocol=protocol, agent=lambda question: [Pause(5), Say(question.text)]) as (simulator, account):

        async def ask(session: str, text: str) -> None:
            async with account.api.chat(session, text) as run:
                assert await run.finish() == text
                order.append(text)

        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, "main", "first")
            await trio.sleep(0.1)
            nursery.start_soon(ask, "MAIN ", "second")
            nursery.start_soon(ask, "other", "elsewhere")
        assert order == ["first", "elsewhere", "second"]
        assert 10 <= trio.current_time() - began <= 12
        assert len(simulator.rooms.turns.asked) == 3


async def test_a_turn_that_began_without_a_connection_holds_on_the_next(autojump_clock: MockClock) -> None:
    async with opened(agent=saying(Say("one"), Hold())) as (simulator, account):

        async def ask(text: str) -> None:
            async with account.api.chat("room", text) as run:
                await run.finish()

        async with trio.open_nursery() as nursery:
            await simulator.stop()
            await trio.testing.wait_all_tasks_blocked()
            assert account.api.hello is None
            nursery.start_soon(ask, "first")
            await trio.sleep(1)
            await simulator.start()
            await simulator.wait_until(lambda: simulator.messages)
            nursery.start_soon(ask, "second")
            await trio.sleep(10)
            assert [sent.text for sent in simulator.messages] == ["first"]
            nursery.cancel_scope.cancel()


async def test_without_turns_the_gateway_steers_and_each_question_ends(autojump_clock: MockClock) -> None:
    responder = saying(Say("both"), Pause(20))
    async with opened(agent=responder, single_run_per_session=False) as (_, account):
        ended: list[str] = []

        async def ask(text: str) -> None:
            async with account.api.chat("main", text) as run:
                await run.finish()
                ended.append(run.status)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, "one")
            await trio.sleep(5)
            nursery.start_soon(ask, "two")
        assert len(ended) == 2


@both
async def test_the_connection_is_lost_in_the_middle(autojump_clock: MockClock, protocol: Personality) -> None:
    async with opened(protocol=protocol, agent=saying(Say("one"), Pause(60), Say(" two"))) as (simulator, account):
        async with account.api.chat("main", "go") as run:
            await until_said(run, "one")
            simulator.drop_connections()
            assert await run.finish() == "one two"
        assert len(questions(simulator, "go")) == 1
        assert account.generation == 2


@both
async def test_the_answer_ends_while_there_is_no_connection(autojump_clock: MockClock, protocol: Personality) -> None:
    async with opened(protocol=protocol, agent=saying(Say("one"), Pause(3), Say(" two"))) as (simulator, account):
        async with account.api.chat("main", "go") as run:
            await until_said(run, "one")
            with simulator.refusing_upgrades(503):
                simulator.drop_connections()
                await trio.sleep(120)
            assert await run.finish() == "one two"
        assert len(questions(simulator, "go")) == 1


@both
async def test_the_connection_is_lost_before_the_gateway_said_that_it_has_the_question(
    autojump_clock: MockClock, protocol: Personality
) -> None:
    async with opened(protocol=protocol) as (simulator, account):
        simulator.script("chat.send", Lost())
        async with trio.open_nursery() as nursery:

            async def drop() -> None:
                await simulator.wait_until(lambda: simulator.asked_for("chat.send"))
                simulator.drop_connections()

            nursery.start_soon(drop)
            async with account.api.chat("main", "go") as run:
                assert await run.finish() == "you said go"
        assert len(questions(simulator, "go")) == 1


@both
@pytest.mark.parametrize("killed", [True, False])
@pytest.mark.parametrize("down", [0.0, 40.0])
@pytest.mark.parametrize("earlier", [0, 1])
async def test_the_gateway_stops_and_starts_in_the_middle(
    autojump_clock: MockClock, protocol: Personality, killed: bool, down: float, earlier: int
) -> None:
    """One answer, and one question in the transcript: however it went down, however long it was away."""
    async with opened(protocol=protocol, agent=saying(Say("one"), Pause(20), Say(" two"))) as (simulator, account):
        for _ in range(earlier):
            async with account.api.chat("main", "before") as run:
                await run.finish()
            await trio.sleep(5)
        async with account.api.chat("main", "go", key="k") as run:
            await until_said(run, "one")
            await simulator.restart(down=down, starting=2.0, killed=killed)
            assert await run.finish() == "one two"
        assert run.status == "final"
        takes_up_by_itself = protocol == 4 or (killed and earlier)
        assert len(simulator.asked_for("chat.send")) == earlier + (1 if takes_up_by_itself else 2)
        await account.wait_ready()
        await trio.sleep(1)
        history = await account.api.request("chat.history", {"sessionKey": "main", "limit": 100})
        answers = [row for row in history["messages"] if row["role"] == "assistant" and row["stopReason"] == "stop"]
        assert len(answers) == earlier + 1
        async with account.api.chat("main", "next") as run:
            assert await run.finish() == "one two"


@both
async def test_a_question_of_a_former_life_is_looked_for_before_it_is_asked(
    autojump_clock: MockClock, protocol: Personality
) -> None:
    """The gateway has forgotten its keys, so it would run again."""
    async with opened(protocol=protocol) as (simulator, account):
        async with account.api.chat("main", "go", key="k") as run:
            await run.finish()
        await trio.sleep(5)
        await simulator.restart(killed=True)
        await account.wait_ready()
        async with account.api.chat("main", "go", key="k", asked_before=True) as run:
            text = await run.finish()
        assert text == "you said go"
        if protocol == 4:  # older gateways don't tell whose question a row is
            assert len(questions(simulator, "go")) == 1


async def test_the_same_words_of_earlier_are_no_former_life_of_a_question(autojump_clock: MockClock) -> None:
    """Older gateways keep no key beside a question: then the time tells."""
    async with opened(protocol=3) as (simulator, account):
        simulator.agent = lambda question: f"at {trio.current_time():.0f}"
        async with account.api.chat("main", "yes", key="k1") as run:
            early = await run.finish()
        await trio.sleep(3600)
        since = 1_790_000_000.0 + trio.current_time() - 10
        async with account.api.chat("main", "yes", key="k2", asked_before=True, asked_since=since) as run:
            late = await run.finish()
        assert early != late
        assert simulator.times_asked(text="yes") == 2
        async with account.api.chat("main", "yes", key="k3", asked_before=True) as run:
            assert await run.finish() == late


async def test_the_same_words_asked_before_are_not_taken_for_the_question(autojump_clock: MockClock) -> None:
    async with opened(protocol=3, agent=lambda question: f"answer {len(question.run_id)}") as (simulator, account):
        async with account.api.chat("main", "yes", key="k1") as run:
            await run.finish()
        await trio.sleep(60)
        simulator.agent = saying(Say("one"), Pause(20), Say(" two"))
        async with account.api.chat("main", "yes", key="k2") as run:
            await until_said(run, "one")
            simulator.drop_connections()
            assert await run.finish() == "one two"


@both
async def test_a_question_waits_for_a_gateway_that_is_not_there_yet(
    autojump_clock: MockClock, protocol: Personality
) -> None:
    async with opened(protocol=protocol) as (simulator, account):
        await simulator.stop()
        async with trio.open_nursery() as nursery:

            async def start() -> None:
                await trio.sleep(300)
                await simulator.start()

            nursery.start_soon(start)
            async with account.api.chat("main", "go") as run:
                assert await run.finish() == "you said go"


async def test_a_gateway_that_will_not_have_us_ends_the_wait(autojump_clock: MockClock) -> None:
    async with opened(agent=saying(Say("one"), Hold())) as (simulator, account):
        async with account.api.chat("main", "go") as run:
            await until_said(run, "one")
            simulator.settings.token = "another"
            for device in [*simulator.devices.paired]:
                simulator.remove_device(device)
            with pytest.raises(AccountRefused):
                await run.finish()


async def test_stopping_the_account_ends_the_wait(autojump_clock: MockClock) -> None:
    async with opened(agent=saying(Say("one"), Hold())) as (_, account):
        async with account.api.chat("main", "go") as run:
            await until_said(run, "one")
            account.wish_stopped()
            with pytest.raises(AccountStopped):
                await run.finish()


async def test_the_gateway_wants_to_be_asked_later(autojump_clock: MockClock) -> None:
    async with opened() as (simulator, account):
        busy = Refusal("UNAVAILABLE", "queue full", retryable=True, retry_after_ms=7000)
        simulator.script("chat.send", Refuses(busy), times=2)
        began = trio.current_time()
        async with account.api.chat("main", "go") as run:
            assert await run.finish() == "you said go"
        assert 14 <= trio.current_time() - began <= 16


@both
async def test_a_run_that_nobody_can_find_is_said_to_be_lost(autojump_clock: MockClock, protocol: Personality) -> None:
    async with opened(protocol=protocol, agent=saying(Hold()), run_timeout=200.0) as (simulator, account):
        async with account.api.chat("main", "go") as run:
            await trio.sleep(1)
            for session in simulator.rooms.sessions:
                session.rows.clear()
            simulator.rooms.turns.stop()
            simulator.script("chat.send", Lost(), times=1000)
            with pytest.raises(OutcomeUnknown, match="neither going on nor in the history"):
                await run.finish()


async def test_files_go_along(autojump_clock: MockClock) -> None:
    async with opened() as (simulator, account):
        files = [ChatFile("cat.png", b"\x89PNG...", "image/png"), ChatFile("a.txt", b"text", "text/plain")]
        async with account.api.chat("main", "look", attachments=files) as run:
            await run.finish()
        [question] = questions(simulator, "look")
        assert [(each.kind, each.name, each.content) for each in question.attachments] == [
            ("image", "cat.png", b"\x89PNG..."),
            ("file", "a.txt", b"text"),
        ]


async def test_a_file_may_be_named_by_where_it_lies(autojump_clock: MockClock, tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(b"\x89PNG...")
    async with opened() as (simulator, account):
        async with account.api.chat("main", "look", attachments=[Attachment(path=path)]) as run:
            await run.finish()
        [question] = questions(simulator, "look")
        assert [(each.kind, each.name) for each in question.attachments] == [("image", "cat.png")]
        with pytest.raises(RequestFailed, match="No such file"):
            async with account.api.chat("main", "look", attachments=[Attachment(path=tmp_path / "dog.png")]):
                pass
        assert len(questions(simulator, "look")) == 1


async def test_what_can_not_be_asked_is_said_at_once(autojump_clock: MockClock) -> None:
    async with opened(max_attachment_bytes=10) as (_, account):
        with pytest.raises(ValueError, match="expected a text or attachments"):
            async with account.api.chat("main", "  "):
                pass
        with pytest.raises(ValueError, match=r"big\.bin.*11 bytes are more than 10"):
            async with account.api.chat("main", "x", attachments=[ChatFile("big.bin", b"x" * 11)]):
                pass


@both
async def test_whatever_happens_every_question_gets_one_answer(
    autojump_clock: MockClock, protocol: Personality
) -> None:
    """Chance cuts connections, freezes them, and kills the gateway; questions go on in four sessions."""
    rand = random.Random(20)

    def agent(question: Question) -> Reply:
        return [Pause(2), Say("re"), Pause(3), Say(f": {question.text}")]

    async with opened(protocol=protocol, agent=agent) as (simulator, account):
        answers: dict[str, str] = {}

        async def ask(session: int) -> None:
            for number in range(8):
                text = f"question {session}.{number}."
                async with account.api.chat(f"s{session}", text) as run:
                    answers[text] = await run.finish()

        async with trio.open_nursery() as trouble:
            trouble.start_soon(make_trouble, simulator, rand)
            async with trio.open_nursery() as nursery:
                for session in range(4):
                    nursery.start_soon(ask, session)
            trouble.cancel_scope.cancel()
        assert len(answers) == 32
        assert {text: f"re: {text}" for text in answers} == answers


async def make_trouble(simulator: OpenClawSimulator, rand: random.Random) -> None:
    while True:
        await trio.sleep(20 * rand.random())
        match rand.randrange(4):
            case 0:
                simulator.drop_connections(rand.choice([1006, 1012, 1011]))
            case 1:
                with simulator.silent():
                    await trio.sleep(100 * rand.random())
            case 2:
                await simulator.restart(killed=True, down=10 * rand.random(), starting=3 * rand.random())
            case 3:
                await simulator.restart(down=10 * rand.random())
