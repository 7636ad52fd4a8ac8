"""How the simulator calls a webhook: sealed as it was recorded, and again by the ladder. Without any network."""

from __future__ import annotations

import json
import random
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from tests.platforms.feishu.desk_world import APP, World
from trio_bridge.platforms.feishu.gateway.ledger import Pushed
from trio_bridge.platforms.feishu.gateway.letters import letter_of
from trio_bridge.platforms.feishu.gateway.sealing import BLOCK, Seal, encrypt
from trio_bridge.platforms.feishu.gateway.webhook import NO_REPLY, HookReply, Webhook
from trio_bridge.platforms.feishu.webhook.crypto import decrypt

RECORDED = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "data" / "feishu" / "webhook.jsonl").read_text("utf-8").splitlines()
]
KEY, TOKEN = "kudryavka-encrypt-key", "vtok-1234567890"
TAKEN = HookReply(200, b"{}")

sealed = [each for each in RECORDED if each["kind"] == "aes" and "plaintext" in each["expect"]]
signed = [
    each
    for each in RECORDED
    if each["kind"] == "request" and each["expect"]["status"] == 200 and "X-Lark-Signature" in each["headers"]
]


@pytest.mark.parametrize("vector", [pytest.param(each, id=each["name"]) for each in sealed])
def test_it_encrypts_as_was_recorded(vector: dict[str, Any]) -> None:
    start = b64decode(vector["encrypt"])[:BLOCK]
    plain = vector["expect"]["plaintext"].encode()
    assert encrypt(vector["encrypt_key"], plain, start) == vector["encrypt"]


@pytest.mark.parametrize("vector", [pytest.param(each, id=each["name"]) for each in signed])
def test_it_signs_as_was_recorded(vector: dict[str, Any]) -> None:
    body, headers = vector["body"].encode(), vector["headers"]
    seal = Seal(encrypt_key=vector["config"]["encrypt_key"], verification_token=TOKEN)
    stamp, nonce = headers["X-Lark-Request-Timestamp"], headers["X-Lark-Request-Nonce"]
    assert {**headers, **seal.signature(body, stamp, nonce)} == headers


def test_there_are_enough_recorded_calls() -> None:
    assert len(sealed) >= 8
    assert len(signed) >= 8


# What a call looks like.


def unsealed(body: bytes) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(decrypt(KEY, json.loads(body)["encrypt"]))
    return plain


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (
            {"schema": "2.0", "header": {"token": "", "event_id": "e"}},
            {"schema": "2.0", "header": {"token": TOKEN, "event_id": "e"}},
        ),
        ({"uuid": "u", "token": ""}, {"uuid": "u", "token": TOKEN}),
        ({"uuid": "u"}, {"uuid": "u", "token": TOKEN}),
    ],
    ids=["2.0", "1.0", "1.0 without"],
)
def test_the_token_stands_where_the_schema_has_it(payload: dict[str, Any], expected: dict[str, Any]) -> None:
    plain, secret = Seal(verification_token=TOKEN), Seal(encrypt_key=KEY, verification_token=TOKEN)
    data, rng = json.dumps(payload).encode(), random.Random(1)
    assert json.loads(plain.call(data, 1.0, rng).body) == expected
    assert unsealed(secret.call(data, 1.0, rng).body) == expected


@pytest.mark.parametrize("data", [b"no json", b"[1]", b"\xff"], ids=["text", "list", "bytes"])
def test_what_is_no_event_is_sent_as_it_is(data: bytes) -> None:
    assert Seal(verification_token=TOKEN).call(data, 1.0, random.Random(1)).body == data


def test_only_a_call_with_a_key_is_signed_and_never_the_challenge() -> None:
    rng = random.Random(1)
    assert set(Seal(encrypt_key=KEY).call(b"{}", 1_790_000_000.9, rng).headers) == {
        "Content-Type",
        "X-Lark-Request-Timestamp",
        "X-Lark-Request-Nonce",
        "X-Lark-Signature",
    }
    for call in (
        Seal().call(b"{}", 1.0, rng),
        Seal(encrypt_key=KEY).call(b"{}", 1.0, rng, signed=False),
        Seal(encrypt_key=KEY).challenge("c", 1.0, rng),
    ):
        assert set(call.headers) == {"Content-Type"}
    body = Seal(encrypt_key=KEY, verification_token=TOKEN).challenge("c", 1.0, rng).body
    assert unsealed(body) == {"challenge": "c", "token": TOKEN, "type": "url_verification"}


def test_secrets_are_not_shown() -> None:
    assert repr(Seal(encrypt_key=KEY, verification_token=TOKEN)) == "Seal()"


# Again and again.


class Called:
    """A webhook of the first app, whose calls the test answers."""

    def __init__(self, **rules: Any) -> None:
        self.world = World(**rules)
        self.gateway = self.world.gateway
        self.hook = Webhook(self.gateway, APP, Seal(encrypt_key=KEY, verification_token=TOKEN))
        self.gateway.webhooks[APP] = self.hook

    def push(self, event_type: str = "im.message.receive_v1", now: float = 0.0) -> Pushed:
        message = {"message_id": "om_1", "chat_id": "oc_1"}
        header = {"event_id": "e1", "event_type": event_type, "token": ""}
        letter = letter_of({"schema": "2.0", "header": header, "event": {"message": message}})
        return self.gateway.push(APP, letter, now)

    def answer(self, reply: HookReply, now: float) -> None:
        """End the one call that is to be made now."""
        [attempt] = self.hook.take()
        self.hook.ended(attempt, reply, now)

    def times(self, pushed: Pushed) -> list[float]:
        return [delivery.at for delivery in self.gateway.ledger.record(pushed).deliveries]


def test_an_event_is_taken_with_200() -> None:
    called = Called()
    pushed = called.push()
    assert called.hook.is_stirred
    called.answer(TAKEN, 0.1)
    assert not called.hook.is_stirred
    record = called.gateway.ledger.record(pushed)
    assert (record.settled, [ack.code for ack in record.acks], called.gateway.deadline()) == (True, [200], None)
    assert [attempt.reply for attempt in called.hook.attempts] == [TAKEN]


@pytest.mark.parametrize("failure", [HookReply(500), HookReply(404), HookReply(302), NO_REPLY], ids=lambda r: r.status)
def test_everything_else_is_called_for_again_by_the_ladder(failure: HookReply) -> None:
    called = Called()
    pushed, now = called.push(), 0.0
    for wait in (15.0, 300.0, 3600.0, 21600.0):
        called.answer(failure, now)
        assert called.gateway.deadline() == now + wait
        now += wait
        called.gateway.tick(now)
    called.answer(failure, now)
    record = called.gateway.ledger.record(pushed)
    assert (called.gateway.deadline(), record.given_up, record.settled) == (None, True, False)
    assert called.times(pushed) == [0.0, 15.0, 315.0, 3915.0, 25515.0]
    summary = called.gateway.ledger.summary()
    assert (summary.redelivered, summary.refused, summary.acked) == (1, 5 if failure.status else 0, 0)


def test_each_call_is_sealed_anew_and_says_the_same() -> None:
    called = Called()
    called.push()
    called.answer(NO_REPLY, 0.0)
    called.gateway.tick(15.0)
    first, second = (attempt.call for attempt in called.hook.attempts)
    assert first.body != second.body
    assert unsealed(first.body) == unsealed(second.body)
    stamps = [int(call.headers["X-Lark-Request-Timestamp"]) for call in (first, second)]
    assert stamps == [1_790_000_000, 1_790_000_015]


def test_an_event_can_be_called_for_once_more() -> None:
    called = Called()
    pushed = called.push()
    called.answer(TAKEN, 0.0)
    assert called.gateway.push_again(pushed, 5.0)
    called.answer(TAKEN, 5.0)
    assert called.times(pushed) == [0.0, 5.0]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (HookReply(200, b'{"toast": {"type": "info", "content": "done"}}'), 0),
        (HookReply(200, b"{}"), 0),
        (HookReply(200, b""), 200340),
        (HookReply(500, b"{}"), 200340),
        (HookReply(200, b'{"toast": "done"}'), 200672),
        (NO_REPLY, 200341),
    ],
    ids=["toast", "nothing", "empty", "failed", "misshapen", "late"],
)
def test_a_press_is_called_for_once_and_whoever_pressed_sees_what_came(reply: HookReply, code: int) -> None:
    called = Called()
    pushed = called.push("card.action.trigger")
    called.answer(reply, 1.0)
    callback = called.gateway.deliveries.callbacks[pushed.number]
    assert (callback.code, callback.answered_at, called.gateway.deadline()) == (code, 1.0, None)
    assert callback.toast == ("done" if b"info" in reply.body else "")


def test_nobody_is_called_for_presses_who_did_not_ask_for_them() -> None:
    called = Called(callbacks_off=True)
    pushed = called.push("card.action.trigger")
    assert not called.hook.is_stirred
    assert called.gateway.deliveries.callbacks[pushed.number].code == 200340
