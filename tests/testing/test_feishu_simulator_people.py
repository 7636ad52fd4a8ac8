"""What people do at the simulated Feishu: they write, send files, press buttons."""

import json
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.testing.feishu_client import APP, OTHER, SECRET, read, simulated
from trio_bridge.platforms.feishu.gateway.model import Rules

DATA = Path(__file__).parents[1] / "data" / "feishu"
GROUP = "oc_5ce6d572455d361153b7cb51da133945"


@pytest.fixture
async def world():
    async with simulated() as world:
        yield world


async def heard(websocket):
    (frame,) = await read(websocket)
    return frame.event


# Messages.


async def test_a_message_in_a_group_has_what_the_platforms_has(world):
    async with world.connected() as websocket:
        pushed = await world.sim.say("hi", conversation=GROUP)
        event = await heard(websocket)
    assert list(event) == ["schema", "header", "event"]
    assert event["schema"] == "2.0"
    names = {"event_id", "event_type", "create_time", "token", "app_id", "tenant_key"}
    assert event["header"].keys() == names
    assert event["header"]["app_id"] == APP
    sender, message = event["event"]["sender"], event["event"]["message"]
    assert sender["sender_id"].keys() == {"union_id", "user_id", "open_id"}
    assert sender["sender_type"] == "user"
    assert (message["chat_id"], message["chat_type"], message["message_type"]) == (GROUP, "group", "text")
    assert json.loads(message["content"]) == {"text": "@_user_1 hi"}
    (mention,) = message["mentions"]
    assert (mention["key"], mention["mentioned_type"]) == ("@_user_1", "bot")
    assert mention["id"]["open_id"] == world.sim.directory.apps[APP].bot_open_id
    assert message["create_time"].isdecimal()
    assert (pushed.letter.message_id, pushed.letter.chat_id) == (message["message_id"], GROUP)


def test_the_builders_use_the_names_that_were_recorded():
    rows = [json.loads(line)["payload"] for line in (DATA / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    messages = [row["event"] for row in rows if row.get("header", {}).get("event_type") == "im.message.receive_v1"]
    known = {name for event in messages for name in event.get("message", {})}
    assert {"chat_id", "chat_type", "content", "create_time", "mentions", "message_id", "message_type"} <= known


async def test_a_direct_message_mentions_nobody_and_has_a_chat_of_its_own(world):
    async with world.connected() as websocket:
        one, again, other = [await world.sim.say("hi", sender=who) for who in ("ou_1", "ou_1", "ou_2")]
        event = (await read(websocket, 3))[0].event
    message = event["event"]["message"]
    assert message["chat_type"] == "p2p"
    assert "mentions" not in message
    assert one.letter.chat_id == again.letter.chat_id != other.letter.chat_id
    assert len({one.key, again.key, other.key}) == 3


async def test_a_group_may_be_written_to_without_a_mention(world):
    async with world.connected() as websocket:
        await world.sim.say("hi", conversation=GROUP, mention=False)
        message = (await heard(websocket))["event"]["message"]
    assert "mentions" not in message
    assert json.loads(message["content"]) == {"text": "hi"}


async def test_fields_can_be_changed_however_deep_and_left_out(world):
    async with world.connected() as websocket:
        changes = {"event": {"message": {"thread_id": "omt_1", "user_agent": None}, "sender": {"sender_type": "app"}}}
        await world.sim.say("hi", changes=changes)
        event = (await heard(websocket))["event"]
    assert event["message"]["thread_id"] == "omt_1"
    assert "user_agent" not in event["message"]
    assert event["sender"]["sender_type"] == "app"
    assert event["sender"]["sender_id"]["open_id"]


async def test_schema_1_says_the_same_in_other_words(world):
    async with world.connected() as websocket:
        pushed = await world.sim.say("go", conversation=GROUP, schema="1.0")
        event = await heard(websocket)
    bot = world.sim.directory.apps[APP]
    assert event["uuid"] == pushed.key
    assert event["type"] == "event_callback"
    body = event["event"]
    assert (body["type"], body["app_id"], body["open_chat_id"], body["chat_type"]) == ("message", APP, GROUP, "group")
    assert body["text"] == f'<at open_id="{bot.bot_open_id}">@{bot.name}</at> go'
    assert body["text_without_at_bot"] == " go"
    assert body["is_mention"]
    assert pushed.letter.wants_answer
    assert pushed.letter.message_id == body["open_message_id"]


async def test_messages_of_all_kinds_and_events_of_all_types_can_be_pushed(world):
    async with world.connected() as websocket:
        await world.sim.send("location", {"name": "杭州市", "longitude": "120.19", "latitude": "30.26"})
        await world.sim.send("merge_forward", "Merged and Forwarded Message")
        world.sim.event("im.chat.member.bot.added_v1", {"chat_id": GROUP})
        place, bundle, added = [frame.event for frame in await read(websocket, 3)]
    assert json.loads(place["event"]["message"]["content"])["name"] == "杭州市"
    assert bundle["event"]["message"]["content"] == "Merged and Forwarded Message"
    assert (added["header"]["event_type"], added["event"]) == ("im.chat.member.bot.added_v1", {"chat_id": GROUP})


async def test_files_and_pictures_are_kept_for_whoever_asks_for_them(world):
    async with world.connected() as websocket:
        await world.sim.send_file(b"%PDF", "a b.pdf")
        await world.sim.send_file(b"\x89PNG")
        file, picture = [frame.event["event"]["message"] for frame in await read(websocket, 2)]
    assert (file["message_type"], picture["message_type"]) == ("file", "image")
    shown = json.loads(file["content"])
    assert shown["file_name"] == "a b.pdf"
    assert world.sim.rest.files.known[shown["file_key"]].content == b"%PDF"
    assert world.sim.rest.files.known[json.loads(picture["content"])["image_key"]].content == b"\x89PNG"


async def test_people_have_another_open_id_in_each_app(world):
    world.sim.add_app(OTHER, SECRET)
    with pytest.raises(LookupError, match="2 apps"):
        await world.sim.say("hi")
    async with world.connected() as websocket, world.connected(OTHER) as other:
        await world.sim.say("hi", sender="ou_mine", app_id=APP)
        mine = (await heard(websocket))["event"]["sender"]["sender_id"]
        await world.sim.say("hi", sender="ou_mine", app_id=OTHER)
        theirs = (await heard(other))["event"]["sender"]["sender_id"]
    assert mine["open_id"] == "ou_mine" != theirs["open_id"]
    assert (mine["union_id"], mine["user_id"]) == (theirs["union_id"], theirs["user_id"])


async def test_who_has_no_app_can_not_be_spoken_to():
    async with simulated() as world:
        world.sim.remove_app(APP)
        with pytest.raises(LookupError, match="0 apps"):
            world.sim.event("x", {})


# Presses and previews.


async def pressed(world, websocket, answer, act=None):
    """What a person sees who presses, where this is what the client says to the frame."""
    seen = []
    async with trio.open_nursery() as nursery:

        async def press():
            seen.append(await (act or partial(world.sim.press, "om_card1", {"cmd": "ok"}))())

        nursery.start_soon(press)
        (frame,) = await read(websocket)
        if answer is not None:
            await websocket.send_batch([answer(frame)])
    return seen[0], frame.event


TOAST = {"toast": {"type": "success", "content": "done 好", "i18n": {"zh_cn": "好"}}}
RAW = {"card": {"type": "raw", "data": {"schema": "2.0", "body": {}}}}
TEMPLATE = {"card": {"type": "template", "data": {"template_id": "t1", "template_variable": {}}}}


@pytest.mark.parametrize(
    ("answer", "toast", "card"),
    [
        ({}, "", None),
        (TOAST, "done 好", None),
        ({"toast": {"content": "plain"}}, "plain", None),
        ({**TOAST, **RAW}, "done 好", RAW["card"]["data"]),
        (TEMPLATE, "", TEMPLATE["card"]["data"]),
    ],
    ids=["empty", "toast", "plain", "both", "template"],
)
async def test_a_press_is_answered_in_the_acknowledgement(world, answer, toast, card):
    async with world.connected() as websocket:
        seen, event = await pressed(world, websocket, lambda frame: frame.ack(data=answer))
    assert (seen.code, seen.toast, seen.card, seen.answer) == (0, toast, card, answer)
    assert world.faults() == []
    assert event["header"]["event_type"] == "card.action.trigger"
    assert len(event["header"]["create_time"]) == 16
    body = event["event"]
    assert body["action"]["value"] == {"cmd": "ok"}
    assert body["context"]["open_message_id"] == "om_card1"
    assert body["operator"]["open_id"].startswith("ou_")
    assert world.sim.rest.updates.presses[body["token"]].answered


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda frame: frame.ack(), 200340),
        (lambda frame: frame.ack(500), 200340),
        (lambda frame: frame.ack(500, data={}), 200340),
        (lambda frame: frame.ack(data=b"not json"), 200672),
        (lambda frame: frame.ack(data=[1]), 200672),
        (lambda frame: frame.ack(data="explained"), 200672),
        (lambda frame: frame.ack(data={"more": 1}), 200672),
        (lambda frame: frame.ack(data={"toast": {"type": "loud", "content": "x"}}), 200672),
        (lambda frame: frame.ack(data={"toast": "x"}), 200672),
        (lambda frame: frame.ack(data={"toast": {"type": "info"}}), 200672),
        (lambda frame: frame.ack(data={"card": {"schema": "2.0"}}), 200672),
        (lambda frame: frame.ack(data={"card": {"type": "raw", "data": "{}"}}), 200672),
        (lambda frame: frame.ack(data={"card": {"type": "template", "data": {}}}), 200672),
    ],
    ids=range(13),
)
async def test_who_presses_sees_what_went_wrong(world, answer, code):
    async with world.connected() as websocket:
        seen, event = await pressed(world, websocket, answer)
    assert seen.code == code
    assert not world.sim.rest.updates.presses[event["event"]["token"]].answered


async def test_an_answer_that_comes_too_late_is_none_and_nothing_comes_twice(autojump_clock):
    async with simulated() as world, world.connected() as websocket:
        begun = trio.current_time()
        seen, _ = await pressed(world, websocket, None)
        assert trio.current_time() - begun == 3
        assert seen.code == 200341
        with trio.move_on_after(100_000):
            await websocket.receive_batch()
            raise AssertionError("it came again")


async def test_nobody_may_be_there_to_hear_of_a_press(world):
    assert (await world.sim.press("om_card1")).code == 200340
    world.sim.rules = Rules(callbacks_off=True)
    async with world.connected() as websocket:
        assert (await world.sim.press("om_card1")).code == 200340
        await world.sim.say("hello")
        assert (await heard(websocket))["header"]["event_type"] == "im.message.receive_v1"


async def test_more_than_buttons_can_be_used(world):
    async with world.connected() as websocket:
        action, changes = {"tag": "input", "input_value": "so"}, {"event": {"host": "im_top_notice"}}
        act = partial(world.sim.press, "om_card1", action=action, changes=changes)
        _, event = await pressed(world, websocket, lambda frame: frame.ack(data={}), act)
    assert event["event"]["action"] == {"tag": "input", "timezone": "Asia/Shanghai", "input_value": "so"}
    assert event["event"]["host"] == "im_top_notice"


@pytest.mark.parametrize(
    ("answer", "code"),
    [({"inline": {"title": "x"}}, 0), ({}, 0), ({"inline": "x"}, 200672), ({**TOAST}, 200672), ({"card": 1}, 200672)],
    ids=range(5),
)
async def test_a_link_may_be_shown(world, answer, code):
    async with world.connected() as websocket:
        act = partial(world.sim.preview, "https://example.com/a")
        seen, event = await pressed(world, websocket, lambda frame: frame.ack(data=answer), act)
    assert seen.code == code
    assert event["event"]["context"]["url"] == "https://example.com/a"


async def test_the_older_press_of_a_button_is_pushed_and_needs_no_answer(autojump_clock):
    async with simulated() as world, world.connected() as websocket:
        pushed = world.sim.push({"open_id": "ou_1", "action": {"value": {}}}, kind="card")
        (frame,) = await read(websocket)
        assert frame.header("type") == "card"
        with trio.move_on_after(100_000):
            await websocket.receive_batch()
            raise AssertionError("it came again")
    assert world.sim.ledger.record(pushed).deliveries
    assert world.faults() == []


# Waiting for answers.


async def test_whoever_waits_in_vain_is_told_how_far_it_came(autojump_clock):
    async with simulated(patience=10) as world:
        with pytest.raises(AssertionError, match="no bot connected within 10 s\n  connections: 0"):
            await world.sim.ask("hello")
        async with world.connected() as websocket:
            await websocket.send_batch(["a text"])
            with pytest.raises(AssertionError) as told:
                await world.sim.ask("hello " * 20)
            (frame,) = await read(websocket)
            await websocket.send_batch([frame.ack(500)])
            await trio.sleep(1)
            with pytest.raises(AssertionError, match="twice delivered, asked for again, never answered"):
                await world.sim.next_reply()
    lines = str(told.value).splitlines()
    assert lines[:2] == ["the bot did not answer within 10 s", "  connections: 1"]
    assert "event 0 'hello hello" in lines[2]
    assert lines[2].endswith("…': once delivered, never acknowledged, never answered")
    assert lines[3] == "  rule broken: text_message"
