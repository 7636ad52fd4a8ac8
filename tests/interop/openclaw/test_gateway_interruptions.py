"""Real gateways that are stopped, killed, frozen and not there yet, while somebody waits for an answer."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import trio

from tests.interop.openclaw.fake_model import FakeModel, answer_to
from tests.interop.openclaw.operators import open_operator, operator
from tests.interop.openclaw.real_gateway import TOKEN, RealGateway
from trio_bridge.config import Secret
from trio_bridge.engine.account import Account
from trio_bridge.errors import NotSent, OutcomeUnknown
from trio_bridge.openclaw import Run
from trio_bridge.opening import open_account

pytestmark = pytest.mark.interop

SEARCH = 0.05
"""Seconds between two looks at something that tells nobody when it changes."""
BRIEF = {"ping_interval": 3.0, "pong_timeout": 3.0, "backoff_max": 2.0}
"""An account that soon notices, and soon tries again."""


async def ask(account: Account, session: str, text: str) -> str:
    async with account.api.chat(session, text) as run:
        return await run.finish()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "terminated"])
async def test_a_gateway_that_ends_in_the_middle_of_two_answers(
    gateway: RealGateway, model: FakeModel, how: signal.Signals
) -> None:
    """Each question gets one answer, and the whole one: newer gateways take them up again by themselves, under other
    names; older ones forget what was the first question of its session, and take up the others."""
    fresh, known = f"agent:main:fresh-{how.name}", f"agent:main:known-{how.name}"
    texts = {fresh: f"#fresh{how.name} count 60", known: f"#known{how.name} count 60"}
    answers: dict[str, str] = {}

    async def see_through(run: Run, session: str) -> None:
        answers[session] = (await run.finish()).strip()  # a history has more spaces than a stream

    async with open_operator(gateway, **BRIEF) as account:
        await ask(account, known, "#before echo")
        async with (
            account.api.chat(fresh, texts[fresh]) as one,
            account.api.chat(known, texts[known]) as other,
            trio.open_nursery() as nursery,
        ):
            for run in (one, other):
                await anext(run)
            nursery.start_soon(see_through, one, fresh)
            nursery.start_soon(see_through, other, known)
            await gateway.stop(how)
            gateway.start()
        assert answers == {session: answer_to(text) for session, text in texts.items()}
        for session, text in texts.items():
            # Nothing more comes of it: the session answers the next question, and knows one answer to this one.
            assert await ask(account, session, "#next echo") == "answer to next"
            while (rows := (await account.api.history(session)).messages)[-1].text.strip() != "answer to next":
                await trio.sleep(SEARCH)
            assert [row.text.strip() for row in rows if row.role == "assistant"].count(answer_to(text)) == 1
    assert all(model.runs[name] <= 2 for name in (f"fresh{how.name}", f"known{how.name}"))


async def test_what_was_answered_while_nobody_listened_is_found(gateway: RealGateway, model: FakeModel) -> None:
    text = "#missed hang"
    async with open_operator(gateway, name="first") as account:
        async with account.api.chat("agent:main:missed", text, key="missed-1", abort=False) as run:
            await anext(run)
    model.release("missed")
    async with open_operator(gateway, name="second") as account:
        while not (await account.api.history("agent:main:missed")).messages:
            await trio.sleep(SEARCH)
        async with account.api.chat("agent:main:missed", text, key="missed-1", asked_before=True) as run:
            assert await run.finish() == answer_to(text)
    assert model.runs["missed"] == 1


async def test_what_was_answered_before_a_restart_is_not_asked_again(gateway: RealGateway, model: FakeModel) -> None:
    async with open_operator(gateway, **BRIEF) as account:
        async with account.api.chat("agent:main:done", "#done echo", key="done-1") as run:
            await run.finish()
        while not (await account.api.history("agent:main:done")).messages:
            await trio.sleep(SEARCH)
        await gateway.stop()
        gateway.start()
        async with account.api.chat("agent:main:done", "#done echo", key="done-1", asked_before=True) as run:
            assert await run.finish() == "answer to done"
    assert model.runs["done"] == 1


async def test_a_gateway_that_comes_late_is_met_once(gateway: RealGateway) -> None:
    await gateway.stop()
    async with open_account(operator(gateway, **BRIEF)) as account:
        with pytest.raises(NotSent):
            await account.api.request("health")
        gateway.start()
        assert await account.api.request("sessions.list", {"limit": 1}, when_ready=True)
        assert not account.alarms


async def test_a_request_that_was_cut_off_may_have_been_done(gateway: RealGateway) -> None:
    async with open_operator(gateway, **BRIEF) as account:

        async def wait_for_a_run() -> None:
            with pytest.raises(OutcomeUnknown):
                await account.api.request("agent.wait", {"runId": "nobody", "timeoutMs": 60_000}, answer_within=60)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_for_a_run)
            await account.api.request("sessions.list", {"limit": 1})
            await gateway.stop()
        assert account.api.info().pending_calls == 0


async def test_a_frozen_gateway_is_left_and_met_again(gateway: RealGateway) -> None:
    async with open_operator(gateway, **BRIEF) as account:
        gateway.signal(signal.SIGSTOP)
        try:
            while account.api.hello is not None:
                await trio.sleep(SEARCH)
        finally:
            gateway.signal(signal.SIGCONT)
        assert await account.api.request("sessions.list", {"limit": 1}, when_ready=True)
        assert account.generation >= 2


async def test_another_token_while_connected_is_read_and_used(gateway: RealGateway, tmp_path: Path) -> None:
    """A gateway that looks at its configuration while it runs closes; the older one when it starts."""
    (tmp_path / "token").write_text(TOKEN)
    token = Secret(file=tmp_path / "token")
    async with open_operator(gateway, token=token, **BRIEF) as account:
        generation = account.generation
        (tmp_path / "token").write_text("another-token-0123456789")
        gateway.configure(auth={"mode": "token", "token": "another-token-0123456789"})
        if gateway.protocol == 3:
            await gateway.stop()
            gateway.start()
        while account.generation == generation or account.api.hello is None:
            await trio.sleep(SEARCH)
        assert await account.api.request("sessions.list", {"limit": 1})
