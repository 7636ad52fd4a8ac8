"""Whatever a client sends to a method of our gateway, it gets an answer, and the gateway lives on."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.platforms.openclaw.caller import World
from trio_bridge.platforms.openclaw.gateway import approvals, chat, checkpoints, histories, session_methods, shelf
from trio_bridge.platforms.openclaw.gateway.params import Shape

# What each method takes: most of what is drawn must come through the first check to find anything behind it.
SHAPES = {
    shape.method: shape
    for module in (approvals, chat, checkpoints, histories, session_methods, shelf)
    for shape in vars(module).values()
    if isinstance(shape, Shape)
}
DECIDING = {"id": str, "kind": str, "decision": str}
KEYS = ["main", "agent:main:x", "agent", "agent:", ":", "", " ", "agent:nobody:x", "Ü" * 600]
WORDS = ["exec", "plugin", "deny", "allow-once", "always", "k1", "k2", "/new", "/stop", "/reset x", "interrupt"]
TEXTS = st.sampled_from([*KEYS, *WORDS, "\ud800"])
VALUES = {
    str: TEXTS,
    int: st.sampled_from([-1, 0, 1, 7, 1500, -(2**63), 2**63, 10**400]),
    bool: st.booleans(),
    list: st.lists(
        TEXTS
        | st.none()
        | st.integers()
        | st.dictionaries(st.sampled_from(["type", "fileName", "mimeType", "content"]), TEXTS | st.integers()),
        max_size=2,
    ),
}
ANYTHING = st.none() | st.booleans() | st.integers() | TEXTS | st.lists(st.none(), max_size=1)


def names_of(method):
    """The parameters that a method takes, with their types."""
    shape = SHAPES.get(method)
    return DECIDING if shape is None else {**shape.required, **shape.optional}


def required_of(method):
    return SHAPES[method].required if method in SHAPES else DECIDING


@st.composite
def calls(draw, protocol):
    method = draw(st.sampled_from(METHODS[protocol]))
    names = names_of(method)
    params = {name: draw(VALUES[kind] if draw(st.integers(0, 9)) else ANYTHING) for name, kind in names.items()}
    dropped = draw(st.sets(st.sampled_from(sorted(names)))) if names and draw(st.booleans()) else set()
    return method, {name: value for name, value in params.items() if name not in dropped}


METHODS = {
    protocol: sorted(name for room in World(protocol).rooms.all for name in room.methods()) for protocol in (3, 4)
}
SLOW = (".request", ".wait", ".waitDecision")


@pytest.mark.parametrize("value", [-(2**63), -1, 0, 2**63, 10**400], ids=["least", "minus", "none", "much", "huge"])
@pytest.mark.parametrize("protocol", [3, 4])
def test_every_number_is_taken_or_refused(protocol, value):
    world = World(protocol)
    client = world.client()
    client.say("hello", "k1")
    for method in METHODS[protocol]:
        names = names_of(method)
        numbers = dict.fromkeys((name for name, kind in names.items() if kind is int), value)
        needed = {name: ["main"] if names[name] is list else "main" for name in names if name in required_of(method)}
        own_id = client.send(method, **needed, **numbers)
        client.wait(1)
        assert own_id in client.answers or method.endswith(SLOW)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_call_is_answered(data):
    protocol = data.draw(st.sampled_from([3, 4]))
    world = World(protocol)
    client = world.client()
    asked = [client.send(method, **params) for method, params in data.draw(st.lists(calls(protocol), max_size=15))]
    client.wait(100)
    assert all(own_id in client.answers or client.methods[own_id].endswith(SLOW) for own_id in asked)
    assert client.call("sessions.list")["count"] >= 0


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.booleans() | st.sampled_from(["user", "text", "openclaw", "hello", "\ud800"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.fixed_dictionaries({}, optional={"messages": inner, "role": inner, "content": inner, "model": inner})
            | st.fixed_dictionaries(
                {}, optional={"stream": inner, "user": inner, "stream_options": inner, "type": inner}
            )
        ),
        max_leaves=12,
    )
)
def test_every_body_is_answered(body):
    for protocol in (3, 4):
        world = World(protocol)
        answer = world.post("/v1/chat/completions", body)
        world.wait(10)
        assert (answer.ended, answer.status in (200, 400)) == (True, True)
        if answer.status == 400:
            assert json.loads(b"".join(answer.pieces))["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("protocol", [3, 4])
def test_half_a_character_comes_back_as_it_was(protocol):
    world = World(protocol)
    client = world.client()
    client.say("\ud800", "k1")
    client.wait(1)
    assert client.ends() == [("k1", "final", "you said \ud800")]
    answer = world.post("/v1/chat/completions", {"messages": [{"role": "user", "content": "\ud800"}]})
    world.wait(1)
    assert json.loads(b"".join(answer.pieces))["choices"][0]["message"]["content"] == "you said \ud800"
