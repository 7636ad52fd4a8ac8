"""A simulated OpenClaw Gateway on the stage: it carries out steps, and knows which questions were answered."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager

import trio

from ...nurseries import open_background
from ...platforms.openclaw.gateway import script as agent
from ...platforms.openclaw.gateway.acts import Act, Closes, Late, Lost, Refuses
from ...platforms.openclaw.gateway.methods import Refusal
from ...platforms.openclaw.gateway.runs import Run
from ...platforms.openclaw.gateway.script import Question, Reply
from ...testing.openclaw import OpenClawSimulator
from ...transport.network import Network
from .holding import beginning, hold
from .news import News, Tell
from .openclaw_script import (
    KNOWN_PASSWORD,
    KNOWN_TOKEN,
    VERBS,
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
from .openclaw_watch import Watcher, excerpt
from .platforms import Simulated, Unmet
from .script import Step

ANSWERED = frozenset({"final", "silent", "merged"})

INVITATION = """\
An OpenClaw Gateway of protocol {protocol} on this machine, for as long as this runs:

[accounts.simulated]
platform = "openclaw"
url = "{url}"{secret}
"""


@asynccontextmanager
async def open_stage(script: OpenClawScript, port: int, network: Network, tell: Tell) -> AsyncGenerator[OpenClawStage]:
    """A gateway that does what the script says while the block runs, and tells of everything that happens."""
    async with (
        OpenClawSimulator(
            protocol=script.protocol,
            auth=script.auth,
            token=script.token.read(),
            password=script.password.read(),
            pairing=script.pairing,
            network=network,
            port=port,
            patience=math.inf,
        ) as gateway,
        open_background("the stage is left") as nursery,
    ):
        stage = OpenClawStage(gateway, script, tell)
        nursery.start_soon(Watcher(gateway, stage.runs, tell).run)
        yield stage


class OpenClawStage:
    """Carries out what :mod:`.openclaw_script` can say."""

    listener = "the agent, in its main session"

    def __init__(self, gateway: OpenClawSimulator, script: OpenClawScript, tell: Tell) -> None:
        self.url = gateway.url
        self.runs: list[Run] = []
        """Every run that an agent took up, in that order."""
        self._gateway = gateway
        self._script = script
        self._tell = tell
        self._replies: deque[Reply] = deque()
        self._waited_for = 0
        self._said = 0
        gateway.agent = self._reply_to

    def invitation(self) -> str:
        secret = "" if self._script.auth == "none" else f'\n{self._script.auth} = "{self._secret_in_words()}"'
        return INVITATION.format(protocol=self._script.protocol, url=self.url, secret=secret)

    async def hear(self, line: str) -> None:
        try:
            await self._say(line, "main")
        except Refusal as refusal:
            self._tell(News("held", f"not said: {refusal.message}", {"text": line}))

    async def play(self, step: Step, beside: trio.Nursery) -> None:
        gateway = self._gateway
        match step:
            case Answer():
                self._replies.extend([_reply_of(step)] * step.times)
            case Say():
                try:
                    await self._say(step.say, step.session)
                except Refusal as refusal:
                    raise Unmet(refusal.message) from None
            case Event():
                gateway.broadcast(step.event, step.data, scope=step.scope)
            case Approval():
                beside.start_soon(self._ask_for_approval, step)
            case Pair():
                await self._pair(step)
            case Change():
                gateway.change_secret(step.secret.read())
            case Drop():
                await self._drop(step)
            case Silence():
                self._there()
                await beside.start(self._silence, step)
            case Restart():
                await gateway.restart(down=step.restart, starting=step.starting, killed=step.killed)
            case Remote():
                await beside.start(self._be_remote, step)
            case Fail():
                gateway.script(step.fail, _act_of(step), times=step.times)
            case Wait():
                await self._wait(step)
            case Expect():
                await self._hold(lambda: self._next_question(step.expect), step.within)
            case _:
                raise AssertionError(f"a verb without an act: {step!r}")  # pragma: no cover
        await trio.lowlevel.checkpoint()

    async def settle(self) -> None:
        with trio.move_on_after(self._script.settle):
            await self._gateway.wait_until(lambda: not self._unanswered())

    def missing(self) -> list[str]:
        wrong = [
            f"question {number} {excerpt(run.text)!r}: {run.standing}"
            for number, run in enumerate(self.runs, 1)
            if run.standing not in ANSWERED
        ]
        return beginning(wrong, "questions")

    def summary(self) -> Mapping[str, int]:
        return {
            "connections": len(self._gateway.opened),
            "questions": len(self.runs),
            "answered": sum(run.standing in ANSWERED for run in self.runs),
            "unanswered": len(self._unanswered()),
        }

    # What the agent says.

    def _reply_to(self, question: Question) -> Reply:
        self.runs += [run for run in self._gateway.runs if run.id == question.run_id and run not in self.runs]
        return self._replies.popleft() if self._replies else agent.echo(question)

    def _unanswered(self) -> list[Run]:
        return [run for run in self.runs if not run.over]

    # Steps that are more than a call.

    async def _say(self, text: str, session: str) -> None:
        self._said += 1
        params = {"sessionKey": session, "message": text, "idempotencyKey": f"said-{self._said}"}
        await self._gateway.call("chat.send", params)

    async def _ask_for_approval(self, step: Approval) -> None:
        params = {
            "command": step.approval,
            "host": "gateway",
            "sessionKey": step.session,
            "timeoutMs": int(step.within * 1000),
        }
        outcome = await self._gateway.call("exec.approval.request", params)
        decision = outcome["decision"]
        words = f"{step.approval!r}: {decision or 'nobody decided'}"
        self._tell(News("decided", words, {"command": step.approval, "decision": decision}))

    async def _pair(self, step: Pair) -> None:
        if step.pair == "remove":
            devices = list(self._gateway.devices.paired)
            if not devices:
                raise Unmet("no device is paired")
            for device_id in devices:
                self._gateway.remove_device(device_id)
            return
        with trio.move_on_after(step.within) as patience:
            await (self._gateway.approve() if step.pair == "approve" else self._gateway.reject())
        if patience.cancelled_caught:
            raise Unmet(f"no device asked within {step.within:g} s")

    async def _drop(self, step: Drop) -> None:
        """The next step finds them gone."""
        self._there()
        before = self._gateway.connections
        if step.drop == "rst":
            self._gateway.drop_connections()
        else:
            self._gateway.drop_connections(step.code, step.reason)
        await self._gateway.wait_until(lambda: not any(each.live for each in before))

    async def _silence(self, step: Silence, *, task_status: trio.TaskStatus[None]) -> None:
        with self._gateway.silent():
            task_status.started()
            await trio.sleep(step.silence)

    async def _be_remote(self, step: Remote, *, task_status: trio.TaskStatus[None]) -> None:
        with self._gateway.remote(step.address):
            task_status.started()
            await trio.sleep(step.remote)

    async def _wait(self, step: Wait) -> None:
        holds: Mapping[str, Callable[[], bool]] = {
            "connected": lambda: any(each.ready for each in self._gateway.connections),
            "asked": lambda: self._next_question(""),
            "answered": lambda: not self._unanswered(),
        }
        await self._hold(holds[step.wait], step.within)

    def _next_question(self, text: str) -> bool:
        """Whether there is a question with this in it that was not waited for. If so, it is now, and all before it."""
        for number, run in enumerate(self.runs[self._waited_for :], self._waited_for + 1):
            if text in run.text:
                self._waited_for = number
                return True
        return False

    async def _hold(self, holds: Callable[[], bool], within: float) -> None:
        await hold(self._gateway.wait_until, holds, within, self._reasons())

    def _reasons(self) -> Iterator[str]:
        if not any(each.ready for each in self._gateway.connections):
            yield "nobody is connected"
        for run in self.runs[self._waited_for :]:
            yield f"the question was {excerpt(run.text)!r}"

    def _there(self) -> None:
        """A script that breaks nothing tests nothing."""
        if not self._gateway.connections:
            raise Unmet("nobody is connected")

    def _secret_in_words(self) -> str:
        secret = self._script.token if self._script.auth == "token" else self._script.password
        return secret.read() if secret in (KNOWN_TOKEN, KNOWN_PASSWORD) else "the one that the script names"


def _reply_of(step: Answer) -> Reply:
    endings: Mapping[str, list[agent.Step]] = {"final": [], "fail": [agent.Fail()], "hang": [agent.Hold()]}
    return [*agent.steps_of(step.answer, step.pause), *endings[step.ending]]


def _act_of(step: Fail) -> Act:
    acts: Mapping[str, Act] = {
        "refuse": Refuses(Refusal(step.code, step.message)),
        "lose": Lost(),
        "delay": Late(step.seconds),
        "close": Closes(),
    }
    return acts[step.how]


SIMULATED = Simulated(script=OpenClawScript, verbs=VERBS, open=open_stage)
