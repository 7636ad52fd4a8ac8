"""Each verb does what it says to a bridge of ours, in virtual time; and what is missing in the end is named."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from trio_bridge.config import Secret
from trio_bridge.engine.account import Account
from trio_bridge.engine.environment import Environment
from trio_bridge.engine.executors import inline
from trio_bridge.errors import ConfigError
from trio_bridge.opening import open_account
from trio_bridge.platforms.openclaw.config import OpenClaw
from trio_bridge.runner.simulating.news import News
from trio_bridge.runner.simulating.openclaw import SIMULATED, OpenClawStage
from trio_bridge.runner.simulating.openclaw_script import (
    Answer,
    Approval,
    Change,
    Drop,
    Event,
    Expect,
    Fail,
    OpenClawScript,
    Pair,
    Remote,
    Restart,
    Say,
    Silence,
    Wait,
)
from trio_bridge.runner.simulating.performance import Performance
from trio_bridge.runner.simulating.script import Step, load_script
from trio_bridge.testing.openclaw import TOKEN
from trio_bridge.transport.memory import MemoryNetwork

CONNECTED = Wait(wait="connected", within=100)
ASKED = Wait(wait="asked")
ANSWERED = Wait(wait="answered")
Act = Callable[[Account], Awaitable[None]]


async def rests(account: Account) -> None:
    """Is there, and asks nothing."""


async def asks(account: Account) -> None:
    await account.wait_ready()
    async with account.api.chat("main", "hello") as run:
        async for _ in run:
            pass


@attrs.define
class Theatre:
    """A network, what is told on it, and a bridge that comes as soon as there is somewhere to connect."""

    network: MemoryNetwork = attrs.Factory(MemoryNetwork)
    news: list[News] = attrs.Factory(list)
    lines: tuple[str, ...] = ()
    invitation: str = ""

    async def typed(self) -> AsyncGenerator[str]:
        for line in self.lines:
            yield line

    async def play(self, *steps: Step, act: Act | None = rests, until_done: bool = True, **script: Any) -> bool:
        finish = trio.Event()
        async with trio.open_nursery() as nursery:

            async def connect(url: str) -> None:
                config = OpenClaw(name="bridge", url=url, token=TOKEN)
                environment = Environment(network=self.network, rand=lambda: 0.5, disk=inline)
                async with open_account(config, environment=environment) as account:
                    assert act is not None
                    await act(account)
                    await trio.sleep_forever()

            def greet(stage: OpenClawStage) -> None:
                self.invitation = stage.invitation()
                if act is not None:
                    nursery.start_soon(connect, stage.url)

            async def end() -> None:
                await trio.sleep(3600)
                finish.set()

            nursery.start_soon(end)
            performance = Performance(
                simulated=SIMULATED,
                script=OpenClawScript(steps=steps, **script),
                typed=self.typed(),
                greet=greet,  # type: ignore[arg-type]  # it is this stage
                tell=self.news.append,
                until_done=until_done,
            )
            right = await performance.run(0, self.network, finish)
            nursery.cancel_scope.cancel()
        return right

    def told(self, *events: str) -> list[str]:
        return [news.words for news in self.news if news.event in events]

    @property
    def wrong(self) -> list[str]:
        return self.news[-1].facts["wrong"]  # type: ignore[no-any-return]


@pytest.fixture
def theatre() -> Theatre:
    return Theatre()


async def test_what_happens_is_told(theatre: Theatre, autojump_clock: MockClock) -> None:
    assert await theatre.play(CONNECTED, ASKED, ANSWERED, act=asks)
    told = [news.event for news in theatre.news if news.event not in ("step", "called")]
    assert told == ["connected", "asked", "answered", "played", "summary"]
    assert theatre.told("connected") == ["trio-bridge bridge connected with its token: operator.read, operator.write"]
    assert theatre.told("asked") == ["question 1 in agent:main:main: hello"]
    assert theatre.told("answered")[0].endswith("you said hello")
    assert theatre.news[-1].facts == {
        "connections": 1, "questions": 1, "answered": 1, "unanswered": 0, "ok": True, "wrong": [],
    }  # fmt: skip


async def test_the_agent_answers_as_it_is_told_to(theatre: Theatre, autojump_clock: MockClock) -> None:
    answer = Answer(answer="It will rain.", times=2, pause=0.1)
    assert await theatre.play(
        answer, Say(say="weather?"), ANSWERED, Say(say="and now?"), ANSWERED, Say(say="x"), act=None
    )
    assert [words.rpartition(": ")[2] for words in theatre.told("answered")] == [
        "It will rain.",
        "It will rain.",
        "you said x",
    ]


@pytest.mark.parametrize(("ending", "standing"), [("hang", "running"), ("fail", "failed")])
async def test_a_question_that_is_not_answered_is_named(
    theatre: Theatre, autojump_clock: MockClock, ending: Any, standing: str
) -> None:
    assert not await theatre.play(Answer(answer="well", ending=ending), Say(say="why?"), act=None)
    assert theatre.wrong == [f"question 1 'why?': {standing}"]


async def test_lines_are_said_to_the_agent(autojump_clock: MockClock) -> None:
    theatre = Theatre(lines=("hello", "again"))
    assert await theatre.play(act=None)
    assert [words.rpartition(": ")[2] for words in theatre.told("asked")] == ["hello", "again"]


async def test_connections_are_dropped_silenced_and_come_again(theatre: Theatre, autojump_clock: MockClock) -> None:
    steps = [CONNECTED, Drop(drop="close", code=1011, reason="oops"), CONNECTED, Drop(drop="rst"), CONNECTED]
    assert await theatre.play(*steps, Silence(silence=200), Wait(wait="connected", within=300))
    assert theatre.told("disconnected")[:2] == [
        "the connection of trio-bridge bridge is over: 1011 oops",
        "the connection of trio-bridge bridge is over: 1006",
    ]


async def test_a_restart_is_lived_through(theatre: Theatre, autojump_clock: MockClock) -> None:
    assert await theatre.play(
        CONNECTED, Restart(restart=2, starting=10), CONNECTED, Restart(restart=1, killed=True), CONNECTED
    )
    assert any("1012 service restart" in words for words in theatre.told("disconnected"))
    assert any("1013 gateway starting" in words for words in theatre.told("refused"))


async def test_a_device_is_let_in(theatre: Theatre, autojump_clock: MockClock) -> None:
    assert await theatre.play(Pair(pair="approve"), CONNECTED, Pair(pair="remove"), Pair(pair="approve"), pairing=True)
    assert theatre.told("waiting")[0].endswith("waits for approval: not-paired")


async def test_from_elsewhere_a_device_must_be_approved(theatre: Theatre, autojump_clock: MockClock) -> None:
    assert await theatre.play(Remote(remote=60), Pair(pair="approve", within=50), CONNECTED)
    assert len(theatre.told("waiting")) == 1


async def test_an_answer_fails_once(theatre: Theatre, autojump_clock: MockClock) -> None:
    assert await theatre.play(Fail(fail="connect", how="close", times=2), CONNECTED)
    assert len(theatre.told("refused")) == 2


async def test_another_secret_closes_connections(theatre: Theatre, autojump_clock: MockClock) -> None:
    assert await theatre.play(CONNECTED, Change(secret=Secret(text="other")), Wait(wait="answered"))
    assert "4001 gateway auth changed" in theatre.told("disconnected")[0]


async def test_an_approval_is_asked_for(theatre: Theatre, autojump_clock: MockClock) -> None:
    assert await theatre.play(Approval(approval="rm -rf /", within=2), Event(event="demo", data={"n": 1}), act=None)
    assert theatre.told("decided") == ["'rm -rf /': nobody decided"]


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        (Drop(drop="rst"), "nobody is connected"),
        (Silence(silence=1), "nobody is connected"),
        (Wait(wait="connected", within=2), "not within 2 s; nobody is connected"),
        (Expect(expect="x", within=2), "not within 2 s; nobody is connected"),
        (Pair(pair="approve", within=2), "no device asked within 2 s"),
        (Pair(pair="remove"), "no device is paired"),
        (Say(say=""), "message or attachment required"),
    ],
)
async def test_a_step_that_finds_nothing_ends_the_script(
    theatre: Theatre, autojump_clock: MockClock, step: Step, complaint: str
) -> None:
    assert not await theatre.play(step, Say(say="never"), act=None)
    assert theatre.wrong[0].endswith(f": {complaint}")
    assert theatre.told("asked") == []


async def test_what_was_asked_instead_is_said(theatre: Theatre, autojump_clock: MockClock) -> None:
    assert not await theatre.play(CONNECTED, ASKED, Expect(expect="weather", within=1), act=asks)
    assert theatre.wrong[0].endswith("not within 1 s")
    other = Theatre()
    assert not await other.play(CONNECTED, Expect(expect="weather", within=1), act=asks)
    assert other.wrong[0].endswith("not within 1 s; the question was 'hello'")


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ({}, 'token = "simulated-gateway-token"'),
        ({"auth": "password"}, 'password = "simulated-gateway-password"'),
        ({"token": Secret(text="mine")}, 'token = "the one that the script names"'),
        ({"auth": "none"}, "url ="),
    ],
    ids=["token", "password", "own", "none"],
)
async def test_the_invitation_says_how_to_get_in(
    theatre: Theatre, autojump_clock: MockClock, script: dict[str, Any], line: str
) -> None:
    await theatre.play(act=None, **script)
    assert theatre.invitation.splitlines()[-1].startswith(line)
    assert "mine" not in theatre.invitation


def test_mistakes_are_said_with_their_place(tmp_path: Path) -> None:
    file = tmp_path / "script.toml"
    file.write_text('protocol = 5\n[[steps]]\nanswer = "x"\npaus = 1\n[[steps]]\ndrop = "fin"\n')
    with pytest.raises(ConfigError) as mistakes:
        load_script(file, SIMULATED.script, SIMULATED.verbs)
    told = "\n".join(mistakes.value.problems)
    assert "protocol" in told
    assert "steps[0].paus" in told
    assert "steps[1].drop" in told
    file.write_text('token = { env = "NOT_SET_ANYWHERE" }\n[[steps]]\nsecret = { file = "missing" }\n')
    with pytest.raises(ConfigError) as mistakes:
        load_script(file, SIMULATED.script, SIMULATED.verbs)
    told = "\n".join(mistakes.value.problems)
    assert "token: environment variable NOT_SET_ANYWHERE is not set" in told
    assert "steps[0].secret" in told
