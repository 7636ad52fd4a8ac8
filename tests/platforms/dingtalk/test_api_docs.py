"""Documents by ``account.api``, and the union ids that they need."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

import trio_bridge as tb
from tests.platforms.dingtalk.stage import Stage, simulated
from trio_bridge.dingtalk import DingTalkApi, Doc, Node
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.dingtalk.api import users
from trio_bridge.platforms.dingtalk.codes import DOC_SEARCH, OLD_TOKEN, USER

SPACE = "/v1.0/doc/spaces/space1"
BLOCKS = "/v1.0/doc/documents/doc0001/blocks/root/children"
NODE = "/v2.0/wiki/nodes/doc0001"
NO_SCOPE = Answer(
    status=403,
    body='{"code":"Forbidden.AccessDenied.AccessTokenPermissionDenied",'
    '"accessdenieddetail":{"requiredScopes":["Document.Read"]}}',
)
THROTTLED = Answer(status=403, body='{"code":"Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"}')

Ask = Callable[[DingTalkApi], Awaitable[Any]]
QUESTIONS: dict[str, tuple[str, Ask]] = {
    "info": (f"{SPACE}/docs/doc0001", lambda api: api.docs.info("space1", "doc0001")),
    "read": (NODE, lambda api: api.docs.read("doc0001", operator="ann")),
    "search": (DOC_SEARCH, lambda api: api.docs.search("plan")),
    "list": (f"{SPACE}/dentries", lambda api: api.docs.list("space1")),
    "union id": (USER, lambda api: api.users.union_id("ann")),
}
CHANGES: dict[str, tuple[str, Ask]] = {
    "create": (f"{SPACE}/docs", lambda api: api.docs.create("space1", "News")),
    "append": (BLOCKS, lambda api: api.docs.append("doc0001", "more")),
}
EVERYTHING = {**QUESTIONS, **CHANGES}


@asynccontextmanager
async def opened(**tuning: Any) -> AsyncIterator[tuple[Stage, DingTalkApi]]:
    """An account at the simulator, where there is one document."""
    async with simulated() as stage, stage.account(**tuning) as account:
        await account.wait_ready()
        stage.dingtalk.rest.docs.add("space1", "The plan", "first things first")
        yield stage, account.api


# Documents.


async def test_a_document_is_described(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (_, api):
        doc = await api.docs.info("space1", "doc0001")
        assert doc == Doc(id="doc0001", name="The plan", type="alidoc", updated_at="2026-01-01T00:00Z")
        assert doc.raw["title"] == "The plan"


async def test_a_node_is_read_on_behalf_of_somebody(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        node = await api.docs.read("doc0001", operator="ann")
        url = "https://alidocs.dingtalk.com/i/nodes/doc0001"
        assert node == Node(id="doc0001", name="The plan", category="ALIDOC", url=url, workspace_id="space1")
        assert node.raw["name"] == "The plan"
        await api.docs.read("doc0001", operator="ann")
        assert stage.dingtalk.rest.users.asked == ["ann"]


async def test_a_node_may_be_described_without_a_wrapping(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        stage.dingtalk.rest.scripts.add(NODE, Answer(body='{"name":"n","extra":1}'))
        node = await api.docs.read("doc0001", operator="ann")
        assert (node.id, node.name, node.raw) == ("doc0001", "n", {"name": "n", "extra": 1})


async def test_a_document_is_made_and_added_to(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        doc = await api.docs.create("space1", "News \ud800")
        assert (doc.id, doc.name, doc.type) == ("doc0002", "News \ufffd", "alidoc")
        await api.docs.append(doc.id, "one")
        await api.docs.append(doc.id, "two \ud800")
        stored = stage.dingtalk.rest.docs.stored["doc0002"]
        assert (stored.name, stored.paragraphs) == ("News \ufffd", ["one", "two \ufffd"])


async def test_an_id_may_be_called_otherwise(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        stage.dingtalk.rest.scripts.add(f"{SPACE}/docs", Answer(body='{"dentryUuid":"uuid1"}'))
        assert await api.docs.create("space1", "News") == Doc(id="uuid1", name="News", type="alidoc")


async def test_a_document_that_has_no_id_may_have_been_made(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        stage.dingtalk.rest.scripts.add(f"{SPACE}/docs", Answer(body='{"result":"?"}'))
        with pytest.raises(tb.OutcomeUnknown):
            await api.docs.create("space1", "News")


async def test_documents_are_found(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        stage.dingtalk.rest.docs.add("space2", "Another plan")
        assert [doc.name for doc in await api.docs.search("plan")] == ["The plan", "Another plan"]
        assert [doc.id for doc in await api.docs.search("plan", space_id="space2")] == ["doc0002"]
        assert [doc.id for doc in await api.docs.search("first things")] == ["doc0001"]
        assert await api.docs.search("nothing of the kind") == ()


async def test_a_space_is_listed(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        folder = stage.dingtalk.rest.docs.add("space1", "Folder", kind="folder")
        stage.dingtalk.rest.docs.add("space1", "Inside", parent=folder.id)
        assert [(doc.id, doc.name, doc.type) for doc in await api.docs.list("space1")] == [
            ("doc0001", "The plan", "alidoc"),
            (folder.id, "Folder", "folder"),
        ]
        assert [doc.name for doc in await api.docs.list("space1", parent_id=folder.id)] == ["Inside"]


async def test_lists_have_their_bounds(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        for number in range(60):
            stage.dingtalk.rest.docs.add("space1", f"plan {number}")
        assert (len(await api.docs.list("space1")), len(await api.docs.search("plan"))) == (50, 20)


async def test_a_list_that_is_not_there_is_empty(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        stage.dingtalk.rest.scripts.add(f"{SPACE}/dentries", Answer(body="{}"))
        assert await api.docs.list("space1") == ()


@pytest.mark.parametrize("body", ['{"items":{}}', '{"items":[1]}', '{"items":null}'])
async def test_a_list_that_is_none_is_an_error(autojump_clock: trio.abc.Clock, body: str) -> None:
    async with opened() as (stage, api):
        stage.dingtalk.rest.scripts.add(DOC_SEARCH, Answer(body=body))
        with pytest.raises(tb.RemoteProtocolError):
            await api.docs.search("plan")


async def test_a_node_that_is_no_object_is_an_error(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        stage.dingtalk.rest.scripts.add(NODE, Answer(body='{"node":[]}'))
        with pytest.raises(tb.RemoteProtocolError):
            await api.docs.read("doc0001", operator="ann")


# What goes wrong.


@pytest.mark.parametrize(
    "ask",
    [
        lambda api: api.docs.info("space1", "doc9"),
        lambda api: api.docs.info("space9", "doc0001"),
        lambda api: api.docs.create("space9", "News"),
        lambda api: api.docs.create("space1", ""),
        lambda api: api.docs.append("doc9", "more"),
        lambda api: api.docs.append("doc0001", ""),
        lambda api: api.docs.search("plan", space_id="space9"),
        lambda api: api.docs.list("space9"),
        lambda api: api.docs.read("doc9", operator="ann"),
        lambda api: api.docs.read("doc0001", operator="nobody"),
        lambda api: api.users.union_id("nobody"),
    ],
)
async def test_what_is_not_there_raises(autojump_clock: trio.abc.Clock, ask: Ask) -> None:
    async with opened() as (stage, api):
        stage.dingtalk.rest.invalid_staff.add("nobody")
        with pytest.raises(tb.RequestFailed):
            await ask(api)


@pytest.mark.parametrize("name", ["", ".", "..", "../docs/doc0001", "a\\b"])
async def test_an_id_is_no_path(autojump_clock: trio.abc.Clock, name: str) -> None:
    async with opened() as (_, api):
        for ask in (api.docs.info("space1", name), api.docs.list(name), api.docs.append(name, "more")):
            with pytest.raises(tb.RequestFailed, match="no id"):
                await ask


async def test_an_id_may_hold_any_other_sign(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        stage.dingtalk.rest.docs.add("a?b#c %&测", "Odd", doc_id="=+;?x")
        assert (await api.docs.info("a?b#c %&测", "=+;?x")).name == "Odd"


@pytest.mark.parametrize("call", EVERYTHING)
@pytest.mark.parametrize(
    ("answer", "error"),
    [(NO_SCOPE, tb.RequestFailed), (THROTTLED, tb.RateLimited), (Answer(status=503), tb.RateLimited)],
    ids=["no scope", "throttled", "unavailable"],
)
async def test_a_refusal_is_raised_as_what_it_is(
    autojump_clock: trio.abc.Clock, call: str, answer: Answer, error: type[tb.BridgeError]
) -> None:
    path, ask = EVERYTHING[call]
    async with opened() as (stage, api):
        stage.dingtalk.rest.scripts.add(path, answer)
        with pytest.raises(error) as caught:
            await ask(api)
        assert ("Document.Read" in str(caught.value)) == (answer is NO_SCOPE)


@pytest.mark.parametrize("ending", ["swallow", "hang"])
@pytest.mark.parametrize("call", QUESTIONS)
async def test_a_question_without_an_answer_can_be_asked_again(
    autojump_clock: trio.abc.Clock, call: str, ending: Any
) -> None:
    path, ask = QUESTIONS[call]
    async with opened() as (stage, api):
        stage.dingtalk.rest.scripts.add(path, Answer(ending=ending), Answer(body="<html>"))
        for error in (tb.ConnectionLost, tb.RateLimited):
            with pytest.raises(error):
                await ask(api)
        await ask(api)


@pytest.mark.parametrize("call", CHANGES)
async def test_a_change_without_an_answer_may_have_been_made(autojump_clock: trio.abc.Clock, call: str) -> None:
    path, ask = CHANGES[call]
    async with opened() as (stage, api):
        stage.dingtalk.rest.scripts.swallow(path)
        stage.dingtalk.rest.scripts.add(path, Answer(body="<html>"))
        for _ in range(2):
            with pytest.raises(tb.OutcomeUnknown):
                await ask(api)
        assert stage.dingtalk.rest.calls[path] == 2


async def test_documents_keep_to_the_rate(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (_, api):
        begun = trio.current_time()
        async with trio.open_nursery() as nursery:
            for _ in range(41):
                nursery.start_soon(api.docs.info, "space1", "doc0001")
        assert trio.current_time() - begun == pytest.approx(2.0)


# Union ids.


async def test_a_union_id_is_remembered_for_a_day(
    autojump_clock: trio.abc.Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "LIFE", 86.4)
    async with opened() as (stage, api):
        assert await api.users.union_id("ann") == "union-ann"
        await trio.sleep(86)
        await api.users.union_id("ann")
        assert stage.dingtalk.rest.users.asked == ["ann"]
        await trio.sleep(1)
        await api.users.union_id("ann")
        assert stage.dingtalk.rest.users.asked == ["ann", "ann"]


async def test_of_too_many_union_ids_the_one_unused_for_longest_is_forgotten(
    autojump_clock: trio.abc.Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "REMEMBERED", 3)
    async with opened() as (stage, api):
        for person in ("ann", "bob", "cid", "ann", "dan", "ann", "bob"):
            await api.users.union_id(person)
        assert stage.dingtalk.rest.users.asked == ["ann", "bob", "cid", "dan", "bob"]


async def test_what_is_remembered_is_the_accounts_own(autojump_clock: trio.abc.Clock) -> None:
    async with simulated() as stage:
        configs = [stage.dingtalk.config(name) for name in ("sales", "hr")]
        async with stage.bridge(configs) as bridge:
            for account in bridge.accounts.values():
                await account.wait_ready()
                await account.api.users.union_id("ann")
        assert stage.dingtalk.rest.users.asked == ["ann", "ann"]


async def test_a_bad_token_of_the_older_api_is_fetched_anew_once(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        await api.users.union_id("ann")
        stage.dingtalk.rest.expire_tokens()
        assert await api.users.union_id("bob") == "union-bob"
        assert (stage.dingtalk.rest.calls[OLD_TOKEN], stage.dingtalk.rest.calls[USER]) == (2, 3)


async def test_an_answer_without_a_union_id_is_none(autojump_clock: trio.abc.Clock) -> None:
    async with opened() as (stage, api):
        stage.dingtalk.rest.scripts.add(USER, Answer(body='{"errcode":0,"errmsg":"ok"}'))
        with pytest.raises(tb.RateLimited):
            await api.users.union_id("ann")
        assert await api.users.union_id("ann") == "union-ann"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("legacy_ip_not_whitelisted", tb.RequestFailed),
        ("legacy_qps", tb.RateLimited),
        ("legacy_quota", tb.RequestFailed),
    ],
)
async def test_the_recorded_answers_of_the_older_api(
    autojump_clock: trio.abc.Clock, replies: dict[str, Answer], name: str, error: type[tb.BridgeError]
) -> None:
    async with opened() as (stage, api):
        stage.dingtalk.rest.scripts.add(USER, replies[name])
        with pytest.raises(error):
            await api.users.union_id("ann")
        assert (api.status().quota_gone_at is not None) == (name == "legacy_quota")
