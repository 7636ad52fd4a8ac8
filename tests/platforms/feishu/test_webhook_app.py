"""What a call is answered, and what becomes of what it brings."""

from __future__ import annotations

import json
import logging

import pytest
import trio
import trio.testing

from tests.platforms.feishu.calls import (
    KEY,
    NOW,
    TOKEN,
    Answered,
    Doorstep,
    Request,
    call,
    config,
    encrypted,
    event,
    event_id,
    names,
    question,
    signed,
    webhook,
)
from trio_bridge.config import Secret
from trio_bridge.platforms.feishu.webhook.app import DECIDED_AFTER, Webhook
from trio_bridge.platforms.feishu.webhook.complaints import EVERY
from trio_bridge.platforms.feishu.webhook.http import BODY_WITHIN
from trio_bridge.transport.asgi import Event
from trio_bridge.wire.protocol import Delivery

PRESS = "card.action.trigger"


async def knock(body: bytes, door: Doorstep | None = None, hook: Webhook | None = None, **request: object) -> Answered:
    hook = hook or webhook()
    with hook.opened(door or Doorstep()):
        return await call(hook, body, **request)


async def test_an_event_is_handed_in_as_it_was_before_it_was_encrypted() -> None:
    door = Doorstep()
    assert (await knock(encrypted(event("e1")), door)).json == {}
    assert json.loads(door.taken[0].data) == event("e1")


async def test_an_event_is_answered_when_it_is_stored_and_not_before(autojump_clock: object) -> None:
    async def store() -> bool:
        await trio.sleep(1.5)
        return True

    began = trio.current_time()
    assert (await knock(encrypted(event()), Doorstep(storing=store))).status == 200
    assert trio.current_time() == began + 1.5


@pytest.mark.parametrize("deadline", [0.5, 2.0])
async def test_what_is_not_stored_in_time_is_to_come_again(autojump_clock: object, deadline: float) -> None:
    async def store() -> bool:
        await trio.sleep_forever()
        return True

    began = trio.current_time()
    answered = await knock(encrypted(event()), Doorstep(storing=store), webhook(config(ack_deadline=deadline)))
    assert answered.status == 500
    assert trio.current_time() == began + deadline


async def test_what_can_not_be_stored_is_to_come_again_and_is_new_then() -> None:
    async def refuse() -> bool:
        return False

    door, hook, body = Doorstep(storing=refuse), webhook(), encrypted(event("e1"))
    assert (await knock(body, door, hook)).status == 500
    door.storing = None
    assert (await knock(body, door, hook)).status == 200
    assert (names(door.taken), door.duplicates) == (["e1"], [])


async def test_what_nobody_wants_is_taken_and_counted() -> None:
    door = Doorstep()
    assert (await knock(encrypted(event(kind="unwanted")), door)).json == {}
    assert (door.nobodys, door.taken) == (1, [])


# Presses


async def test_a_press_is_answered_with_what_its_handler_says() -> None:
    async def answer(delivery: Delivery) -> str:
        return '{"toast": {"content": "好"}}'

    door = Doorstep(answering=answer)
    assert (await knock(encrypted(event(kind=PRESS)), door)).json == {"toast": {"content": "好"}}
    assert door.taken == []


async def test_a_press_whose_handler_fails_or_is_late_gets_the_empty_answer(autojump_clock: object) -> None:
    async def fail(delivery: Delivery) -> str:
        if event_id(delivery) == "e1":
            raise RuntimeError
        await trio.sleep_forever()
        return ""

    door, hook, began = Doorstep(answering=fail), webhook(), trio.current_time()
    assert (await knock(encrypted(event("e1", PRESS)), door, hook)).json == {}
    assert trio.current_time() == began
    assert (await knock(encrypted(event("e2", PRESS)), door, hook)).json == {}
    assert trio.current_time() == began + 2.0


# What is not Feishu's


async def test_no_body_is_read_that_says_it_is_too_large() -> None:
    request = Request([b"x"], {"Content-Length": str(2**20 + 1)})
    hook = webhook()
    with hook.opened(Doorstep()):
        answered = await request.run(hook)
    assert answered is not None
    assert answered.status == 413


async def test_of_a_body_without_a_length_no_more_is_read_than_may_be() -> None:
    request = Request([b"x" * 1000] * 50, {"Transfer-Encoding": "chunked"})
    hook = webhook(config(webhook_max_body=4500))
    with hook.opened(Doorstep()):
        answered = await request.run(hook)
    assert answered is not None
    assert (answered.status, request.taken) == (413, 5)


async def test_a_body_in_pieces_is_one_body() -> None:
    body, door, hook = encrypted(event("e1")), Doorstep(), webhook()
    request = Request([body[:7], b"", body[7:100], body[100:]], signed(body))
    with hook.opened(door):
        answered = await request.run(hook)
    assert answered is not None
    assert (answered.status, names(door.taken)) == (200, ["e1"])


async def test_nobody_waits_for_a_body_that_trickles(autojump_clock: object) -> None:
    hook, began = webhook(), trio.current_time()
    request = Request([b"{"] * 100, signed(b""), pause=1.0)
    with hook.opened(Doorstep()):
        answered = await request.run(hook)
    assert answered is not None
    assert answered.status == 408
    assert trio.current_time() == began + BODY_WITHIN


async def test_who_leaves_in_the_middle_is_not_answered() -> None:
    door, hook, body = Doorstep(), webhook(), encrypted(event())
    with hook.opened(door):
        assert await Request([body], signed(body), left=True).run(hook) is None
    assert door.taken == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_who_looks_is_told_where_he_is(method: str) -> None:
    answered = await knock(b"", headers={}, method=method)
    assert answered.status == 200
    assert int(answered.headers["content-length"]) > 20
    assert (b"Feishu" in answered.body) == (method == "GET")


async def test_other_methods_are_not_for_here() -> None:
    answered = await knock(encrypted(event()), method="PUT")
    assert (answered.status, answered.headers["allow"]) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize(("kind", "status"), [("text/plain", 415), ("application/JSON", 200), (None, 200)])
async def test_a_call_is_json(kind: str | None, status: int) -> None:
    body = encrypted(event())
    headers = {name: value for name, value in signed(body).items() if name != "Content-Type"}
    assert (await knock(body, headers=headers if kind is None else {**headers, "Content-Type": kind})).status == status


async def test_without_a_signature_nothing_large_is_decrypted() -> None:
    assert (await knock(encrypted(question("x" * 5000)), headers={})).status == 200
    assert (await knock(encrypted(question("x" * 50_000)), headers={})).status == 401


async def test_half_a_signature_is_worse_than_none() -> None:
    body = encrypted(question())
    assert (await knock(body, headers={})).status == 200
    assert (await knock(body, headers={"X-Lark-Request-Nonce": "n0nce"})).status == 401


async def test_an_event_need_not_say_whose_it_is() -> None:
    older = {"uuid": "u1", "token": TOKEN, "type": "event_callback", "event": {"type": "message"}}
    assert (await knock(encrypted(older))).status == 200


async def test_all_calls_without_a_signature_are_refused_alike(autojump_clock: object) -> None:
    """Or the answers would tell whether a forged text can be decrypted. So would the time that they take."""
    forged = b'{"encrypt": "enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6"}'
    bodies = [encrypted(event()), encrypted("hello"), encrypted(question(token="x")), encrypted(question(5)), forged]
    answers, times = [], []
    for body in [*bodies, json.dumps(question()).encode(), b"\xff", b""]:
        called_at = trio.current_time()
        answers.append(await knock(body, headers={}))
        times.append(trio.current_time() - called_at)
    assert answers == [answers[0]] * len(answers)
    assert answers[0].status == 401
    assert times == [pytest.approx(DECIDED_AFTER)] * len(times)


async def test_while_the_door_is_closed_calls_are_to_come_again() -> None:
    hook = webhook()
    for method in ("GET", "POST"):
        answered = await call(hook, encrypted(event()), method=method)
        assert (answered.status, "retry-after" in answered.headers) == (503, True)
    assert (await knock(encrypted(event()), hook=hook)).status == 200
    assert (await call(hook, encrypted(event()))).status == 503


async def test_a_secret_is_read_anew_for_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = webhook(config(encrypt_key=Secret(env="HR_KEY")))
    body = encrypted(event())
    monkeypatch.setenv("HR_KEY", "another")
    assert (await knock(body, hook=hook)).status == 401
    monkeypatch.setenv("HR_KEY", KEY)
    assert (await knock(body, hook=hook)).status == 200
    monkeypatch.delenv("HR_KEY")
    assert (await knock(body, hook=hook)).status == 503


async def test_the_log_says_why_once_a_minute_and_never_what_was_said(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    hook = webhook()
    body = encrypted(event(token="canary-token"))
    for _ in range(3):
        assert (await knock(body, hook=hook)).status == 403
    await trio.sleep(EVERY)
    await knock(body, hook=hook)
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [(vars(record)["status"], vars(record).get("untold")) for record in told] == [(403, None), (403, 2)]
    assert vars(told[0])["reason"] == "it has another verification_token"
    shown = " ".join(str(vars(record)) for record in caplog.records)
    assert not any(secret in shown for secret in ("canary", KEY, "om_e1", str(int(NOW))))


async def test_the_log_says_that_the_key_is_missing_which_the_console_has(caplog: pytest.LogCaptureFixture) -> None:
    hook = webhook(config(encrypt_key=None, allow_unencrypted=True))
    assert (await knock(encrypted(event()), hook=hook)).status == 400
    [told] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert vars(told)["reason"] == "it is encrypted, and encrypt_key is not set"


# What a server asks besides


async def test_a_server_is_told_that_nothing_has_to_be_begun_or_ended() -> None:
    asked, told = ["lifespan.startup", "lifespan.shutdown"], []

    async def receive() -> Event:
        return {"type": asked.pop(0)}

    async def send(event: Event) -> None:
        told.append(event["type"])

    await webhook()({"type": "lifespan"}, receive, send)
    assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_nobody_gets_a_websocket() -> None:
    told = []

    async def receive() -> Event:
        return {"type": "websocket.connect"}

    async def send(event: Event) -> None:
        told.append(event["type"])

    await webhook()({"type": "websocket", "path": "/feishu", "headers": []}, receive, send)
    assert told == ["websocket.close"]
