"""The memory of what was said: nothing stands in it twice, and it never grows beyond its bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.platforms.openclaw.recorded import P3, P4, Desk, answers, events
from tests.platforms.openclaw.test_typed_asking import api_of
from trio_bridge import ConnectionLost, RequestFailed
from trio_bridge.platforms.openclaw.api.cache import CacheInfo, MessageCache
from trio_bridge.platforms.openclaw.api.history import History
from trio_bridge.platforms.openclaw.api.messages import ChatMessage
from trio_bridge.platforms.openclaw.frames import Event

T1 = "agent:main:bridge:t1"
MAIN = "agent:main:main"


def row(id_: str, text: str = "", *, role: str = "user", at: float = 0.0, run_id: str = "") -> dict[str, Any]:
    return {"role": role, "content": text, "timestamp": at * 1000, "__openclaw": {"id": id_, "runId": run_id}}


def message(id_: str, text: str = "", *, role: str = "user", at: float = 0.0, run_id: str = "") -> ChatMessage:
    return ChatMessage.of(row(id_, text, role=role, at=at, run_id=run_id))


def final(text: str, *, run_id: str = "run", at: float = 0.0, key: str = MAIN) -> Event:
    said = {"role": "assistant", "content": [{"type": "text", "text": text}], "timestamp": at * 1000}
    return Event("chat", {"sessionKey": key, "runId": run_id, "state": "final", "message": said})


def ids(cache: MessageCache, key: str = MAIN) -> list[str]:
    return [each.id for each in cache.messages(key)]


def texts(cache: MessageCache, key: str = MAIN) -> list[str]:
    return [each.text for each in cache.messages(key)]


@pytest.mark.parametrize("gateway", [P3, P4])
def test_what_was_heard_and_what_the_history_has_is_there_once(gateway: str) -> None:
    cache = MessageCache(10, 10**6)
    for name in ("session.message", "chat", "session.message"):
        for payload in events(gateway, name):
            cache.hear(Event(name, dict(payload)))
    assert texts(cache, T1) == ["ECHO via sessions.send", "via sessions.send "]
    assert all(ids(cache, T1))
    history = next(found for each in answers(gateway, "chat.history") if len((found := History.of(each)).messages) == 2)
    assert [each.role for each in cache.add(MAIN, history.messages)] == ["user"], "the answer was heard"
    assert cache.add(MAIN, history.messages) == []


def test_an_answer_gets_its_id_later_and_is_known_by_its_run() -> None:
    cache = MessageCache(10, 10**6)
    cache.hear(final("forty-two", run_id="r2", at=2))
    assert cache.add(MAIN, [message("b", "another text", role="assistant", at=2, run_id="r2")]) == []
    assert ids(cache) == ["b"]
    cache.hear(final("forty-two", run_id="r3", at=3))
    new = cache.add(MAIN, [message("c", "forty-two", role="assistant", at=3, run_id="r4")])
    assert [each.id for each in new] == ["c"], "another run said the same"
    assert ids(cache) == ["b", "", "c"]


def test_where_no_run_is_named_an_answer_is_known_by_what_it_says() -> None:
    cache = MessageCache(10, 10**6)
    cache.hear(final("yes", at=1))
    assert cache.add(MAIN, [message("a", "yes ", role="assistant", at=1)]) == []
    assert ids(cache) == ["a"]
    # The very row that the end is of may be told first.
    cache.hear(final("yes", at=1))
    assert ids(cache) == ["a"]
    cache.add(MAIN, [message("b", "really?", at=2)])
    cache.hear(final("yes", at=3))
    assert texts(cache) == ["yes ", "really?", "yes"]


def test_answers_that_say_the_same_are_told_apart_by_their_ids() -> None:
    cache = MessageCache(10, 10**6)
    for id_, at in (("a", 1), ("b", 2)):
        assert len(cache.add(MAIN, [message(id_, "yes", role="assistant", at=at)])) == 1
    assert ids(cache) == ["a", "b"]


def test_answers_without_an_id_are_told_apart_by_their_runs() -> None:
    cache = MessageCache(10, 10**6)
    for run_id, text, at in (("r1", "yes", 1), ("r2", "no", 2)):
        cache.hear(final(text, run_id=run_id, at=at))
    assert texts(cache) == ["yes", "no"]


def test_an_answer_is_no_question_that_says_the_same() -> None:
    cache = MessageCache(10, 10**6)
    cache.add(MAIN, [message("a", "yes", role="user", at=1)])
    cache.hear(final("yes", at=2))
    assert texts(cache) == ["yes", "yes"]


def test_a_question_is_no_answer_that_says_the_same() -> None:
    cache = MessageCache(10, 10**6)
    cache.hear(final("yes", at=1))
    assert len(cache.add(MAIN, [message("a", "yes", role="user", at=2)])) == 1


def test_messages_are_in_the_order_in_which_they_were_said() -> None:
    cache = MessageCache(10, 10**6)
    cache.add(MAIN, [message("d", at=4)])
    cache.add(MAIN, [message("b", at=2), message("c", at=3)])
    cache.add(MAIN, [message("a", at=1), message("e", at=5)])
    assert ids(cache) == ["a", "b", "c", "d", "e"]


def test_the_newer_form_of_a_message_stands() -> None:
    cache = MessageCache(10, 10**6)
    cache.add(MAIN, [message("a", "tpyo")])
    size = cache.info().bytes
    assert cache.add(MAIN, [message("a", "typo, mended")]) == []
    assert texts(cache) == ["typo, mended"]
    assert cache.info().bytes == size + len("typo, mended") - len("tpyo")


@pytest.mark.parametrize(
    "event",
    [
        Event("tick", {"ts": 1}),
        Event("chat", {"sessionKey": MAIN, "state": "delta", "message": {"role": "assistant", "content": "he"}}),
        Event("chat", {"sessionKey": MAIN, "state": "final"}),
        Event("chat", {"sessionKey": MAIN, "state": "final", "message": "hello"}),
        Event("chat", {"sessionKey": 5, "state": "final", "message": {"role": "assistant", "content": "hello"}}),
        Event("session.message", {"sessionKey": MAIN, "message": {"role": "user", "content": "hello"}}),
        Event("session.message", {"sessionKey": MAIN}),
        Event("session.message", {"message": row("a")}),
        Event("session.message", {}),
    ],
    ids=lambda event: event.name,
)
def test_what_is_no_message_is_not_kept(event: Event) -> None:
    cache = MessageCache(10, 10**6)
    cache.hear(event)
    assert cache.info() == CacheInfo()


def test_a_session_with_another_id_began_anew() -> None:
    cache = MessageCache(10, 10**6)
    cache.add(MAIN, [message("a")], session_id="one")
    cache.add(MAIN, [message("b")])
    cache.add(MAIN, [message("c")], session_id="one")
    assert sorted(ids(cache)) == ["a", "b", "c"]
    cache.add(MAIN, [message("d")], session_id="two")
    assert ids(cache) == ["d"]


def test_the_session_used_longest_ago_makes_room() -> None:
    cache = MessageCache(2, 10**6)
    for key in ("one", "two", "one", "three"):
        cache.add(key, [message("a")])
    assert [len(cache.messages(key)) for key in ("one", "two", "three")] == [1, 0, 1]
    assert cache.info().dropped == 1


def test_the_oldest_messages_of_a_session_make_room() -> None:
    cache = MessageCache(2, 10**6, messages=3)
    cache.add(MAIN, [message(str(each), at=each) for each in range(5)])
    assert ids(cache) == ["2", "3", "4"]
    assert cache.info().dropped == 2


def test_what_is_larger_than_everything_is_not_kept() -> None:
    cache = MessageCache(2, 300)
    cache.add("other", [message("a")])
    cache.add(MAIN, [message("b", "x" * 1000)])
    assert (cache.info().messages, cache.info().dropped) == (1, 1), "nothing makes room for it"
    cache.add(MAIN, [message("c")])
    assert (ids(cache), ids(cache, "other")) == (["c"], ["a"])


def test_what_is_nested_too_deeply_is_not_kept() -> None:
    nested: dict[str, Any] = {}
    for _ in range(100_000):
        nested = {"a": nested}
    cache = MessageCache(2, 10**6)
    cache.hear(Event("session.message", {"sessionKey": MAIN, "message": row("a") | {"more": nested}}))
    assert cache.info().messages == 0
    while nested:  # to end it in one go would be as deep
        nested = nested.pop("a")


def test_what_has_neither_an_id_nor_a_run_is_not_kept() -> None:
    cache = MessageCache(2, 10**6)
    for new in (2, 1):
        assert len(cache.add(MAIN, [message("", "who?"), message("a")])) == new
    assert ids(cache) == ["a"]


def test_forgetting() -> None:
    cache = MessageCache(5, 10**6)
    cache.add("one", [message("a")])
    cache.add("two", [message("b")])
    cache.clear("one")
    cache.clear("nobody")
    assert (cache.messages("one"), ids(cache, "two"), cache.info().sessions) == ((), ["b"], 1)
    cache.clear()
    assert cache.info() == CacheInfo()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["one", "two", "three"]),
            st.lists(st.tuples(st.sampled_from("abcdefg"), st.integers(0, 9), st.integers(0, 60)), max_size=4),
            st.sampled_from(["", "s1", "s2"]),
        ),
        max_size=12,
    )
)
def test_it_never_grows_beyond_its_bounds(calls: list[tuple[str, list[tuple[str, int, int]], str]]) -> None:
    cache = MessageCache(2, 600, messages=4)
    for key, said, session_id in calls:
        cache.add(key, [message(id_, "ä" * size, at=at) for id_, at, size in said], session_id=session_id)
        if said:
            cache.hear(final(said[0][0], at=said[0][1], key=key))
        kept = {each: cache.messages(each) for each in ("one", "two", "three")}
        info = cache.info()
        sizes = [len(json.dumps(each.raw, ensure_ascii=False).encode()) for rows in kept.values() for each in rows]
        assert info.bytes == sum(sizes) <= 600
        assert info.messages == len(sizes)
        assert info.sessions <= 2
        for rows in kept.values():
            named = [each.id for each in rows if each.id]
            assert len(named) == len(set(named))
            assert len(rows) <= 4
            assert [each.sent_at for each in rows] == sorted(each.sent_at or 0.0 for each in rows)


# After a gap


def page(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"sessionKey": MAIN, "sessionId": "s", "messages": list(rows), **more}


async def test_what_was_missed_is_what_the_cache_had_not() -> None:
    desk = Desk()
    api = api_of(desk)
    desk.answers["chat.history"] = page(row("a", at=1), row("b", at=2))
    assert [each.id for each in (await api.recover()).messages] == ["a", "b"]
    assert (await api.recover()).messages == ()
    running = {"runId": "r", "text": "so far"}
    desk.answers["chat.history"] = page(row("b", at=2), row("c", at=3), row("d", at=4), inFlightRun=running)
    found = await api.recover(limit=3)
    assert (found.session_key, [each.id for each in found.messages], found.complete) == (MAIN, ["c", "d"], True)
    assert found.running is not None
    assert found.running.text == "so far"
    assert [each.id for each in api.cached()] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("first", "more", "complete"),
    [
        ("c", {}, False),  # there may be any number before it
        ("c", {"hasMore": True}, False),
        ("b", {}, True),
        ("b", {"hasMore": True}, True),
    ],
)
async def test_a_gap_that_is_larger_than_an_answer_is_told(first: str, more: dict[str, Any], complete: bool) -> None:
    desk = Desk()
    api = api_of(desk)
    desk.answers["chat.history"] = page(row("a", at=1), row("b", at=2))
    await api.history()
    # What is told while nobody has asked yet does not hide that there is a gap before it.
    api._cache.hear(Event("session.message", {"sessionKey": MAIN, "message": row("z", at=9)}))
    desk.answers["chat.history"] = page(row(first, at=3), row("y", at=8), row("z", at=9), **more)
    assert (await api.recover(limit=3)).complete is complete


async def test_a_history_that_is_shorter_than_it_may_be_is_whole() -> None:
    desk = Desk()
    api = api_of(desk)
    desk.answers["chat.history"] = page()
    assert (await api.recover()).complete
    desk.answers["chat.history"] = page(row("a"))
    assert (await api.recover()).complete
    desk.answers["chat.history"] = page(row("b"), hasMore=True)
    assert not (await api.recover()).complete


@pytest.mark.parametrize("error", [RequestFailed("no such agent"), ConnectionLost("gone")], ids=["refused", "lost"])
async def test_what_could_not_be_recovered_is_raised(error: Exception) -> None:
    desk = Desk()
    desk.answers["chat.history"] = error
    with pytest.raises(type(error)):
        await api_of(desk).recover()


async def test_the_cache_through_the_api() -> None:
    desk = Desk()
    api = api_of(desk)
    desk.answers["chat.history"] = page(row("a"))
    await api.history("main")
    assert [each.id for each in api.cached("agent:main:main")] == ["a"]
    assert (api.cache_info().sessions, api.cache_info().messages) == (1, 1)
    await api.history("other")
    api.clear_cache("MAIN")
    assert (api.cached(), len(api.cached("other"))) == ((), 1)
    api.clear_cache()
    assert api.cache_info() == CacheInfo()
