"""What only a simulated Feishu does to a bot of ours, and what is told of it. The verbs of all chat platforms are tried
on DingTalk."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
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
from trio_bridge.errors import ConfigError
from trio_bridge.feishu import CardAction, CardUpdate
from trio_bridge.messages import Attachment, Message, Reply
from trio_bridge.opening import open_account
from trio_bridge.platforms.feishu.config import Feishu
from trio_bridge.runner.simulating.chat_script import Away, Drop, Duplicate, Event, Expect, Say, Send, Silence, Wait
from trio_bridge.runner.simulating.feishu import SIMULATED
from trio_bridge.runner.simulating.feishu_script import Client, Fail, FeishuScript, Fragment, Press, Push, ScriptRules
from trio_bridge.runner.simulating.news import News
from trio_bridge.runner.simulating.performance import Performance
from trio_bridge.runner.simulating.platforms import Stage
from trio_bridge.runner.simulating.script import Step, load_script
from trio_bridge.transport.memory import MemoryNetwork

CONNECTED = Wait(wait="connected", within=100)
ANSWERED = Wait(wait="answered", within=100)
HELLO = Say(say="hello")


async def echo(message: Message) -> str:
    return message.text


async def typing(message: Message) -> AsyncIterator[str]:
    for word in ("one ", "two ", "three"):
        yield word
        await trio.sleep(1)


async def silent(message: Message) -> None:
    """Hears it, and says nothing."""


@attrs.define
class Theatre:
    """A network, what is told on it, and a bot that comes as soon as there is somewhere to connect."""

    network: MemoryNetwork = attrs.Factory(MemoryNetwork)
    news: list[News] = attrs.Factory(list)
    lines: tuple[str, ...] = ()
    invitation: str = ""

    async def typed(self) -> AsyncGenerator[str]:
        for line in self.lines:
            yield line

    async def play(
        self, *steps: Step, handler: Handler | None = echo, keys: dict[str, Any] | None = None, **script: Any
    ) -> bool:
        async with trio.open_nursery() as nursery:

            async def be_a_bot(url: str) -> None:
                config = Feishu(name="bot", app_id="cli_bot", app_secret="any", domain=url, **(keys or {}))
                environment = Environment(network=self.network, rand=lambda: 0.5, disk=inline)
                async with open_account(config, handler, environment=environment):
                    await trio.sleep_forever()

            def greet(stage: Stage) -> None:
                self.invitation = stage.invitation()
                if handler is not None:
                    nursery.start_soon(be_a_bot, stage.url)

            performance = Performance(
                simulated=SIMULATED,
                script=FeishuScript(steps=steps, **script),
                typed=self.typed(),
                greet=greet,
                tell=self.news.append,
                until_done=True,
            )
            with trio.fail_after(3600):
                right = await performance.run(0, self.network, trio.Event())
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


async def test_what_happens_is_told_in_order(theatre: Theatre, autojump_clock: MockClock) -> None:
    assert await theatre.play(CONNECTED, HELLO, Expect(expect="hello"))
    told = [news.event for news in theatre.news]
    assert told == ["step", "connected", "step", "pushed", "step", "acked", "replied", "played", "summary"]
    assert theatre.told("connected") == ["cli_bot connected"]
    assert theatre.told("pushed") == ["message 0: 'hello' for cli_bot"]
    assert theatre.told("acked", "replied") == [
        "message 0: acknowledged after 0 ms",
        "message 0: answered after 0 ms: hello",
    ]
    summary = theatre.news[-1].facts
    assert (summary["pushed"], summary["acked"], summary["answered"], summary["ok"]) == (1, 1, 1, True)


async def test_typed_lines_are_said_as_soon_as_the_bot_is_there(autojump_clock: MockClock) -> None:
    theatre = Theatre(lines=("one", "two"))
    assert await theatre.play()
    assert [news.facts["text"] for news in theatre.news if news.event == "replied"] == ["one", "two"]
    assert theatre.told("held") == ["nobody is connected: it will be said to the first who is"]


async def test_a_group_is_spoken_to_as_a_group(theatre: Theatre, autojump_clock: MockClock) -> None:
    heard = []

    async def note(message: Message) -> str:
        heard.append((message.conversation.kind, message.conversation.id, message.sender.id, message.text))
        return "ok"

    steps = (
        Say(say="hi", conversation="oc_team", sender="ou_mei"),
        Say(say="psst", conversation="oc_team", mention=False),
        Say(say="over"),
    )
    assert await theatre.play(CONNECTED, *steps, Duplicate(duplicate=2), handler=note, answers="any")
    assert [each[0] for each in heard] == ["group", "direct"]
    assert heard[0] == ("group", "oc_team", "ou_mei", "hi")


async def test_events_come_in_pieces_until_they_are_whole_again(theatre: Theatre, autojump_clock: MockClock) -> None:
    steps = (Fragment(fragments=4, order=(3, 1, 0, 2), gap=0.5), Say(say="in pieces"), ANSWERED, Fragment(fragments=1))
    assert await theatre.play(CONNECTED, *steps, Say(say="whole"), ANSWERED)
    pieces, whole = [news.facts["after"] for news in theatre.news if news.event == "acked"]
    assert (pieces, whole) == (1.5, 0)


@pytest.mark.parametrize(
    "trouble",
    [Drop(drop="rst"), Drop(drop="fin"), Drop(drop="close", code=1011), Away(away=10), Silence(silence=100)],
    ids=["rst", "fin", "close", "away", "silence"],
)
async def test_what_is_said_into_trouble_is_answered_in_the_end(
    theatre: Theatre, trouble: Step, autojump_clock: MockClock
) -> None:
    rules = ScriptRules(ladder=(2.0,) * 100)
    assert await theatre.play(CONNECTED, trouble, HELLO, ANSWERED, rules=rules)
    assert theatre.news[-1].facts["connections"] == 2


async def test_who_hears_nothing_is_not_connected(theatre: Theatre, autojump_clock: MockClock) -> None:
    assert not await theatre.play(CONNECTED, Silence(silence=100), Wait(wait="connected", within=5))
    assert theatre.wrong[0].endswith("not within 5 s; nobody is connected")


async def test_a_refusal_says_how_long_to_wait(theatre: Theatre, autojump_clock: MockClock) -> None:
    throttled = Fail(fail="reply", code=99991400, status=429, retry_after=7)
    assert await theatre.play(CONNECTED, throttled, Say(say="hello", conversation="oc_team"))
    [replied] = [news.facts for news in theatre.news if news.event == "replied"]
    assert 7 <= replied["after"] < 20


async def test_a_card_in_a_group_is_pressed_there(theatre: Theatre, autojump_clock: MockClock) -> None:
    pressed = []

    async def on_press(action: CardAction) -> None:
        pressed.append((action.chat_id, action.operator.open_id, action.form_value))

    steps = (Say(say="hello", conversation="oc_team"), Expect(expect="three"), Press(press={}, sender="ou_mei"))
    form = Press(press={}, action={"form_value": {"a": "b"}})
    assert await theatre.play(CONNECTED, *steps, form, handler=typing, keys={"on_card_action": on_press})
    assert pressed == [("oc_team", "ou_mei", {}), ("oc_team", "ou_somebody", {"a": "b"})]


@pytest.mark.parametrize(
    ("step", "refused"),
    [
        (Fail(fail="address", times=2), ["cli_bot wanted to connect: 1000040343"] * 2),
        (Fail(fail="token", code=10014), []),
        (Fail(fail="reply", code=99991400, status=429, retry_after=3), []),
        (Fail(fail="reply", how="swallow"), []),
        (Fail(fail="reply", how="hang", lasting=5), []),
    ],
    ids=["address", "token", "throttled", "swallowed", "hung"],
)
async def test_calls_fail_and_are_made_again(
    theatre: Theatre, step: Step, refused: list[str], autojump_clock: MockClock
) -> None:
    assert await theatre.play(step, CONNECTED, HELLO, ANSWERED, settle=200.0)
    assert len(theatre.told("replied")) == 1


async def test_a_wrong_secret_is_told_with_its_number(theatre: Theatre, autojump_clock: MockClock) -> None:
    named = (Client(app_id="cli_bot", app_secret=Secret(text="another")),)
    assert not await theatre.play(Wait(wait="connected", within=5), clients=named)
    assert theatre.told("refused") == ["cli_bot wanted to connect: 1000040345"]


async def test_a_card_grows_and_its_button_is_pressed(theatre: Theatre, autojump_clock: MockClock) -> None:
    pressed, readers = [], []

    async def answer(message: Message) -> AsyncIterator[str]:
        readers.append(message.sender.id)
        async for word in typing(message):
            yield word

    async def on_press(action: CardAction) -> CardUpdate:
        pressed.append((action.value, action.operator.open_id == readers[0]))
        return CardUpdate(toast="noted")

    steps = (CONNECTED, HELLO, Expect(expect="one two three"), Press(press={"choice": "yes"}))
    assert await theatre.play(*steps, handler=answer, keys={"on_card_action": on_press})
    assert len(theatre.told("card")) == 1
    assert pressed == [({"choice": "yes"}, True)]
    assert theatre.told("pressed") == ['the button {"choice":"yes"} was answered with 0: noted']


async def test_a_card_that_is_left_half_done_is_wrong(theatre: Theatre, autojump_clock: MockClock) -> None:
    broken = (Fail(fail="card_settings", how="hang", times=9), Fail(fail="card_replace", how="hang", times=9))
    assert not await theatre.play(CONNECTED, *broken, HELLO, handler=typing, settle=20.0)
    assert any("never came to its end" in wrong for wrong in theatre.wrong)


async def test_events_and_envelopes_can_be_pushed(theatre: Theatre, autojump_clock: MockClock) -> None:
    envelope = {"schema": "2.0", "header": {"event_id": "e1", "event_type": "x.y_v1", "app_id": "cli_bot"}, "event": {}}
    event = Event(event="im.chat.disbanded_v1", data={"chat_id": "oc_team"})
    assert await theatre.play(CONNECTED, event, Push(push=envelope), Wait(wait="acked"))
    assert theatre.told("pushed") == [
        "message 0: 'im.chat.disbanded_v1' for cli_bot",
        "message 1: 'x.y_v1' for cli_bot",
    ]


async def test_files_go_both_ways(theatre: Theatre, tmp_path: Path, autojump_clock: MockClock) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7")
    heard = []

    async def answer(message: Message) -> Reply:
        heard.append((message.attachments[0].kind, message.attachments[0].name))
        return Reply("", [Attachment(tmp_path / "a.pdf", name="Report.pdf")])

    assert await theatre.play(CONNECTED, Send(send=tmp_path / "a.pdf", sender="ou_mei"), ANSWERED, handler=answer)
    assert heard == [("file", "a.pdf")]
    assert [news.facts["kind"] for news in theatre.news if news.event == "replied"] == ["file"]


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (HELLO, 'nobody has connected yet: wait = "connected" waits for somebody'),
        (Press(press={}), "nobody was shown a card"),
        (Drop(drop="rst"), "nobody is connected"),
        (Push(push={}, client="cli_x"), "no client cli_x has connected yet"),
    ],
    ids=["say", "press", "drop", "push"],
)
async def test_a_step_that_cannot_be_done_says_so(
    theatre: Theatre, step: Step, why: str, autojump_clock: MockClock
) -> None:
    assert not await theatre.play(step, handler=None)
    assert theatre.wrong[0].endswith(f": {why}")


async def test_a_bot_that_keeps_silent_is_found_out(theatre: Theatre, autojump_clock: MockClock) -> None:
    assert not await theatre.play(CONNECTED, HELLO, handler=silent)
    assert theatre.wrong == ["event 0 'hello': once delivered, acknowledged, never answered"]


async def test_the_invitation_says_how_to_get_in(theatre: Theatre, autojump_clock: MockClock) -> None:
    await theatre.play(handler=None)
    assert (
        'platform = "feishu"\napp_id = "cli_simulated"\napp_secret = "anything"\ndomain = "http://'
        in theatre.invitation
    )
    called = Client(
        app_id="cli_a",
        app_secret=Secret(text="hush"),
        webhook="http://127.0.0.1:1/hook",
        verification_token=Secret(text="hush"),
    )
    await theatre.play(handler=None, clients=(called,))
    assert 'app_id = "cli_a"' in theatre.invitation
    assert 'mode = "webhook"\nlisten = "127.0.0.1:1"\npath = "/hook"' in theatre.invitation
    assert "allow_unencrypted = true" in theatre.invitation
    assert "hush" not in theatre.invitation


def test_mistakes_are_said_with_their_place(tmp_path: Path) -> None:
    file = tmp_path / "script.toml"
    text = """
    clients = [{ app_id = "cli_a", app_secret = "s", webhook = "8712" }]
    steps = [{ fragments = 2, order = [0, 2] }, { say = "x", client = "cli_b" }]
    """
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as mistakes:
        load_script(file, SIMULATED.script, SIMULATED.verbs)
    assert [line.removeprefix(f"{file}: ") for line in mistakes.value.problems] == [
        'steps[1].client: expected "cli_a", not "cli_b"',
        'clients[0].webhook: expected a URL, such as http://127.0.0.1:8712/feishu, not "8712"',
        "clients[0].verification_token: missing: expected the one of the account, which knows its calls by it",
        "steps[0].order: expected numbers of pieces, from 0 to 1",
    ]


def test_all_rules_that_a_file_can_say_are_read(tmp_path: Path) -> None:
    file = tmp_path / "script.toml"
    text = '[rules]\nladder = [1, 2.5]\npong = "off"\nclient_config = { PingInterval = 5 }\nchat_rate = 5\n'
    file.write_text(text + 'unsafe_words = ["x"]\n', encoding="utf-8")
    rules = load_script(file, FeishuScript, SIMULATED.verbs).rules
    assert (rules.ladder, rules.pong, rules.client_config, rules.chat_rate, rules.unsafe_words) == (
        (1.0, 2.5), "off", {"PingInterval": 5}, 5, {"x"},
    )  # fmt: skip
    file.write_text('rules = { pong = "maybe", ladder = 3 }', encoding="utf-8")
    with pytest.raises(ConfigError) as mistakes:
        load_script(file, FeishuScript, SIMULATED.verbs)
    assert [line.partition(": ")[2] for line in mistakes.value.problems] == [
        "rules.ladder: expected a list of numbers, not 3",
        'rules.pong: expected one of "config", "none", "off", not "maybe"',
    ]
