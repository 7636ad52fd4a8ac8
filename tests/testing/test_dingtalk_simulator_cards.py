import json

import pytest
import trio

from tests.testing.world import APP, SECRET, ack, acknowledge, read
from trio_bridge.platforms.dingtalk.gateway.cards import CREATE_AND_DELIVER, INSTANCES, STREAMING
from trio_bridge.platforms.dingtalk.gateway.frames import CARD
from trio_bridge.platforms.dingtalk.gateway.rest import TOKEN
from trio_bridge.testing._dingtalk_robot import direct_conversation


@pytest.fixture
async def cards(world):
    return CardClient(world)


class CardClient:
    """A client of the simulator that knows nothing but cards."""

    def __init__(self, world):
        self.world = world
        self.token = ""

    async def call(self, method, path, body):
        if not self.token:
            _, reply = await self.world.post(TOKEN, {"appKey": APP, "appSecret": SECRET})
            self.token = reply["accessToken"]
        headers = [("x-acs-dingtalk-access-token", self.token)]
        return await self.world.post(path, body, headers, method=method)

    async def create(self, **changes):
        """A card for staff0001. Returns it as the server knows it."""
        body = {
            "cardTemplateId": "example.schema",
            "outTrackId": "card_1",
            "cardData": {"cardParamMap": {"config": "{}", "msgContent": "Sure?"}},
            "callbackType": "STREAM",
            "userIdType": 1,
            "openSpaceId": "dtv1.card//IM_ROBOT.staff0001",
            "imRobotOpenDeliverModel": {"robotCode": APP},
            **changes,
        }
        status, _ = await self.call("POST", CREATE_AND_DELIVER, body)
        assert status == 200
        return self.world.sim.cards[-1]

    async def update(self, **values):
        body = {
            "outTrackId": "card_1",
            "cardData": {"cardParamMap": values},
            "cardUpdateOptions": {"updateCardDataByKey": True},
        }
        return await self.call("PUT", INSTANCES, body)

    async def stream(self, text):
        body = {"outTrackId": "card_1", "guid": text, "key": "msgContent", "content": text, "isFull": True}
        return await self.call("PUT", STREAMING, body)


async def pressed(world, answer, code=200):
    """Press the button of the card that answers like this."""
    async with world.connected() as websocket, trio.open_nursery() as nursery:

        async def answering():
            (frame,) = await read(websocket)
            line = json.loads(ack(frame, answer if isinstance(answer, str) else json.dumps(answer)))
            await websocket.send_batch([json.dumps({**line, "code": code})])

        nursery.start_soon(answering)
        return await world.sim.press("card_1", "yes", params={"sure": True})


async def test_the_press_of_a_button_is_a_callback_and_its_answer_changes_the_card(autojump_clock, world, cards):
    card = await cards.create()
    answer = {
        "response": {
            "cardUpdateOptions": {"updateCardDataByKey": True, "updatePrivateDataByKey": True},
            "cardData": {"cardParamMap": {"state": "done"}},
            "userPrivateData": {"cardParamMap": {"voted": "true"}},
        }
    }
    press = await pressed(world, answer)
    assert (press.code, press.response, press.in_time, press.after) == (200, answer["response"], True, 0)
    letter = press.pushed.letter
    assert (letter.topic, letter.key) == (CARD, "card_1")
    data = json.loads(letter.data)
    assert (data["outTrackId"], data["userId"], data["type"]) == ("card_1", "staff0001", "actionCallback")
    assert data["spaceId"].startswith("cid")
    assert json.loads(data["content"]) == {"cardPrivateData": {"actionIds": ["yes"], "params": {"sure": True}}}
    assert data["value"] == data["content"]
    assert card.data == {"config": "{}", "msgContent": "Sure?", "state": "done"}
    assert card.private == {"staff0001": {"voted": "true"}}
    assert [look.by for look in card.history] == ["createAndDeliver", "answer"]


@pytest.mark.parametrize(
    ("space", "model", "user"),
    [
        ("IM_ROBOT.staff0007", "imRobotOpenDeliverModel", "staff0007"),
        ("IM_GROUP.cidTEAM", "imGroupOpenDeliverModel", "staff0001"),
    ],
)
async def test_a_button_is_pressed_by_whoever_got_the_card(autojump_clock, world, cards, space, model, user):
    await cards.create(openSpaceId=f"dtv1.card//{space}", **{model: {"robotCode": APP}})
    press = await pressed(world, {})
    data = json.loads(press.pushed.letter.data)
    cid = "cidTEAM" if "GROUP" in space else direct_conversation(APP, user)
    assert (data["userId"], data["spaceId"]) == (user, cid)


async def test_an_answer_that_replaces_everything_does_so(autojump_clock, world, cards):
    card = await cards.create()
    await pressed(world, {"response": {"cardData": {"cardParamMap": {"state": "done"}}}})
    assert card.data == {"state": "done"}


async def test_an_answer_that_comes_late_or_with_an_error_changes_nothing(autojump_clock, world, cards):
    card = await cards.create()
    before = dict(card.data)
    answer = {"response": {"cardData": {"cardParamMap": {"state": "done"}}}}
    press = await pressed(world, answer, code=500)
    assert (press.code, press.in_time, card.data) == (500, True, before)

    async with world.connected() as websocket, trio.open_nursery() as nursery:

        async def answering_late():
            (frame,) = await read(websocket)
            await trio.sleep(2.1)
            await websocket.send_batch([ack(frame, json.dumps(answer))])

        nursery.start_soon(answering_late)
        press = await world.sim.press(card, "yes", user="staff0002")
    assert (press.code, press.in_time, press.after, card.data) == (200, False, pytest.approx(2.1), before)
    assert json.loads(press.pushed.letter.data)["userId"] == "staff0002"


@pytest.mark.parametrize("answer", ["no JSON", "[]", '{"response":[]}'])
async def test_an_answer_that_makes_no_sense_is_empty(autojump_clock, world, cards, answer):
    card = await cards.create()
    before = dict(card.data)
    press = await pressed(world, answer)
    assert (press.response, card.data) == ({}, before)


async def test_an_answer_with_values_that_are_no_texts_is_a_fault(autojump_clock, world, cards):
    card = await cards.create()
    before = dict(card.data)
    await pressed(world, {"response": {"cardData": {"cardParamMap": {"count": 1}}}})
    (fault,) = world.sim.ledger.faults
    assert (fault.kind, fault.detail) == ("card_answer_unusable", "card_1: count: expected a text, found 1")
    assert card.data == before


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"outTrackId": "card_2"}, "there is no card card_1"),
        ({"userIdType": 2}, "nobody can see the card card_1"),
        ({"callbackType": "HTTP"}, "created without callbackType STREAM"),
    ],
)
async def test_a_button_that_nobody_can_press_is_an_error(autojump_clock, world, cards, changes, complaint):
    await cards.create(**changes)
    with pytest.raises(LookupError, match=complaint):
        await world.sim.press("card_1", "yes")


async def test_a_press_without_an_answer_fails_within_the_patience(autojump_clock, world, cards):
    await cards.create()
    world.sim.patience = 5
    with pytest.raises(AssertionError, match="nobody answered the press of a button of card_1 within 5 s"):
        await world.sim.press("card_1", "yes")


async def test_two_calls_about_one_card_at_the_same_time_are_a_fault(autojump_clock, world, cards):
    await cards.create()
    with world.sim.answering_late(1):
        await cards.stream("One")
        assert world.sim.ledger.faults == []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cards.stream, "One, two")
            nursery.start_soon(cards.stream, "One, two, three")
    (fault,) = world.sim.ledger.faults
    assert (fault.kind, fault.client_id) == ("card_calls_overlap", APP)
    assert fault.detail == f"card_1: {STREAMING} before {STREAMING} was answered"


async def test_whoever_asks_gets_the_text_of_the_card_that_came_to_its_end(autojump_clock, world, cards):
    async with world.connected() as websocket, trio.open_nursery() as nursery:
        nursery.start_soon(acknowledge, websocket)

        async def answering():
            await world.sim.wait_until(lambda: world.sim.ledger.summary().delivered == 1)
            await cards.create()
            await cards.stream("Hello")
            await cards.update(flowStatus="3", msgContent="Hello, you")

        nursery.start_soon(answering)
        assert await world.sim.ask("hi") == "Hello, you"
        nursery.cancel_scope.cancel()


async def test_an_answer_that_was_not_heard_yet_is_heard_with_its_newest_text(autojump_clock, world, cards):
    await cards.create()
    await cards.update(flowStatus="3", msgContent="Hello")
    await cards.update(flowStatus="2")
    await cards.update(flowStatus="3", msgContent="Hello again")
    assert (await world.sim.next_reply()).text == "Hello again"
    assert len(world.sim.sent) == 1
