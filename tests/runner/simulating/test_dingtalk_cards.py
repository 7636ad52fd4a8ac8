"""What a bot shows in cards is told like what it says, and a card that was left half done is wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import suppress
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from trio_bridge.errors import PeerClosed
from trio_bridge.platforms.dingtalk.gateway.cards import CREATE_AND_DELIVER, INSTANCES, STREAMING
from trio_bridge.platforms.dingtalk.gateway.frames import CARD, ROBOT
from trio_bridge.platforms.dingtalk.gateway.rest import OPEN, TOKEN
from trio_bridge.runner.simulating.chat_script import Expect, Say, Wait
from trio_bridge.runner.simulating.dingtalk import SIMULATED
from trio_bridge.runner.simulating.dingtalk_script import DingTalkScript, Fail, Press
from trio_bridge.runner.simulating.news import News
from trio_bridge.runner.simulating.performance import Performance
from trio_bridge.runner.simulating.platforms import Stage
from trio_bridge.runner.simulating.script import Step
from trio_bridge.transport.client import open_websocket
from trio_bridge.transport.http import HttpClient, open_http_client
from trio_bridge.transport.memory import MemoryNetwork
from trio_bridge.transport.websocket import Websocket

CONNECTED = Wait(wait="connected")
HELLO = Say(say="hello")
SOME_TIME = Wait(wait="connected", after=1)

Calls = Iterable[tuple[str, str, dict[str, Any]]]


async def nothing() -> AsyncGenerator[str]:
    """Nobody types anything."""
    return
    yield


def update(**values: str) -> tuple[str, str, dict[str, Any]]:
    options = {"updateCardDataByKey": True}
    return ("PUT", INSTANCES, {"cardData": {"cardParamMap": values}, "cardUpdateOptions": options})


def stream(text: str, *, last: bool = False) -> tuple[str, str, dict[str, Any]]:
    body = {"guid": text, "key": "msgContent", "content": text, "isFull": True, "isFinalize": last}
    return ("PUT", STREAMING, body)


CREATE = (
    "POST",
    CREATE_AND_DELIVER,
    {
        "cardTemplateId": "example.schema",
        "cardData": {"cardParamMap": {"flowStatus": "1"}},
        "callbackType": "STREAM",
        "userIdType": 1,
        "openSpaceId": "dtv1.card//IM_ROBOT.staff0001",
        "imRobotOpenDeliverModel": {"robotCode": "dingbot"},
    },
)
WHOLE: Calls = (CREATE, stream("Hel"), stream("Hello", last=True), update(flowStatus="3"))


@attrs.define
class Theatre:
    """A bot, written out here, that answers whatever it gets with the same calls about one card."""

    calls: Calls
    answer: Mapping[str, Any] = attrs.Factory(dict)
    """What it says to the press of a button."""
    pause: float = 0.0
    """Seconds of rest before each call."""
    deaf_to: str = ""
    """A topic that it never acknowledges."""
    network: MemoryNetwork = attrs.Factory(MemoryNetwork)
    news: list[News] = attrs.Factory(list)
    statuses: list[int] = attrs.Factory(list)

    async def play(self, *steps: Step, **script: Any) -> bool:
        async with trio.open_nursery() as nursery:

            def greet(stage: Stage) -> None:
                nursery.start_soon(self._be_a_bot, stage.url)

            performance = Performance(
                simulated=SIMULATED,
                script=DingTalkScript(steps=steps, **script),
                typed=nothing(),
                greet=greet,
                tell=self.news.append,
                until_done=True,
            )
            right = await performance.run(0, self.network, trio.Event())
            nursery.cancel_scope.cancel()
        return right

    async def _be_a_bot(self, url: str) -> None:
        async with open_http_client(network=self.network) as http:
            topics = [{"type": "CALLBACK", "topic": topic} for topic in (ROBOT, CARD)]
            call = {"clientId": "dingbot", "clientSecret": "any", "subscriptions": topics}
            headers = [("accept", "application/json")]
            reply = json.loads((await http.request("POST", url + OPEN, headers=headers, json=call)).body)
            place = f"{reply['endpoint']}?ticket={reply['ticket']}"
            async with open_websocket(place, network=self.network) as websocket:
                with suppress(PeerClosed):
                    await self._converse(websocket, http, url)

    async def _converse(self, websocket: Websocket, http: HttpClient, url: str) -> None:
        while True:
            for text in await websocket.receive_batch():
                frame = json.loads(text)
                if frame["headers"]["topic"] == self.deaf_to:
                    continue
                ack = {"contentType": "application/json", "messageId": frame["headers"]["messageId"]}
                data = json.dumps({"response": self.answer})
                line = {"code": 200, "headers": ack, "message": "OK", "data": data}
                await websocket.send_batch([json.dumps(line)])
                if frame["headers"]["topic"] == ROBOT:
                    await self._show(http, url)

    async def _show(self, http: HttpClient, url: str) -> None:
        login = {"appKey": "dingbot", "appSecret": "any"}
        token = json.loads((await http.request("POST", url + TOKEN, json=login)).body)["accessToken"]
        for method, path, body in self.calls:
            await trio.sleep(self.pause)
            headers = [("x-acs-dingtalk-access-token", token)]
            reply = await http.request(method, url + path, headers=headers, json={"outTrackId": "card_1", **body})
            self.statuses.append(reply.status)

    def told(self, event: str) -> list[str]:
        return [news.words for news in self.news if news.event == event]

    @property
    def wrong(self) -> list[str]:
        return self.news[-1].facts["wrong"]  # type: ignore[no-any-return]


async def test_a_card_is_told_as_an_answer_when_it_has_come_to_its_end(autojump_clock: MockClock) -> None:
    theatre = Theatre(WHOLE)
    assert await theatre.play(CONNECTED, HELLO, Expect(expect="Hello"))
    assert theatre.told("card") == ["dingbot shows a card to staff0001"]
    assert theatre.told("replied") == ["message 0: answered after 0 ms: Hello"]
    (news,) = [news for news in theatre.news if news.event == "replied"]
    assert (news.facts["via"], news.facts["text"]) == ("card", "Hello")


async def test_a_card_that_is_taken_up_again_is_told_with_its_new_text(autojump_clock: MockClock) -> None:
    theatre = Theatre((*WHOLE, update(flowStatus="2"), update(flowStatus="3", msgContent="Hello again")))
    assert await theatre.play(CONNECTED, HELLO, Expect(expect="again"))
    assert len(theatre.told("replied")) == 1
    assert theatre.told("reworded") == ["message 0: the answer is now: Hello again"]


async def test_a_card_for_nobodys_message_is_told_with_its_new_text(autojump_clock: MockClock) -> None:
    elsewhere = {"openSpaceId": "dtv1.card//IM_ROBOT.staff0009"}
    create = (*CREATE[:2], {**CREATE[2], **elsewhere})
    theatre = Theatre((create, update(flowStatus="3", msgContent="One"), update(msgContent="Two")))
    assert await theatre.play(CONNECTED, HELLO, SOME_TIME, answers="any")
    assert theatre.told("reworded") == ["dingbot now says to staff0009: Two"]


async def test_a_card_that_is_whole_from_the_beginning_is_told_with_its_text(autojump_clock: MockClock) -> None:
    create = (*CREATE[:2], {**CREATE[2], "cardData": {"cardParamMap": {"msgContent": "Choose"}}})
    theatre = Theatre((create,))
    assert await theatre.play(CONNECTED, HELLO, SOME_TIME, answers="any")
    assert theatre.told("card") == ["dingbot shows a card to staff0001: Choose"]


async def test_a_card_that_was_left_half_done_is_wrong(autojump_clock: MockClock) -> None:
    theatre = Theatre((CREATE, stream("Hel")))
    assert not await theatre.play(CONNECTED, HELLO, SOME_TIME, answers="any")
    assert theatre.wrong == ["the card card_1 never came to its end: 'Hel'"]


async def test_a_card_that_grows_is_waited_for(autojump_clock: MockClock) -> None:
    theatre = Theatre(WHOLE, pause=0.9)
    assert await theatre.play(CONNECTED, HELLO, SOME_TIME, answers="any")
    assert theatre.told("replied") == ["message 0: answered after 3.6 s: Hello"]


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("card_create", [200, 200, 200, 200]),
        ("card_create_deliver", [400, 400, 400, 400]),
        ("card_deliver", [200, 200, 200, 200]),
        ("card_update", [200, 200, 200, 400]),
        ("card_stream", [200, 400, 200, 200]),
    ],
)
async def test_each_call_about_cards_can_be_made_to_fail(
    name: str, statuses: list[int], autojump_clock: MockClock
) -> None:
    theatre = Theatre(WHOLE)
    await theatre.play(CONNECTED, Fail(fail=name), HELLO, SOME_TIME, answers="any")  # type: ignore[arg-type]
    assert theatre.statuses == statuses


async def test_a_button_is_pressed_and_its_answer_told(autojump_clock: MockClock) -> None:
    theatre = Theatre(WHOLE, answer={"cardData": {"cardParamMap": {"state": "done"}}})
    assert await theatre.play(CONNECTED, HELLO, Expect(expect="Hello"), Press(press="yes", params={"a": 1}))
    assert theatre.told("pressed") == ["the button yes was answered with 200"]
    (news,) = [news for news in theatre.news if news.event == "pressed"]
    assert news.facts == {"card": "card_1", "code": 200, "response": {"cardData": {"cardParamMap": {"state": "done"}}}}


async def test_a_button_whose_press_is_not_answered_in_time_ends_the_script(autojump_clock: MockClock) -> None:
    theatre = Theatre(WHOLE, deaf_to=CARD)
    assert not await theatre.play(CONNECTED, HELLO, Expect(expect="Hello"), Press(press="yes", within=500))
    assert theatre.wrong[0] == 'steps[3]: press = "yes": not within 500 s'
