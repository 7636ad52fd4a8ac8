"""Each verb does what it says to a bot of ours, in virtual time; and what is missing in the end is named."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from trio_bridge.config import Secret
from trio_bridge.engine.dispatch import Handler
from trio_bridge.engine.environment import Environment
from trio_bridge.engine.executors import inline
from trio_bridge.messages import Attachment, Message, Reply
from trio_bridge.opening import open_account
from trio_bridge.platforms.dingtalk.config import DingTalk
from trio_bridge.platforms.dingtalk.gateway.model import Rules
from trio_bridge.runner.simulating.chat_script import Drop, Duplicate, Event, Expect, Say, Send, Silence, Wait
from trio_bridge.runner.simulating.dingtalk import SIMULATED
from trio_bridge.runner.simulating.dingtalk_script import Client, DingTalkScript, Disconnect, Fail, Press, Push
from trio_bridge.runner.simulating.news import News
from trio_bridge.runner.simulating.performance import Performance
from trio_bridge.runner.simulating.platforms import Stage
from trio_bridge.runner.simulating.script import Step
from trio_bridge.transport.memory import MemoryNetwork

CONNECTED = Wait(wait="connected")
ANSWERED = Wait(wait="answered")
HELLO = Say(say="hello")


async def echo(message: Message) -> str:
    return message.text


async def silent(message: Message) -> None:
    """Hears it, and says nothing."""


async def twice(message: Message) -> None:
    await message.reply("one")
    await message.reply("two")


async def nothing() -> AsyncGenerator[str]:
    """Nobody types anything."""
    return
    yield


@attrs.define
class Theatre:
    """A network, what is told on it, and a bot that comes as soon as there is somewhere to connect."""

    network: MemoryNetwork = attrs.Factory(MemoryNetwork)
    news: list[News] = attrs.Factory(list)
    typed: Callable[[], AsyncGenerator[str]] = nothing

    async def play(
        self,
        *steps: Step,
        handler: Handler | None = echo,
        finish_after: float | None = None,
        until_done: bool = True,
        bots: Sequence[str] = ("dingbot",),
        unasked: str = "",
        **script: Any,
    ) -> bool:
        finish = trio.Event()
        async with trio.open_nursery() as nursery:

            def greet(stage: Stage) -> None:
                for number, client_id in enumerate(bots if handler else ()):
                    config = config_of(client_id, f"bot{number}", stage.url)
                    nursery.start_soon(self._be_a_bot, config, handler, unasked)

            async def end() -> None:
                await trio.sleep(finish_after or 3600)
                finish.set()

            nursery.start_soon(end)
            performance = Performance(
                simulated=SIMULATED,
                script=DingTalkScript(steps=steps, **script),
                typed=self.typed(),
                greet=greet,
                tell=self.news.append,
                until_done=until_done,
            )
            right = await performance.run(0, self.network, finish)
            nursery.cancel_scope.cancel()
        return right

    async def _be_a_bot(self, config: DingTalk, handler: Handler, unasked: str) -> None:
        environment = Environment(network=self.network, rand=lambda: 0.5, disk=inline)
        async with open_account(config, handler, environment=environment) as account:
            if unasked:
                await account.send("user:staff0009", unasked)
            await trio.sleep_forever()

    def told(self, *events: str) -> list[str]:
        return [news.words for news in self.news if news.event in events]

    def events(self) -> list[str]:
        return [news.event for news in self.news]

    @property
    def wrong(self) -> list[str]:
        return self.news[-1].facts["wrong"]  # type: ignore[no-any-return]


def config_of(client_id: str, name: str, url: str) -> DingTalk:
    return DingTalk(name=name, client_id=client_id, client_secret="any", endpoint=url, oapi_endpoint=url)


@pytest.fixture
def theatre() -> Theatre:
    return Theatre()


async def test_what_happens_is_told_in_order(theatre: Theatre, autojump_clock: MockClock) -> None:
    assert await theatre.play(CONNECTED, HELLO, Expect(expect="hello"))
    assert theatre.events() == [
        "step", "connected", "step", "pushed", "step", "acked", "replied", "played", "summary",
    ]  # fmt: skip
    assert theatre.told("step") == [
        'steps[0]: wait = "connected"',
        'steps[1]: say = "hello"',
        'steps[2]: expect = "hello"',
    ]
    assert theatre.told("pushed") == ["message 0: 'hello' for dingbot"]
    assert theatre.told("replied") == ["message 0: answered after 0 ms: hello"]
    summary = theatre.news[-1].facts
    assert (summary["pushed"], summary["acked"], summary["answered"], summary["ok"]) == (1, 1, 1, True)


async def test_steps_keep_their_times(theatre: Theatre, autojump_clock: MockClock) -> None:
    begun = trio.current_time()
    assert await theatre.play(CONNECTED, Say(say="number {n}", times=5, every=2, after=10), ANSWERED)
    assert trio.current_time() - begun == pytest.approx(18)
    assert theatre.told("pushed")[-1] == "message 4: 'number 5' for dingbot"


async def test_a_group_is_spoken_to_as_a_group(theatre: Theatre, autojump_clock: MockClock) -> None:
    heard = []

    async def note(message: Message) -> str:
        heard.append((message.conversation.kind, message.conversation.id, message.sender.id, message.text))
        return "ok"

    steps = (
        Say(say="hi", conversation="cidTeam", sender="mei"),
        Say(say="psst", conversation="cidTeam", mention=False),
        Say(say="again", fields={"msgId": "msg1"}),
        Say(say="again", fields={"msgId": "msg1"}),
    )
    assert await theatre.play(CONNECTED, *steps, handler=note, answers="any", finish_after=100)
    assert heard == [("group", "cidTeam", "mei", "hi"), ("direct", heard[1][1], "staff0001", "again")]


async def test_a_duplicate_is_delivered_again_and_answered_once(theatre: Theatre, autojump_clock: MockClock) -> None:
    assert await theatre.play(CONNECTED, HELLO, ANSWERED, Duplicate(duplicate=1), ANSWERED)
    assert theatre.told("redelivered") == ["message 0: 'hello' for dingbot, delivered again (2 times now)"]
    assert len(theatre.told("replied")) == 1


async def test_after_a_disconnect_the_bot_comes_anew(theatre: Theatre, autojump_clock: MockClock) -> None:
    assert await theatre.play(CONNECTED, Disconnect(disconnect="rotation"), CONNECTED, HELLO)
    assert theatre.news[-1].facts["connections"] == 2


@pytest.mark.parametrize("how", ["close", "fin", "rst"])
async def test_after_a_drop_the_next_step_finds_the_connection_gone(
    theatre: Theatre, how: Any, autojump_clock: MockClock
) -> None:
    assert await theatre.play(CONNECTED, Drop(drop=how, code=4001), CONNECTED, HELLO)
    assert theatre.news[-1].facts["connections"] == 2
    assert theatre.told("disconnected") == ["the connection of dingbot is over"]


async def test_silence_goes_on_beside_the_steps_and_is_waited_for(theatre: Theatre, autojump_clock: MockClock) -> None:
    begun = trio.current_time()
    anew = Wait(wait="connected", within=100)
    assert await theatre.play(CONNECTED, Silence(silence=200), anew, Wait(wait="acked"))
    assert trio.current_time() - begun == pytest.approx(200)
    assert theatre.events()[:7] == ["step", "connected", "step", "step", "connected", "step", "played"]


async def test_what_is_not_acknowledged_is_waited_for(theatre: Theatre, autojump_clock: MockClock) -> None:
    waits = Wait(wait="acked", within=5)
    assert not await theatre.play(CONNECTED, Silence(silence=50), HELLO, waits)
    assert theatre.wrong[0].startswith('steps[3]: wait = "acked": not within 5 s; nobody is connected; message 0')
    assert "never acknowledged" in theatre.wrong[1]


async def test_calls_fail_so_often(theatre: Theatre, autojump_clock: MockClock) -> None:
    begun = trio.current_time()
    assert await theatre.play(Fail(fail="open", status=500, times=2), CONNECTED, HELLO)
    assert theatre.told("refused") == ["dingbot wanted to connect: 500"] * 2
    assert trio.current_time() > begun


async def test_calls_fail_so_long(theatre: Theatre, autojump_clock: MockClock) -> None:
    begun = trio.current_time()
    assert await theatre.play(Fail(fail="open", status=500, lasting=30), Wait(wait="connected", within=100), HELLO)
    assert trio.current_time() - begun >= 30


@pytest.mark.parametrize("how", ["refuse", "hang", "swallow"])
async def test_a_reply_can_fail_in_three_ways(theatre: Theatre, how: Any, autojump_clock: MockClock) -> None:
    right = await theatre.play(CONNECTED, Fail(fail="webhook", how=how, code="130101"), HELLO, settle=100.0)
    assert right == (how != "hang")  # whether that one was carried out nobody can know, so it is not said twice
    assert len(theatre.told("replied")) == (0 if how == "hang" else 1)


async def test_data_and_events_can_be_pushed(theatre: Theatre, autojump_clock: MockClock) -> None:
    event = Event(event="user_add_org", data={"userId": ["1"]})
    pushed = Push(push={"msgtype": "text", "text": {"content": "by hand"}, "msgId": "m1", "conversationType": "1",
                        "conversationId": "cidX", "senderStaffId": "mei", "senderId": "s"})  # fmt: skip
    assert not await theatre.play(CONNECTED, pushed, event)
    assert theatre.told("pushed") == ["message 0: 'by hand' for dingbot"]
    assert theatre.told("replied") == ["message 0: answered after 0 ms: by hand"]
    nobody = "message 1 'user_add_org': never delivered, as nobody was there who had subscribed to it"
    assert theatre.wrong == [nobody]  # for this bot did not


async def test_a_bot_that_keeps_silent_is_found_out(theatre: Theatre, autojump_clock: MockClock) -> None:
    assert not await theatre.play(CONNECTED, HELLO, handler=silent)
    assert theatre.wrong == ["message 0 'hello': once delivered, acknowledged, never answered"]
    assert theatre.told("missing") == [f"not as it should be: {theatre.wrong[0]}"]


@pytest.mark.parametrize(("answers", "right"), [("once", False), ("some", True), ("any", True)])
async def test_a_bot_that_answers_twice_is_found_out_unless_it_may(
    theatre: Theatre, answers: str, right: bool, autojump_clock: MockClock
) -> None:
    linger = Wait(wait="answered", after=5)
    assert await theatre.play(CONNECTED, HELLO, linger, handler=twice, answers=answers) == right
    assert theatre.wrong == ([] if right else ["message 0 'hello': once delivered, acknowledged, twice answered"])


async def test_an_expectation_that_does_not_hold_ends_the_script(theatre: Theatre, autojump_clock: MockClock) -> None:
    begun = trio.current_time()
    steps = (CONNECTED, HELLO, Silence(silence=1000), Expect(expect="goodbye", within=5), Say(say="never said"))
    assert not await theatre.play(*steps, answers="any")
    assert trio.current_time() - begun == 5
    assert theatre.wrong[0].startswith('steps[3]: expect = "goodbye": not within 5 s; ')
    assert theatre.news[-1].facts["pushed"] == 1


async def test_the_answer_that_was_not_expected_is_told(theatre: Theatre, autojump_clock: MockClock) -> None:
    begun = trio.current_time()
    assert not await theatre.play(CONNECTED, HELLO, Expect(expect="goodbye", within=5), handler=echo)
    assert trio.current_time() - begun == 5
    assert theatre.wrong == ["steps[2]: expect = \"goodbye\": not within 5 s; the answer was 'hello'"]
    assert theatre.news[-1].facts["pushed"] == 1


async def test_who_waits_in_vain_is_told_why(theatre: Theatre, autojump_clock: MockClock) -> None:
    begun = trio.current_time()
    assert not await theatre.play(CONNECTED, HELLO, Wait(wait="answered", within=5), handler=silent)
    assert trio.current_time() - begun == 5
    assert theatre.wrong[0] == (
        "steps[2]: wait = \"answered\": not within 5 s; message 0 'hello': once delivered, acknowledged, never answered"
    )


async def test_who_may_keep_silent_is_not_waited_for(theatre: Theatre, autojump_clock: MockClock) -> None:
    begun = trio.current_time()
    assert await theatre.play(CONNECTED, HELLO, handler=silent, answers="any")
    assert trio.current_time() == begun


async def test_of_much_that_is_missing_the_beginning_is_told(theatre: Theatre, autojump_clock: MockClock) -> None:
    assert not await theatre.play(CONNECTED, Say(say="{n}", times=30), handler=silent)
    assert len(theatre.wrong) == 21
    assert theatre.wrong[-1] == "10 messages more"


@pytest.mark.parametrize("answers", ["once", "some"])
async def test_what_a_bot_says_unasked_is_told_and_perhaps_wrong(
    theatre: Theatre, answers: str, autojump_clock: MockClock
) -> None:
    steps = (CONNECTED, Wait(wait="connected", after=5))
    assert await theatre.play(*steps, unasked="good morning", answers=answers) == (answers == "some")
    assert theatre.told("said") == ["dingbot says to staff0009: good morning"]
    assert theatre.wrong == (["messages from the bot that answer nothing: 1"] if answers == "once" else [])


async def test_a_rule_that_is_broken_is_told_and_wrong(theatre: Theatre, autojump_clock: MockClock) -> None:
    assert not await theatre.play(CONNECTED, Wait(wait="connected", after=20), bots=("dingbot", "dingbot"))
    [told] = theatre.told("fault")
    assert told.startswith("dingbot broke a rule: two_connections beside ")
    assert [wrong.split(" beside ")[0] for wrong in theatre.wrong] == ["rule broken: two_connections"]


@pytest.mark.parametrize(("leaving", "other"), [("dinga", "dingb"), ("dingb", "dinga")])
async def test_a_message_goes_to_who_is_there(
    theatre: Theatre, leaving: str, other: str, autojump_clock: MockClock
) -> None:
    connected = (Wait(wait="connected", client="dinga"), Wait(wait="connected", client="dingb"))
    assert await theatre.play(
        *connected, Disconnect(disconnect="rotation", client=leaving), HELLO, bots=("dinga", "dingb")
    )
    assert theatre.told("pushed") == [f"message 0: 'hello' for {other}"]


async def test_nobody_is_there(theatre: Theatre, autojump_clock: MockClock) -> None:
    assert not await theatre.play(Wait(wait="connected", within=5), handler=None)
    assert theatre.wrong == ['steps[0]: wait = "connected": not within 5 s; nobody is connected']


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (HELLO, 'nobody has connected yet: wait = "connected" waits for somebody'),
        (Say(say="hello", client="dingother"), "no client dingother has connected yet"),
        (Expect(expect="x"), "nothing was said before"),
        (Duplicate(duplicate=1), "nothing was said before"),
        (Press(press="yes"), "nobody was shown a card with buttons"),
        (Disconnect(disconnect="rotation"), "nobody is connected"),
        (Drop(drop="rst"), "nobody is connected"),
        (Silence(silence=5), "nobody is connected"),
    ],
)
async def test_a_step_that_cannot_be_done_says_so(
    theatre: Theatre, step: Step, why: str, autojump_clock: MockClock
) -> None:
    assert not await theatre.play(step, handler=None)
    assert theatre.wrong[0].endswith(f": {why}")


async def test_what_is_said_while_nobody_is_there_is_lost_as_on_the_platform(
    theatre: Theatre, autojump_clock: MockClock
) -> None:
    assert not await theatre.play(CONNECTED, Drop(drop="rst"), HELLO, CONNECTED)
    assert theatre.told("undelivered") == ["message 0: nobody is there to take it: lost, as a real one would be"]
    assert theatre.wrong == ["message 0 'hello': never delivered, as nobody was there who had subscribed to it"]


async def test_a_duplicate_for_nobody_is_noticed(theatre: Theatre, autojump_clock: MockClock) -> None:
    assert not await theatre.play(CONNECTED, HELLO, ANSWERED, Drop(drop="rst"), Duplicate(duplicate=1))
    assert theatre.wrong[0] == "steps[4]: duplicate = 1: nobody is there to take it"


async def test_unless_the_rules_keep_it(theatre: Theatre, autojump_clock: MockClock) -> None:
    rules = Rules(keep_offline=True, redeliver_after=5.0)
    assert await theatre.play(CONNECTED, Drop(drop="rst"), HELLO, rules=rules)


async def test_only_named_clients_are_let_in(theatre: Theatre, autojump_clock: MockClock) -> None:
    named = (Client(client_id="dingbot", client_secret=Secret(text="any")),)
    assert await theatre.play(CONNECTED, HELLO, clients=named)
    other = (Client(client_id="dingother", client_secret=Secret(text="any")),)
    assert not await theatre.play(Wait(wait="connected", within=5), clients=other)
    assert theatre.told("refused") == ["dingbot wanted to connect: 401"]


async def test_typed_lines_are_said_to_the_bot_as_soon_as_it_is_there(
    theatre: Theatre, autojump_clock: MockClock
) -> None:
    async def typed() -> AsyncGenerator[str]:
        yield "one"
        yield "two"

    theatre.typed = typed
    assert await theatre.play()
    assert [news.facts["text"] for news in theatre.news if news.event == "replied"] == ["one", "two"]
    assert theatre.told("held") == ["nobody is connected: it will be said to the first who is"]
    assert theatre.events()[:3] == ["held", "connected", "pushed"]


async def test_without_being_told_it_ends_only_when_it_is_asked_to(theatre: Theatre, autojump_clock: MockClock) -> None:
    begun = trio.current_time()
    assert await theatre.play(CONNECTED, HELLO, handler=silent, finish_after=500, until_done=False) == True  # noqa: E712
    assert trio.current_time() - begun == 500
    assert theatre.events()[-1] == "summary"


async def test_to_be_cut_short_is_not_to_be_done(theatre: Theatre, autojump_clock: MockClock) -> None:
    assert not await theatre.play(CONNECTED, Say(say="hello", after=100), finish_after=50)
    assert theatre.wrong == ["it was ended before all was done"]


@pytest.mark.parametrize(("name", "kind"), [("a.PNG", "image"), ("a.pdf", "file"), ("报告", "file")])
async def test_send_sends_a_file_of_this_machine(
    autojump_clock: MockClock, theatre: Theatre, tmp_path: Path, name: str, kind: str
) -> None:
    sent = []

    async def look(message: Message) -> str:
        sent.append((message.conversation.id, message.sender.id, message.attachments[0]))
        return "seen"

    (tmp_path / name).write_bytes(b"x")
    step = Send(send=tmp_path / name, sender="staff0007", conversation="cidGROUP")
    assert await theatre.play(CONNECTED, step, ANSWERED, Duplicate(duplicate=1), handler=look)
    [(conversation, sender, attachment)] = sent
    assert (conversation, sender, attachment.kind) == ("cidGROUP", "staff0007", kind)
    assert attachment.name == ("" if kind == "image" else name)


async def test_send_needs_a_file_to_send(autojump_clock: MockClock, theatre: Theatre, tmp_path: Path) -> None:
    assert not await theatre.play(CONNECTED, Send(send=tmp_path / "nowhere"))
    assert any(f"{tmp_path}/nowhere: No such file or directory" in words for words in theatre.told("unmet"))


async def test_a_file_that_a_bot_sends_is_told_of_by_kind_and_name(
    theatre: Theatre, tmp_path: Path, autojump_clock: MockClock
) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7")

    async def answer(message: Message) -> None:
        await message.reply(Reply("see", [Attachment(tmp_path / "a.pdf", name="Report.pdf")]))

    assert await theatre.play(
        CONNECTED, Fail(fail="upload", code="90018"), HELLO, Expect(expect="Report.pdf"), handler=answer, answers="some"
    )
    replied = [news.facts for news in theatre.news if news.event == "replied"]
    assert [facts["text"] for facts in replied] == ["see", "[file Report.pdf]"]
    assert replied[1]["medium"] == {"type": "file", "name": "Report.pdf", "bytes": 8}
