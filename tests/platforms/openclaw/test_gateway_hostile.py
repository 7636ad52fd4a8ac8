"""Whatever a client sends, the gateway answers or is silent, and everybody else is served."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_bridge.platforms.openclaw.gateway.connecting import Caller
from trio_bridge.platforms.openclaw.gateway.gateway import Gateway
from trio_bridge.platforms.openclaw.gateway.settings import Settings

SECRET = "a-secret-that-nobody-guesses"
CONNECT = {
    "minProtocol": 3,
    "maxProtocol": 4,
    "client": {"id": "gateway-client", "version": "1", "platform": "linux", "mode": "backend"},
    "scopes": ["operator.admin"],
    "auth": {"token": SECRET},
}
METHODS = ("health", "status", "config.get", "device.pair.list", "device.pair.approve", "device.pair.reject")
METHODS += ("device.pair.remove", "device.token.rotate", "device.token.revoke", "connect", "no.such", "system-presence")

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def gateway_of(protocol=4):
    gateway = Gateway(Settings(protocol=protocol, token=SECRET))
    gateway.start(0.0)
    return gateway


def stranger(gateway):
    connection = gateway.upgrade(Caller(), gateway.now)
    connection.take()
    return connection


def heard(connection):
    return [json.loads(text) for text in connection.take()]


def say(gateway, connection, method, params, own_id="1"):
    frame = json.dumps({"type": "req", "id": own_id, "method": method, "params": params})
    gateway.receive(connection, [frame], gateway.now)
    return heard(connection)


def peer(gateway):
    connection = stranger(gateway)
    (hello,) = say(gateway, connection, "connect", CONNECT)
    assert hello["ok"], hello
    return connection


@given(st.text() | st.binary() | values.map(json.dumps))
def test_no_first_frame_does_harm(frame):
    gateway = gateway_of()
    connection = stranger(gateway)
    gateway.receive(connection, [frame], 0.0)
    assert connection.ending is not None
    peer(gateway)


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from([*CONNECT, "role", "caps", "device", "bogus"]), values, max_size=5))
def test_no_connect_does_harm(changes):
    gateway = gateway_of()
    connection = stranger(gateway)
    answers = say(gateway, connection, "connect", {**CONNECT, **changes})
    gateway.tick(10.0)
    answers += heard(connection)
    assert len(answers) == 1
    assert answers[0]["ok"] is (connection.ending is None)
    assert SECRET not in json.dumps(answers)


@given(values, st.sampled_from([3, 4]))
def test_what_is_no_request_is_answered_and_nothing_more(value, protocol):
    gateway = gateway_of(protocol)
    connection = peer(gateway)
    gateway.receive(connection, [json.dumps(value)], 0.0)
    (answer,) = heard(connection)
    assert (answer["type"], answer["ok"]) == ("res", False)
    assert answer["error"]["message"].startswith("invalid request frame: ")
    assert connection.ending is None


@given(st.text() | st.binary())
def test_what_is_no_json_is_not_even_answered(frame):
    gateway = gateway_of()
    connection = peer(gateway)
    try:
        json.loads(frame)
    except ValueError:
        gateway.receive(connection, [frame, b"\x00"], 0.0)
        assert (heard(connection), connection.ending) == ([], None)


@settings(max_examples=200)
@given(st.sampled_from(METHODS), values)
def test_no_parameters_do_harm(method, params):
    gateway = gateway_of()
    connection = peer(gateway)
    (answer,) = say(gateway, connection, method, params)
    assert answer["id"] == "1"
    assert connection.ending is None


@pytest.mark.parametrize("depth", [10_000, 200_000])
def test_deep_nesting_is_no_request(depth):
    gateway = gateway_of()
    connection = peer(gateway)
    gateway.receive(connection, ["[" * depth], 0.0)
    assert connection.ending is None
    assert say(gateway, connection, "health", {})[0]["ok"]


def test_secrets_are_not_shown():
    settings_ = Settings(token=SECRET, password=SECRET)
    gateway = gateway_of()
    peer(gateway)
    assert SECRET not in repr(settings_)
    assert SECRET not in repr(gateway.asked)


def test_a_frame_after_the_close_is_not_heard():
    gateway = gateway_of()
    connection = peer(gateway)
    gateway.answers.close(connection, 1000)
    assert say(gateway, connection, "health", {}) == []
    gateway.lost(connection)
    gateway.lost(connection)
    assert gateway.connections() == ()
    assert say(gateway, connection, "health", {}) == []
