"""The simulator's REST side: who may call, how often, and how it answers."""

from __future__ import annotations

import json

import pytest

from tests.platforms.feishu.desk_world import APP, OTHER, SECRET, World, card, code
from trio_bridge.gateways.calls import Answer, Call, Script
from trio_bridge.platforms.feishu.gateway.messages import SEND
from trio_bridge.platforms.feishu.gateway.rest import BOT, chat_throttled, refused, throttled
from trio_bridge.platforms.feishu.gateway.tokens import TOKEN

TOKEN_PATH = "/auth/v3/tenant_access_token/internal"


def test_a_token_is_told_at_the_top_and_good_for_two_hours() -> None:
    world = World()
    reply = world.call("POST", TOKEN_PATH, {"app_id": APP, "app_secret": SECRET}, app=None)
    assert reply == {"code": 0, "msg": "ok", "tenant_access_token": world.tokens[APP], "expire": 7200}
    world.now = 7199.0
    assert code(world.call("GET", "/bot/v3/info")) == 0
    world.now = 7200.0
    assert code(world.call("GET", "/bot/v3/info")) == 99991663


def test_a_token_is_the_same_while_it_has_half_an_hour_and_then_both_are_good() -> None:
    world = World()
    world.now = 5400.0
    assert world.token() == world.tokens[APP]
    world.now = 5401.0
    newer = world.token()
    assert newer != world.tokens[APP]
    assert code(world.call("GET", "/bot/v3/info")) == 0
    world.tokens[APP] = newer
    assert code(world.call("GET", "/bot/v3/info")) == 0
    assert [grant.app_id for grant in world.rest.tokens.granted] == [APP, OTHER, APP]


def test_tokens_are_revoked_of_one_app_or_of_all() -> None:
    world = World()
    world.rest.tokens.revoke(OTHER)
    assert code(world.call("GET", "/bot/v3/info", app=OTHER)) == 99991663
    assert code(world.call("GET", "/bot/v3/info")) == 0
    world.rest.tokens.revoke()
    assert code(world.call("GET", "/bot/v3/info")) == 99991663
    world.tokens[APP] = world.token()
    assert code(world.call("GET", "/bot/v3/info")) == 0


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"app_id": "cli_unknown", "app_secret": SECRET}, (200, 10014)),
        ({"app_id": APP, "app_secret": "wrong"}, (200, 10015)),
        ({"app_id": "ding_app", "app_secret": SECRET}, (400, 10003)),
        ({"app_id": 7, "app_secret": SECRET}, (400, 10003)),
        ({"app_id": APP}, (400, 10003)),
        (b"no json", (400, 10003)),
        ([], (400, 10003)),
    ],
    ids=["unknown app", "wrong secret", "no app id", "number", "no secret", "no json", "list"],
)
def test_credentials_that_are_none_are_refused(body: object, answer: tuple[int, int]) -> None:
    world = World()
    reply = world.call("POST", TOKEN_PATH, body, app=None)
    assert (world.answer.status, code(reply)) == answer


def test_any_credentials_may_do() -> None:
    world = World(any_credentials=True)
    assert world.token("cli_new", "any")
    assert world.token(APP, "other secret")
    assert world.gateway.directory.apps[APP].app_secret == "other secret"


def test_the_token_is_heard_from_the_header_alone() -> None:
    world = World()
    assert code(world.call("GET", "/bot/v3/info", app=None)) == 99991661
    for value in ("Basic abc", "Bearer ", world.tokens[APP]):
        call = Call(method="GET", path="/open-apis/bot/v3/info", headers={"authorization": value})
        assert (code(world.ask(call)), world.answer.status) == (99991661, 400)


def test_the_bot_tells_who_it_is_at_the_top() -> None:
    world = World()
    reply, other = world.call("GET", "/bot/v3/info"), world.call("GET", "/bot/v3/info", app=OTHER)
    assert reply["bot"]["open_id"] == world.gateway.directory.apps[APP].bot_open_id
    assert reply["bot"]["open_id"].startswith("ou_")
    assert reply["bot"]["open_id"] != other["bot"]["open_id"]
    assert (reply["bot"]["activate_status"], reply["bot"]["app_name"]) == (2, f"bot of {APP}")


def test_an_unknown_path_is_a_page_of_text() -> None:
    world = World()
    answer = world.rest.answer(Call(method="POST", path="/open-apis/callback/ws/endpoint"), 0.0)
    assert (answer.status, answer.body, answer.content_type) == (404, "404 page not found", "text/plain")


def test_every_answer_names_itself() -> None:
    world = World()
    names = []
    for body in ({"app_id": APP, "app_secret": SECRET}, {}):
        world.call("POST", TOKEN_PATH, body, app=None)
        names.append(world.answer.headers["X-Tt-Logid"])
    assert len(set(names)) == 2
    assert all(name.isdecimal() for name in names)


def test_somebody_else_may_carry_out_more_calls() -> None:
    world = World()
    world.rest = type(world.rest)(world.gateway, {"GET /door": lambda call, now: Answer(body=f'{{"at": {now}}}')})
    assert world.ask(Call(method="GET", path="/door")) == {"at": 0.0}


# Scripts.


def test_calls_are_counted_and_scripted_by_method_and_route() -> None:
    world = World()
    world.rest.scripts.add(SEND, refused(99991672), refused(230006, "off", status=200))
    assert [code(world.send()) for _ in range(3)] == [99991672, 230006, 0]
    assert (world.rest.calls[SEND], world.rest.calls[BOT], world.rest.calls[TOKEN]) == (3, 0, 2)
    assert len(world.rest.sent) == 1


def test_a_call_may_be_carried_out_though_nobody_is_told() -> None:
    world = World()
    world.rest.scripts.swallow(SEND)
    call = Call(
        method="POST",
        path="/open-apis/im/v1/messages",
        query={"receive_id_type": "chat_id"},
        headers={"authorization": f"Bearer {world.tokens[APP]}"},
        body=json.dumps({"receive_id": "oc_1", "msg_type": "text", "content": '{"text": "hi"}'}).encode(),
    )
    assert world.rest.answer(call, 0.0).ending == "swallow"
    assert [sent.text for sent in world.rest.sent] == ["hi"]


def test_a_call_may_be_answered_late_though_it_is_carried_out_at_once() -> None:
    world = World()
    world.rest.scripts.slow(SEND, 2.5)
    assert code(world.send()) == 0
    assert (world.answer.delay, len(world.rest.sent)) == (2.5, 1)
    world.rest.scripts.add(SEND, Script(answer=Answer(delay=1.0, body="{}"), delay=2.0))
    world.send()
    assert (world.answer.delay, len(world.rest.sent)) == (3.0, 1)
    assert code(world.send()) == 0
    assert world.answer.delay == 0.0


@pytest.mark.parametrize(
    ("answer", "status", "number", "wait"),
    [
        (throttled(3), 429, 99991400, "3"),
        (throttled(7, status=400), 400, 99991400, "7"),
        (throttled(None), 429, 99991400, None),
        (chat_throttled(), 400, 230020, None),
    ],
    ids=["429", "400", "silent", "chat"],
)
def test_a_throttle_may_be_put_in_the_way(answer: Answer, status: int, number: int, wait: str | None) -> None:
    world = World()
    world.rest.scripts.add(SEND, Script(answer=answer))
    reply = world.send()
    assert (world.answer.status, code(reply)) == (status, number)
    assert world.answer.headers.get("x-ogw-ratelimit-reset") == wait
    assert world.answer.headers["X-Tt-Logid"]


# Limits.


def test_an_app_may_call_so_often_within_a_second_where_the_rules_say_so() -> None:
    world = World(call_rate=2)
    assert [code(world.call("GET", "/bot/v3/info")) for _ in range(3)] == [0, 0, 99991400]
    assert (world.answer.status, world.answer.headers["x-ogw-ratelimit-reset"]) == (429, "1")
    assert code(world.call("GET", "/bot/v3/info", app=OTHER)) == 0
    assert code(world.send()) == 0
    world.now = 1.0
    assert code(world.call("GET", "/bot/v3/info")) == 0


def test_calls_about_different_things_are_calls_of_one_kind() -> None:
    world = World(call_rate=1)
    first = world.send()["data"]["message_id"]
    world.now = 2.0
    second = world.send()["data"]["message_id"]
    assert [code(world.about("GET", each)) for each in (first, second)] == [0, 99991400]


def test_a_chat_takes_so_many_messages_from_all_its_bots_where_the_rules_say_so() -> None:
    world = World(chat_rate=2)
    assert [code(world.send(app=app)) for app in (APP, OTHER, APP)] == [0, 0, 230020]
    assert world.answer.status == 400
    assert code(world.send(to="oc_elsewhere")) == 0
    world.now = 1.0
    assert code(world.send()) == 0


def test_a_card_takes_so_many_changes_where_the_rules_say_so() -> None:
    world = World(chat_rate=2)
    shown = world.send(card("a", streaming=False), kind="interactive")["data"]["message_id"]
    body = {"content": json.dumps(card("b", streaming=False))}
    assert [code(world.about("PATCH", shown, body)) for _ in range(3)] == [0, 0, 230020]


def test_the_calls_of_a_month_may_be_used_up() -> None:
    world = World(quota=1)
    assert [code(world.send()) for _ in range(2)] == [0, 99991403]
