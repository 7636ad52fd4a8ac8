"""Questions to agents of real gateways, and their answers."""

from __future__ import annotations

import base64

import pytest
import trio

from tests.interop.openclaw.fake_model import FakeModel, answer_to
from tests.interop.openclaw.operators import open_operator
from tests.interop.openclaw.real_gateway import RealGateway
from trio_bridge.errors import RequestFailed
from trio_bridge.openclaw import ChatFile

pytestmark = pytest.mark.interop

DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A picture of one pixel."""


async def test_an_answer_grows_to_its_whole(gateway: RealGateway, model: FakeModel) -> None:
    async with open_operator(gateway) as account, account.api.chat("agent:main:growing", "#grow count 20") as run:
        deltas = [delta async for delta in run]
        assert len(deltas) > 1
        assert "".join(deltas) == run.text == answer_to("#grow count 20")
        assert (run.status, run.rewritten) == ("final", 0)
    assert model.runs["grow"] == 1


async def test_a_key_is_the_same_question_again(gateway: RealGateway, model: FakeModel) -> None:
    async with open_operator(gateway) as account:
        for _ in range(2):
            async with account.api.chat("agent:main:again", "#again echo", key="again-1") as run:
                assert await run.finish() == "answer to again"
    assert model.runs["again"] == 1


async def test_a_question_is_found_again_by_another_client(gateway: RealGateway, model: FakeModel) -> None:
    session, text = "agent:main:found", "#found hang"
    async with open_operator(gateway, name="first") as first, open_operator(gateway, name="second") as second:
        async with first.api.chat(session, text, key="found-1", abort=False) as run:
            assert await anext(run) == "hanging found"
        async with second.api.chat(session, text, key="found-1", asked_before=True) as run:
            model.release("found")
            assert await run.finish() == answer_to(text)
    assert (model.runs["found"], model.left["found"]) == (1, 0)


async def test_leaving_the_block_stops_the_run(gateway: RealGateway, model: FakeModel) -> None:
    async with open_operator(gateway) as account:
        async with account.api.chat("agent:main:left", "#left hang") as run:
            await anext(run)
        await model.wait_until(lambda: model.left["left"])
        async with account.api.chat("agent:main:left", "#after echo") as run:
            assert await run.finish() == "answer to after"


async def test_somebody_else_stops_the_run(gateway: RealGateway, model: FakeModel) -> None:
    async with open_operator(gateway) as account, account.api.chat("agent:main:stopped", "#stopped hang") as run:
        await anext(run)
        stopped = await account.api.abort("agent:main:stopped")
        assert await run.finish() == "hanging stopped"
        assert run.status == "aborted"
        assert stopped.run_ids == (run.key,)


async def test_one_session_answers_one_after_the_other(gateway: RealGateway, model: FakeModel) -> None:
    """Without waiting for each other the second would be steered into the first, and one answer given to both."""
    answers: dict[str, str] = {}

    async def ask(name: str, text: str) -> None:
        async with account.api.chat("agent:main:Both", text) as run:
            answers[name] = await run.finish()

    async with open_operator(gateway) as account, trio.open_nursery() as nursery:
        for name in ("one", "two", "three"):
            nursery.start_soon(ask, name, f"#{name} count 3")
    assert answers == {name: answer_to(f"#{name} count 3") for name in ("one", "two", "three")}
    assert all(model.runs[name] == 1 for name in answers)


async def test_sessions_answer_side_by_side(gateway: RealGateway, model: FakeModel) -> None:
    async with open_operator(gateway) as account:
        async with (
            account.api.chat("agent:main:left-hand", "#lefthand hang") as one,
            account.api.chat("agent:main:right-hand", "#righthand hang") as other,
        ):
            assert await anext(one) == "hanging lefthand"
            assert await anext(other) == "hanging righthand"
            model.release("righthand")
            assert await other.finish() == answer_to("#righthand hang")
            model.release("lefthand")
            assert await one.finish() == answer_to("#lefthand hang")


async def test_a_model_that_refuses_fails_the_run_once(gateway: RealGateway, model: FakeModel) -> None:
    async with open_operator(gateway) as account:
        async with account.api.chat("agent:main:refused", "#refused refuse") as run:
            with pytest.raises(RequestFailed) as failure:
                await run.finish()
        assert failure.value.method == "chat.send"
        assert run.status == "failed"
        async with account.api.chat("agent:main:refused", "#then echo") as run:
            assert await run.finish() == "answer to then"


async def test_an_agent_that_has_nothing_to_say(gateway: RealGateway, model: FakeModel) -> None:
    async with open_operator(gateway) as account, account.api.chat("agent:main:silent", "#quiet silent") as run:
        assert (await run.finish(), run.status) == ("", "silent")


async def test_a_picture_goes_with_a_question(gateway: RealGateway, model: FakeModel) -> None:
    async with open_operator(gateway) as account:
        picture = ChatFile("dot.png", DOT, "image/png")
        async with account.api.chat("agent:main:seen", "#seen echo", attachments=[picture]) as run:
            assert await run.finish() == "answer to seen"
    assert base64.b64encode(DOT).decode() in str(model.bodies["seen"])


async def test_commands_of_the_gateway_end_too(gateway: RealGateway, model: FakeModel) -> None:
    async with open_operator(gateway) as account:
        async with account.api.chat("agent:main:ordered", "#before echo") as run:
            await run.finish()
        async with account.api.chat("agent:main:ordered", "/new") as run:
            assert "New session" in await run.finish()
        async with account.api.chat("agent:main:ordered", "/stop") as run:
            assert await run.finish() == ""


async def test_a_history_tells_both_sides_apart(gateway: RealGateway, model: FakeModel) -> None:
    async with open_operator(gateway) as account:
        async with account.api.chat("agent:main:Told", "#told echo") as run:
            await run.finish()
        history = await account.api.history("agent:main:told")
        while len(history.messages) < 2:  # it is written a little later
            history = await account.api.history("agent:main:told")
    assert [(message.role, message.text) for message in history.messages] == [
        ("user", "#told echo"),
        ("assistant", "answer to told"),
    ]
