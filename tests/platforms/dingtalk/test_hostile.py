"""What nobody sends who means well: it costs whoever sent it something, and nobody else."""

from __future__ import annotations

import json
import traceback
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.dingtalk.cloud import SECRET, Desk, config
from tests.platforms.dingtalk.stage import simulated
from trio_bridge.bots.cards.deck import MOST_GROWN
from trio_bridge.errors import BridgeError, RequestFailed
from trio_bridge.gateways.calls import Answer
from trio_bridge.messages import Message
from trio_bridge.platforms.dingtalk.codes import OLD_TOKEN, OPEN, TOKEN, WEBHOOK, classify
from trio_bridge.platforms.dingtalk.content import FILES
from trio_bridge.platforms.dingtalk.extract import Extracted
from trio_bridge.platforms.dingtalk.frames import CARD, EVENTS, GRAPH, ROBOT
from trio_bridge.platforms.dingtalk.media.filehosts import FileHosts
from trio_bridge.platforms.dingtalk.protocol import DingTalkProtocol

LONE = "a\ud800b"


@pytest.mark.parametrize("wrapped", ['{"a":%s}', "[%s]"])
def test_no_press_is_nested_so_deeply_that_it_ends_the_connection(wrapped: str) -> None:
    """Who reads JSON may bear a few levels more than who writes it: which, depends on the stack."""
    protocol = DingTalkProtocol(frozenset((CARD, GRAPH, EVENTS)))
    opening, closing = wrapped.split("%s")
    for depth in range(850, 1010):
        content = opening * depth + "1" + closing * depth
        data = f'{{"outTrackId":"card","userId":"mei","content":[{content}]}}'
        frame = {"type": "CALLBACK", "headers": {"topic": CARD, "messageId": "m"}, "data": data}
        batch = protocol.receive([json.dumps(frame)])
        assert len(batch.deliveries) + len(batch.replies) == 1


async def test_a_text_that_cannot_be_encoded_grows_like_any_other(autojump_clock: MockClock) -> None:
    async def odd(message: Message) -> None:
        async with message.stream() as out:
            for _ in range(3):
                await out.write(LONE)
                await trio.sleep(2)

    async with simulated() as stage, stage.account(odd) as account:
        await account.wait_ready()
        assert await stage.dingtalk.ask("go") == "a\ufffdb" * 3
        assert await stage.dingtalk.ask("again") == "a\ufffdb" * 3
        assert (account.state, account.generation) == ("ready", 1)


async def test_what_cannot_be_encoded_is_at_worst_refused_by_the_platform(autojump_clock: MockClock) -> None:
    async def silent(message: Message) -> None:
        """Says nothing."""

    async with simulated() as stage, stage.account(silent) as account:
        await account.wait_ready()
        api: Any = account.api
        for call in (
            lambda: api.send_to_user([LONE], LONE, title=LONE),
            lambda: api.send_to_group(f"cid{LONE}", LONE),
            lambda: api.recall(LONE, conversation_id=LONE),
            lambda: api.update_card(LONE, {LONE: LONE}, private={LONE: {LONE: LONE}}),
            lambda: api.finish_card("card", LONE),
            lambda: api.users.union_id(LONE),
            lambda: api.docs.read(LONE, operator=LONE),
            lambda: api.docs.search(LONE, space_id=LONE),
            lambda: api.docs.list(LONE, parent_id=LONE),
            lambda: api.download(LONE),
        ):
            try:
                await call()
            except BridgeError as refusal:
                assert str(refusal)  # noqa: PT017  # It is one of ours.
        assert (account.state, account.generation) == ("ready", 1)


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433", "0", "127.0.0.1.", "localhost.", "a.localhost"])
def test_a_proxy_is_not_asked_for_this_machine_either(host: str) -> None:
    network: Any = SimpleNamespace(is_proxied=lambda endpoint: True)
    client: Any = object()
    hosts = FileHosts(
        config(endpoint="https://api.example", oapi_endpoint="https://oapi.example"), network, client, client
    )
    assert hosts.client_for("https://1and1.example.7eleven/file") is client
    with pytest.raises(RequestFailed, match="is not called"):
        hosts.client_for(f"https://{host}/file")


@pytest.mark.parametrize("path", [OPEN, TOKEN, OLD_TOKEN])
async def test_an_app_secret_that_comes_back_is_shown_to_nobody(
    autojump_clock: MockClock, desk: Desk, path: str
) -> None:
    body = json.dumps({"code": f"bad:{SECRET}", "message": f"is {SECRET} yours?"})
    desk.cloud.rest.scripts.add(path, Answer(status=400, body=body))
    api: Any = desk.platform.api

    async def connect() -> None:
        async with desk.platform.connect():
            """Not reached."""

    calls = {OPEN: connect, TOKEN: lambda: api.docs.search("x"), OLD_TOKEN: lambda: api.users.union_id("mei")}
    with pytest.raises(BridgeError) as caught:
        await calls[path]()
    told = "".join(traceback.format_exception(caught.value))
    assert "***" in told
    assert SECRET not in told


async def test_of_an_answer_without_end_no_more_is_looked_at_while_it_grows(autojump_clock: MockClock) -> None:
    async def endless(message: Message) -> None:
        async with message.stream() as out:
            for _ in range(5):
                await out.write("x" * MOST_GROWN)
                await trio.sleep(2)

    async with simulated() as stage, stage.account(endless) as account:
        await account.wait_ready()
        assert len(await stage.dingtalk.ask("go")) == 5 * MOST_GROWN
        [card] = stage.dingtalk.cards
        assert {len(text) for text in card.texts} == {0, MOST_GROWN, 5 * MOST_GROWN}


def test_no_id_of_a_message_hides_an_event() -> None:
    protocol = DingTalkProtocol(frozenset((EVENTS,)))
    event = {"type": "EVENT", "headers": {"topic": "*", "messageId": "1", "eventId": "7"}, "data": "{}"}
    said = {"conversationId": "cidA", "conversationType": "2", "text": {"content": "hello"}}
    robot = {"type": "CALLBACK", "headers": {"topic": ROBOT, "messageId": "2"}, "data": json.dumps(said)}
    taken = [event, robot]
    taken += [{**robot, "data": json.dumps({**said, "msgId": msg_id})} for msg_id in ("event:7", "h:2", "m:h:2")]
    keys = [delivery.key for frame in taken for delivery in protocol.receive([json.dumps(frame)]).deliveries]
    assert len(keys) == len(set(keys)) == 5


@pytest.mark.parametrize("kind", ["richText", "chatRecord"])
def test_a_message_tells_of_so_many_files_only(kind: str) -> None:
    """Whoever fetches them all makes a call for each, and the calls of a month are counted."""
    files = [{"type": "picture", "msgType": "picture", "downloadCode": str(number)} for number in range(1000)]
    said = Extracted({"msgtype": kind, "content": {kind: files}})
    assert [file.source["code"] for file in said.media] == [str(number) for number in range(FILES)]


@pytest.mark.parametrize("token", [{}, [], ["t"], True, "", None])
def test_what_is_no_token_is_none(token: Any) -> None:
    body = json.dumps({"accessToken": token, "expireIn": 7200}).encode()
    assert classify("POST", TOKEN, 200, body).category == "retry"


async def test_a_session_that_comes_back_is_shown_to_nobody(autojump_clock: MockClock, desk: Desk) -> None:
    data = desk.cloud.say()
    session = data["sessionWebhook"].rpartition("=")[2]
    body = json.dumps({"errcode": 310000, "errmsg": f"session {session} is odd"})
    desk.cloud.rest.scripts.add(WEBHOOK, Answer(body=body))
    with pytest.raises(RequestFailed, match="is odd") as refused:
        await desk.answer(data, "hello")
    assert session not in str(refused.value)
