"""What other programs that are called by Feishu are known to get wrong. Each of these tests failed for one of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from tests.platforms.feishu.calls import (
    KEY,
    NOW,
    TOKEN,
    Answered,
    Doorstep,
    call,
    config,
    encrypted,
    event,
    names,
    question,
    signed,
    webhook,
)


async def knock(body: bytes, headers: dict[str, str | bytes] | None = None, door: Doorstep | None = None) -> Answered:
    hook = webhook()
    with hook.opened(door or Doorstep()):
        return await call(hook, body, headers)


@pytest.mark.parametrize(
    ("at", "status"),
    [
        (int(NOW) - 300, 200),
        (int(NOW) + 300, 200),
        (int(NOW) - 301, 401),
        (int(NOW) + 301, 401),
        (int(NOW) * 1000, 401),
        ("1", 401),
        ("-1795161745", 401),
        ("+1795161745", 401),
        ("1795161745.0", 401),
        ("１７９５１６１７４５", 401),
        ("yesterday", 401),
        ("", 401),
        ("9" * 5000, 401),
    ],
    ids=lambda value: str(value)[:16],
)
async def test_trap_20_a_signature_of_another_time_is_none(at: object, status: int) -> None:
    body = encrypted(event())
    assert (await knock(body, signed(body, at=at))).status == status


async def test_trap_20_how_old_a_call_may_be_can_be_set() -> None:
    hook, body = webhook(config(webhook_window=60.0)), encrypted(event())
    with hook.opened(Doorstep()):
        assert (await call(hook, body, signed(body, at=int(NOW) - 60))).status == 200
        assert (await call(hook, body, signed(body, at=int(NOW) - 61))).status == 401


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(event(), indent=2).encode(),
        json.dumps(event(tenant_key="企业")).encode(),
        json.dumps(event(tenant_key="企业"), ensure_ascii=False).encode(),
        json.dumps(event(number=1.0)).encode(),
        b"\n " + encrypted(event()) + b"\n",
    ],
    ids=["indented", "escaped", "unescaped", "one point zero", "space around"],
)
async def test_trap_21_what_is_signed_are_the_bytes_that_came(body: bytes) -> None:
    door = Doorstep()
    assert (await knock(body, door=door)).status == 200
    assert names(door.taken) == ["e1"]


@pytest.mark.parametrize("change", [b"\n", b" "], ids=["newline", "space"])
async def test_trap_21_a_byte_more_breaks_the_signature(change: bytes) -> None:
    body = encrypted(event())
    door = Doorstep()
    assert (await knock(body + change, signed(body), door)).status == 401
    assert door.taken == []


@pytest.mark.parametrize("wrap", [encrypted, lambda value: json.dumps(value).encode()], ids=["encrypted", "plain"])
@pytest.mark.parametrize("token", ["", "nope", TOKEN.upper(), TOKEN + "\0", None, 5, ["x"], "签"], ids=repr)
async def test_trap_22_every_call_needs_the_token(token: Any, wrap: Any) -> None:
    older = {"uuid": "u1", "token": token, "type": "event_callback", "event": {"type": "message"}}
    door = Doorstep()
    for said in (event(token=token), older, question(token=token)):
        assert (await knock(wrap(said), door=door)).status == 403
    newer = event()
    del newer["header"]["token"]
    assert (await knock(wrap(newer), door=door)).status == 403
    assert door.taken == []


async def test_trap_22_the_right_token_in_the_wrong_place_is_none() -> None:
    said = event(token="nope")
    assert (await knock(encrypted({**said, "token": TOKEN}))).status == 403


@pytest.mark.parametrize("challenge", ['a"b\\c', "", "片片 😀", "{}", "\u2028", '"}, {"'], ids=ascii)
async def test_trap_23_the_challenge_comes_back_as_it_is(challenge: str) -> None:
    assert (await knock(encrypted(question(challenge)))).json == {"challenge": challenge}


@pytest.mark.parametrize("inside", [5, None, {}, [], "", "%", "a" * 31, "AAAA" * 11, "é"], ids=repr)
async def test_trap_24_what_can_not_be_decrypted_is_refused_and_the_next_call_answered(inside: Any) -> None:
    body = json.dumps({"encrypt": inside}).encode()
    hook = webhook()
    with hook.opened(Doorstep()):
        assert (await call(hook, body)).status == 400
        assert (await call(hook, body, {})).status == 401
        assert (await call(hook, encrypted(event()))).status == 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
envelopes = st.fixed_dictionaries(
    {},
    optional={
        "schema": json_values,
        "header": json_values
        | st.fixed_dictionaries({"token": st.just(TOKEN)}, optional={"event_id": json_values, "app_id": json_values}),
        "event": json_values,
        "uuid": json_values,
        "type": st.just("url_verification") | json_values,
        "token": st.just(TOKEN) | json_values,
        "challenge": json_values,
        "encrypt": json_values,
    },
)
bodies = st.one_of(
    st.binary(max_size=200),
    json_values.map(lambda value: json.dumps(value).encode()),
    envelopes.map(lambda value: json.dumps(value).encode()),
    envelopes.map(encrypted),
    st.integers(0, 10_000).map(lambda depth: b"[" * depth),
)
headers = st.dictionaries(
    st.sampled_from(["X-Lark-Signature", "X-Lark-Request-Timestamp", "X-LARK-REQUEST-NONCE", "content-type", "x"]),
    st.binary(max_size=40) | st.text(max_size=20),
)


@given(bodies, headers | st.none(), st.sampled_from(["POST"] * 8 + ["GET", "HEAD", "PATCH", "\xff"]))
def test_trap_24_no_call_breaks_the_server(body: bytes, said: dict[str, str | bytes] | None, method: str) -> None:
    async def main() -> None:
        hook = webhook()
        with hook.opened(Doorstep()):
            answered = await call(hook, body, said, method=method)
            assert answered.status in {200, 400, 401, 403, 405, 413, 415}
            assert (await call(hook, encrypted(event()))).status == 200

    trio.run(main)


@pytest.mark.parametrize("change", [str.lower, str.upper, str.swapcase], ids=["lower", "upper", "swapped"])
async def test_trap_25_names_of_headers_are_the_same_in_any_case(change: Any) -> None:
    body = encrypted(event())
    hook, door = webhook(), Doorstep()
    raw = [(change(name).encode(), str(value).encode()) for name, value in signed(body, key=KEY).items()]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    statuses = []

    async def send(sent: Any) -> None:
        statuses.append(sent.get("status"))

    with hook.opened(door):
        await hook({"type": "http", "method": "POST", "path": "/", "headers": raw}, receive, send)
    assert statuses == [200, None]
