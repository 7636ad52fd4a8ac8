"""HTTP beside the WebSocket of our gateway, held against what two real ones answered."""

import json
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from tests.platforms.openclaw.caller import TOKEN, World
from tests.platforms.openclaw.replaying import DATA, PERSONALITIES
from tests.platforms.openclaw.talking import provider
from trio_bridge.platforms.openclaw.gateway.script import Fail, Hold, Pause, Retake, Say

BOTH = pytest.mark.parametrize("protocol", [3, 4])
COMPLETIONS = "/v1/chat/completions"


@attrs.define
class Exchange:
    """One recorded request and what came back."""

    request: Any
    status: int = 0
    headers: Any = None
    body: str = ""
    events: list[str] = attrs.Factory(list)


def exchanges(release: str) -> dict[str, Exchange]:
    found: dict[str, Exchange] = {}
    for line in (DATA / "http.jsonl").read_text(encoding="utf-8").splitlines():
        each = json.loads(line)
        if each["gateway"] != release:
            continue
        if each["dir"] == "send":
            found[each["case"]] = Exchange(each)
        elif "sse_line" in each:
            found[each["case"]].events.append(each["sse_line"])
        else:
            exchange = found[each["case"]]
            exchange.status, exchange.headers, exchange.body = each["status"], each["headers"], each.get("body", "")
    return found


RECORDED = {release: exchanges(release) for release in PERSONALITIES}
CASES = [(release, case) for release in sorted(RECORDED) for case in RECORDED[release]]

# The client left in the middle of it: there is no whole answer to compare.
BROKEN_OFF = "http/disconnect-mid-stream"


def replay(release: str, case: str) -> tuple[Exchange, Any]:
    recorded = RECORDED[release][case]
    world = World(PERSONALITIES[release])
    world.turns.responder = provider(PERSONALITIES[release])
    request = recorded.request
    headers = {name.replace("-", "_"): value for name, value in request["headers"].items()}
    secret = headers.pop("authorization", "").removeprefix("Bearer ")
    token = {"": "", "nope": "Bearer nope"}.get(secret, f"Bearer {TOKEN}")
    answer = world.post(request["path"], request["body"], method=request["method"], **headers, authorization=token)
    world.wait(200)
    return recorded, answer


def events(lines: list[str]) -> Iterator[Any]:
    for line in lines:
        data = line.removeprefix("data: ")
        yield data if data == "[DONE]" else json.loads(data)


def plain(value: Any) -> Any:
    """Without ids, times and counts."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items() if name not in ("id", "created", "prompt_tokens")} | (
            {"id": value["id"].partition("_")[0]} if str(value.get("id")).startswith("chatcmpl") else {}
        )
    return [plain(each) for each in value] if isinstance(value, list) else value


def chunks(lines: list[str]) -> list[Any]:
    """The events of a stream, with all of the text in one."""
    found: list[Any] = []
    for event in events(lines):
        delta = event["choices"][0]["delta"] if isinstance(event, dict) and event.get("choices") else {}
        before = found[-1]["choices"][0]["delta"] if found and isinstance(found[-1], dict) and delta else {}
        if "content" in delta and "content" in before:
            before["content"] += delta["content"]
        else:
            found.append(event)
    return [plain(each) for each in found if not (isinstance(each, dict) and "usage" in each)]


@pytest.mark.parametrize(("release", "case"), CASES)
def test_a_request_is_answered_as_it_was(release, case):
    recorded, answer = replay(release, case)
    body = b"".join(answer.pieces).decode()
    assert (answer.ended, answer.status) == (True, recorded.status)
    content_type = dict(answer.headers)["Content-Type"]
    assert content_type == recorded.headers["content-type"]
    if case == BROKEN_OFF:
        return
    if recorded.events:
        ours = [line for line in body.split("\n") if line]
        silent = "silent" in case and PERSONALITIES[release] == 4
        said, recorded_chunks = chunks(ours), chunks(recorded.events)
        if silent:  # asked again, a model may say anything
            assert len(said) == len(recorded_chunks)
        else:
            assert said == recorded_chunks
    elif content_type.startswith("application/json"):
        ours, theirs = (json.loads(text) for text in (body, recorded.body))
        for each in (ours, theirs):
            each.pop("usage", None)
        if "silent" in case and PERSONALITIES[release] == 4:
            assert plain(ours).keys() == plain(theirs).keys()
        else:
            assert plain(ours) == plain(theirs)
    else:
        assert body == recorded.body


@BOTH
def test_usage_is_told_to_those_who_ask_for_it(protocol):
    world = World(protocol)
    body = {"model": "openclaw", "messages": [{"role": "user", "content": "one two"}], "stream": True}
    for options, told in (({}, False), ({"stream_options": {"include_usage": True}}, True)):
        answer = world.post(COMPLETIONS, {**body, **options})
        world.wait(1)
        usages = [each["usage"] for each in streamed(answer) if isinstance(each, dict) and "usage" in each]
        assert bool(usages) == told
        if told:
            assert usages == [{"prompt_tokens": 2, "completion_tokens": 4, "total_tokens": 6}]


def streamed(answer: Any) -> list[Any]:
    return list(events([line for line in b"".join(answer.pieces).decode().split("\n") if line]))


@BOTH
def test_a_stream_grows_when_the_script_says(protocol):
    world = World(protocol)
    world.answering([Pause(1), Say("one"), Pause(1), Say(" two"), Hold(), Say(" three")])
    answer = world.post(COMPLETIONS, {"messages": [{"role": "user", "content": "x"}], "stream": True})
    assert (answer.status == 200) == (protocol == 4)
    told = []
    for _ in range(4):
        world.wait(0.6)
        told.append(sum("content" in each["choices"][0]["delta"] for each in streamed(answer)))
    assert told == [0, 1, 1, 2]
    world.release()
    assert streamed(answer)[-1] == "[DONE]"


@BOTH
def test_whoever_leaves_aborts_the_run(protocol):
    world = World(protocol)
    world.answering([Say("half"), Hold()])
    answer = world.post(COMPLETIONS, {"messages": [{"role": "user", "content": "x"}], "user": "me"})
    world.wait(1)
    (run,) = world.turns.running()
    assert run.session.key == "agent:main:openai-user:me"
    answer.when_left()
    world.wait(1)
    assert run.standing == "aborted"
    assert answer.status is None


@BOTH
def test_whoever_leaves_before_the_turn_comes_aborts_it_when_it_comes(protocol):
    world = World(protocol)
    world.answering([Say("first"), Hold()], [Say("second"), Hold()])
    body = {"messages": [{"role": "user", "content": "x"}], "user": "me"}
    first = world.post(COMPLETIONS, body)
    world.wait(1)
    second = world.post(COMPLETIONS, body)
    world.wait(1)
    second.when_left()
    world.release()
    world.wait(1)
    assert first.ended
    assert list(world.turns.running()) == []


@BOTH
def test_a_second_request_in_a_session_waits_for_the_first(protocol):
    world = World(protocol)
    world.answering([Say("first"), Hold()], "second")
    body = {"messages": [{"role": "user", "content": "x"}], "user": "me"}
    first, second = world.post(COMPLETIONS, body), world.post(COMPLETIONS, body)
    world.wait(1)
    assert (first.ended, second.ended) == (False, False)
    world.release()
    world.wait(1)
    contents = [json.loads(b"".join(each.pieces))["choices"][0]["message"]["content"] for each in (first, second)]
    assert contents == ["first", "second"]


@BOTH
def test_a_gateway_that_dies_breaks_answers_off_and_takes_none_of_them_up(protocol):
    world = World(protocol)
    world.answering([Say("half"), Hold()], [Say("half"), Hold()])
    answers = [
        world.post(COMPLETIONS, {"messages": [{"role": "user", "content": "x"}], "stream": stream})
        for stream in (False, True)
    ]
    world.wait(1)
    world.restart()
    assert [(each.ended, each.broken) for each in answers] == [(False, True)] * 2
    world.wait(100)
    assert len(world.turns.asked) == 2


@BOTH
def test_a_run_that_somebody_aborts_ends_its_answer(protocol):
    world = World(protocol)
    client = world.client()
    world.answering([Say("half"), Hold()], [Say("half"), Hold()])
    for stream in (False, True):
        body = {"messages": [{"role": "user", "content": "x"}], "user": "me", "stream": stream}
        answer = world.post(COMPLETIONS, body)
        world.wait(1)
        client.call("sessions.abort", key="openai-user:me")
        assert answer.ended
        assert b"half" in b"".join(answer.pieces)
        world.wait(1)


def test_text_that_is_taken_back_can_only_be_said_behind_it():
    world = World(4)
    world.answering([Say("wrong"), Retake("right")])
    answer = world.post(COMPLETIONS, {"messages": [{"role": "user", "content": "x"}], "stream": True})
    world.wait(1)
    deltas = [each["choices"][0]["delta"] for each in streamed(answer) if isinstance(each, dict)]
    assert [each["content"] for each in deltas if "content" in each] == ["wrong", "right"]


@BOTH
def test_a_failure_is_answered_when_the_gateway_gives_up(protocol):
    world = World(protocol)
    world.answering([Fail(after=20)])
    answer = world.post(COMPLETIONS, {"messages": [{"role": "user", "content": "x"}]})
    world.wait(19)
    assert answer.status is None
    world.wait(2)
    assert answer.status == {3: 500, 4: 502}[protocol]


@BOTH
@pytest.mark.parametrize(
    ("messages", "asked"),
    [
        ([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}], "a\nb"),
        ([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "a"),
        ([{"role": "user", "content": "a"}, {"role": "user", "content": [{"type": "image_url"}]}], "a"),
        ([{"role": "user", "content": ["a", 7]}, "b"], None),
        ([{"role": "user"}], None),
        ("hello", None),
    ],
)
def test_the_question_is_what_the_user_said_last(protocol, messages, asked):
    world = World(protocol)
    answer = world.post(COMPLETIONS, {"messages": messages})
    world.wait(1)
    assert answer.status == (400 if asked is None else 200)
    assert [each.text for each in world.turns.asked] == ([] if asked is None else [asked])


@BOTH
def test_the_agent_is_named_by_the_model_or_by_a_header(protocol):
    world = World(protocol)
    world.rooms.sessions.agents.append("support")
    messages = [{"role": "user", "content": "x"}]
    for body, headers in (
        ({"model": "openclaw/support"}, {}),
        ({"model": "openclaw:support"}, {}),
        ({"model": "agent:support"}, {}),
        ({"model": "openclaw"}, {"x_openclaw_agent_id": "support"}),
    ):
        assert world.post(COMPLETIONS, {**body, "messages": messages}, **headers).status in (200, None)
    world.wait(1)
    assert {each.session_key.split(":")[1] for each in world.turns.asked} == {"support"}
    assert world.post(COMPLETIONS, {"model": 7, "messages": messages}).status == 400


@BOTH
def test_a_body_that_is_no_json_is_refused(protocol):
    world = World(protocol)
    answer = world.post(COMPLETIONS, None)
    assert answer.status == 400


def test_failed_logins_are_answered_later_and_later_on_4():
    world = World(4)
    waits = []
    for _ in range(4):
        answer, begun = world.post("/v1/models", None, method="GET", authorization="Bearer wrong"), world.now
        while answer.status is None:
            world.wait(0.05)
        waits.append(round(world.now - begun, 2))
        assert answer.status == 401
    assert waits == sorted(waits)
    assert waits[0] < waits[-1]


@BOTH
def test_health_is_told_to_everybody_and_readiness_when_it_is_there(protocol):
    world = World(protocol)
    world.gateway.handshake.starting = True
    for path, starting, ready in (("/health", 200, 200), ("/ready", 503, 200)):
        world.gateway.handshake.starting = True
        assert world.post(path, None, method="GET", authorization="").status == starting
        world.gateway.handshake.starting = False
        assert world.post(path, None, method="GET", authorization="").status == ready


@BOTH
def test_completions_must_be_enabled(protocol):
    world = World(protocol)
    world.rooms.door.completions_enabled = False
    assert world.post(COMPLETIONS, {"messages": []}).status == 404
    assert world.post("/nowhere", None).status == 404
