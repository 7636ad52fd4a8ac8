"""Files that an account sends, and mentions of other robots, from the configuration to the platform.

A test with a number is about a mistake that is known by it: see test_traps.py.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest
import trio
from trio.testing import MockClock

from tests.bots.media import MP4, PDF, PNG, wav
from tests.platforms.dingtalk.stage import Stage, simulated
from trio_bridge import Attachment, Message, Reply, RequestFailed
from trio_bridge.dingtalk import File
from trio_bridge.errors import OutcomeUnknown
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.dingtalk.codes import UPLOAD
from trio_bridge.platforms.dingtalk.config import DingTalk
from trio_bridge.platforms.dingtalk.gateway.rest import DIRECT, WEBHOOK
from trio_bridge.runner.loading import load_config

FILE = "[DINGTALK_FILE]%s[/DINGTALK_FILE]"


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with simulated() as subject:
        yield subject


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    for name, content in (("a.png", PNG), ("b.pdf", PDF), ("c.wav", wav(2)), ("d.mp4", MP4)):
        (root / name).write_bytes(content)
    return root


def texts(stage: Stage) -> list[str]:
    return [sent.text for sent in stage.dingtalk.sent]


async def test_row_48_and_49_an_answer_names_files_of_every_kind(
    autojump_clock: MockClock, stage: Stage, root: Path
) -> None:
    async def answer(message: Message) -> str:
        return (
            f"One\n\n![chart]({root}/a.png)\n\nTwo "
            f'[DINGTALK_AUDIO]{{"path": "{root}/c.wav"}}[/DINGTALK_AUDIO]'
            f'[DINGTALK_VIDEO]{{"path": "{root}/d.mp4"}}[/DINGTALK_VIDEO]'
            f'[DINGTALK_FILE]{{"path": "{root}/b.pdf", "fileName": "Report.pdf"}}[/DINGTALK_FILE]'
        )

    async with stage.account(answer, media_roots=[root]) as account:
        await account.wait_ready()
        await stage.dingtalk.say("files, please")
        await stage.dingtalk.wait_until(lambda: len(stage.dingtalk.sent) == 5)
    assert texts(stage) == ["One\n\nTwo ", "[image a.png]", "[voice c.wav]", "[file d.mp4]", "[file Report.pdf]"]
    assert [sent.via for sent in stage.dingtalk.sent] == ["webhook", *["direct"] * 4]


@pytest.mark.parametrize(
    "named",
    [
        "![x](/etc/hostname)",
        "![x](file:///etc/hostname)",
        "![x](ROOT/../../../../../../../../etc/hostname)",
        "![x](ROOT/link)",
        FILE % '{"path": "/etc/hostname"}',
        FILE % '{"path": "ROOT/../secret/hostname"}',
    ],
)
async def test_trap_20_no_words_of_a_model_send_what_lies_outside(
    autojump_clock: MockClock, stage: Stage, root: Path, named: str
) -> None:
    (root.parent / "secret").mkdir()
    (root.parent / "secret" / "hostname").write_bytes(PDF)
    (root / "link").symlink_to(root.parent / "secret" / "hostname")

    async def answer(message: Message) -> str:
        return "Here: " + named.replace("ROOT", str(root))

    async with stage.account(answer, media_roots=[root]) as account:
        await account.wait_ready()
        await stage.dingtalk.say("what is it called?")
        await stage.dingtalk.wait_until(lambda: len(stage.dingtalk.sent) == 2)
        assert account.counters.send_failed == 0
    name = "link" if "link" in named else "hostname"
    assert texts(stage) == ["Here: ", f"(file {name} could not be sent)"]
    assert stage.dingtalk.rest.calls[UPLOAD] == 0


async def test_trap_21_markers_are_never_seen_not_even_where_nothing_is_sent(
    autojump_clock: MockClock, stage: Stage, root: Path
) -> None:
    async def answer(message: Message) -> AsyncIterator[str]:
        for piece in (
            "Look: [DINGT",
            'ALK_FILE]{"pa',
            f'th": "{root}/b.pdf"}}[/DINGTALK',
            "_FILE] and",
            f" ![x]({root}/a.png)",
        ):
            yield piece
            await trio.sleep(2)

    for mode in ("markdown", "card"):
        async with stage.account(answer, name=mode, reply_mode=mode) as account:
            await account.wait_ready()
            await stage.dingtalk.say("go", client_id=f"dingsimulated{mode}")
            await trio.sleep(60)
    final = "Look: (file b.pdf could not be sent) and (file a.png could not be sent)"
    assert texts(stage) == [final, final]
    [card] = stage.dingtalk.rest.cards.known.values()
    assert len(set(card.texts)) > 2
    assert not any("DINGT" in text or str(root) in text or "![" in text for text in card.texts)
    assert not stage.dingtalk.rest.media.uploaded


async def test_a_card_is_followed_by_the_files_that_it_names(
    autojump_clock: MockClock, stage: Stage, root: Path
) -> None:
    async def answer(message: Message) -> AsyncIterator[str]:
        for piece in ("Look", " here: ", f"![x]({root}/a.png)", " and there"):
            yield piece
            await trio.sleep(2)

    async with stage.account(answer, media_roots=[root], reply_mode="card") as account:
        await account.wait_ready()
        await stage.dingtalk.say("go")
        await stage.dingtalk.wait_until(lambda: any(sent.medium for sent in stage.dingtalk.sent))
    assert [(sent.via, sent.text) for sent in stage.dingtalk.sent] == [
        ("card", "Look here: and there"),
        ("direct", "[image a.png]"),
    ]


async def test_trap_68_the_robot_that_sends_is_the_accounts_own(
    autojump_clock: MockClock, stage: Stage, root: Path
) -> None:
    async def answer(message: Message) -> None:
        await message.reply(Reply("see", [Attachment(root / "b.pdf")]))

    async with stage.bridge([stage.dingtalk.config("one"), stage.dingtalk.config("two")], answer) as bridge:
        for name in ("one", "two"):
            await bridge.account(name).wait_ready()
            await stage.dingtalk.say("the report?", client_id=f"dingsimulated{name}")
        await stage.dingtalk.wait_until(lambda: len(stage.dingtalk.sent) == 4)
        robot = {f"dingsimulated{name}": bridge.account(name) for name in ("one", "two")}
        wrong = attrs.evolve(stage.dingtalk.config("three"), robot_code="dingsimulatedone")
        await bridge.add(wrong)
        receipt = await bridge.account("three").send("user:staff0001", Reply("", [Attachment(root / "b.pdf")]))
        with pytest.raises(RequestFailed, match=r"robotCode\.auth"):
            await receipt.wait_sent()
    files = [sent for sent in stage.dingtalk.sent if sent.medium]
    assert {(sent.client_id, sent.body["robotCode"]) for sent in files} == {(name, name) for name in robot}


async def test_trap_25_a_mention_names_people_and_robots_by_the_right_keys(
    autojump_clock: MockClock, stage: Stage
) -> None:
    """The simulator refuses other keys in ``at``."""

    async def answer(message: Message) -> str:
        return "@helper, please"

    async with stage.account(answer, mention_aliases={"helper": "$:LWCP_v1:$helper"}) as account:
        await account.wait_ready()
        await stage.dingtalk.ask("who can?", conversation="cidTEAM")
    [sent] = stage.dingtalk.sent
    assert sent.text == "@staff0001 @$:LWCP_v1:$helper, please"
    assert sent.body["at"] == {"atUserIds": ["staff0001"], "atDingtalkIds": ["$:LWCP_v1:$helper"], "isAtAll": False}


async def test_a_reply_goes_on_where_it_was_though_a_file_vanished_meanwhile(
    autojump_clock: MockClock, stage: Stage, root: Path
) -> None:
    """The number of parts that were sent stays true: nothing twice, nothing left out."""
    stage.dingtalk.rest.scripts.add(UPLOAD, Answer(body='{"errcode":90018,"errmsg":"busy"}'))

    async def answer(message: Message) -> str:
        return f'one ![x]({root}/a.png) [DINGTALK_FILE]{{"path": "{root}/b.pdf"}}[/DINGTALK_FILE]'

    async with stage.account(answer, media_roots=[root]) as account:
        await account.wait_ready()
        await stage.dingtalk.say("go")
        await stage.dingtalk.wait_until(lambda: stage.dingtalk.rest.calls[UPLOAD] == 1)
        (root / "a.png").unlink()
        await stage.dingtalk.wait_until(lambda: len(stage.dingtalk.sent) == 3)
        await trio.sleep(10)
    assert texts(stage) == ["one ", "(file a.png could not be sent)", "[file b.pdf]"]


async def test_a_program_is_told_of_a_file_that_can_not_be_sent(
    autojump_clock: MockClock, stage: Stage, root: Path
) -> None:
    async with stage.account() as account:
        files = [Attachment(root / "nothing.pdf"), Attachment(root / "b.pdf")]
        receipt = await account.send("user:staff0001", Reply("the report", files))
        with pytest.raises(RequestFailed, match=r"nothing\.pdf can't be sent: no such file"):
            await receipt.wait_sent()
        assert account.statistics().dead_letters == 1
    assert texts(stage) == ["the report"]


async def test_an_upload_that_fails_for_a_while_is_tried_again_and_the_text_is_not(
    autojump_clock: MockClock, stage: Stage, root: Path
) -> None:
    scripts = stage.dingtalk.rest.scripts
    scripts.swallow(UPLOAD)
    scripts.add(UPLOAD, Answer(status=403, body='{"code":"Forbidden.AccessDenied.QpsLimitForApi"}'), Answer(status=503))
    async with stage.account() as account:
        receipt = await account.send("user:staff0001", Reply("the report", [Attachment(root / "b.pdf")]))
        await receipt.wait_sent()
    assert texts(stage) == ["the report", "[file b.pdf]"]
    assert stage.dingtalk.rest.calls[UPLOAD] == 4


async def test_a_file_that_may_have_been_sent_is_not_sent_again(
    autojump_clock: MockClock, stage: Stage, root: Path
) -> None:
    stage.dingtalk.rest.scripts.swallow(DIRECT)
    async with stage.account() as account:
        receipt = await account.send("user:staff0001", Reply("", [Attachment(root / "b.pdf")]))
        with pytest.raises(OutcomeUnknown):
            await receipt.wait_sent()
    assert stage.dingtalk.rest.calls[DIRECT] == 1


async def test_a_pipe_or_a_file_that_is_too_large_keeps_nobody_else_waiting(
    autojump_clock: MockClock, stage: Stage, root: Path
) -> None:
    os.mkfifo(root / "pipe")
    with (root / "large.pdf").open("wb") as file:
        file.truncate(20 * 2**20 + 1)

    async def answer(message: Message) -> Reply | str | None:
        await message.reply(f"![x]({root}/pipe) ![y]({root}/large.pdf) end" if message.text == "files" else "hello")
        return None

    async with stage.account(answer, media_roots=[root]) as account:
        await account.wait_ready()
        await stage.dingtalk.say("files")
        assert await stage.dingtalk.ask("hi", sender="staff0002") == "hello"
        await stage.dingtalk.wait_until(lambda: len(stage.dingtalk.sent) == 4)
    assert sorted(texts(stage)) == [
        "(file large.pdf could not be sent)",
        "(file pipe could not be sent)",
        "end",
        "hello",
    ]


async def test_applications_hand_in_files_themselves(autojump_clock: MockClock, stage: Stage, root: Path) -> None:
    async with stage.account() as account:
        media_id = await account.api.upload(root / "b.pdf", name="Report")
        await account.api.send("user:staff0001", File(media_id, "Report.pdf"))
        with pytest.raises(RequestFailed, match="no such file"):
            await account.api.upload(root / "nothing.pdf")
    assert texts(stage) == ["[file Report.pdf]"]


async def test_a_handler_that_answers_with_a_file_by_webhook_alone_can_not(
    autojump_clock: MockClock, stage: Stage, root: Path
) -> None:
    """Somebody without a staff id gets the text."""

    async def answer(message: Message) -> None:
        await message.reply(Reply("see", [Attachment(root / "b.pdf")]))

    async with stage.account(answer) as account:
        await account.wait_ready()
        await stage.dingtalk.say("hi", changes={"senderStaffId": None})
        await stage.dingtalk.wait_until(lambda: account.counters.send_failed == 1)
    assert texts(stage) == ["see"]
    assert (stage.dingtalk.rest.calls[WEBHOOK], stage.dingtalk.rest.calls[UPLOAD]) == (1, 0)


async def test_row_53_agents_are_told_how_to_name_files_while_there_are_roots(
    autojump_clock: MockClock, stage: Stage, root: Path
) -> None:
    told: list[str] = []

    async def answer(message: Message) -> str:
        told.append(message.system_prompt)
        return "yes"

    for keys in (
        {"media_prompt": "Name files so.", "media_roots": [root]},
        {"media_prompt": "Name files so.", "media_roots": [root], "system_prompt": "Be short."},
        {"media_prompt": "Name files so.", "system_prompt": "Be short."},
    ):
        async with stage.account(answer, **keys) as account:
            await account.wait_ready()
            await stage.dingtalk.ask("well?")
    assert told == ["Name files so.", "Be short.\n\nName files so.", "Be short."]


def test_every_key_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "bridge.toml").write_text(
        """
        [agent]
        kind = "echo"

        [accounts.sales]
        platform = "dingtalk"
        client_id = "dingx"
        client_secret = "secret"
        media_roots = ["charts", "/srv/reports"]
        media_probe = "ffprobe"
        media_cover = "ffmpeg"
        media_prompt = "Name files so."
        mention_aliases = { helper = "$:LWCP_v1:$helper" }
        """
    )
    [account] = load_config(tmp_path / "bridge.toml").accounts
    assert isinstance(account, DingTalk)
    assert account.media_roots == (tmp_path / "charts", Path("/srv/reports"))
    assert (account.media_probe, account.media_cover, account.media_prompt) == ("ffprobe", "ffmpeg", "Name files so.")
    assert account.mention_aliases == {"helper": "$:LWCP_v1:$helper"}


async def test_a_file_is_found_again_by_a_process_that_was_started_elsewhere(
    autojump_clock: MockClock, stage: Stage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    stage.dingtalk.rest.scripts.add(UPLOAD, Answer(status=503))
    async with stage.account() as account:
        receipt = await account.send("user:staff0001", Reply("", [Attachment("b.pdf")]))
        monkeypatch.chdir(root.parent)
        await receipt.wait_sent()
    assert texts(stage) == ["[file b.pdf]"]


async def test_what_was_received_is_downloaded_before_it_is_passed_on(
    autojump_clock: MockClock, stage: Stage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attachment without a path is none to send, whatever lies in the folder of the process."""
    monkeypatch.chdir(root)
    (root / "None").write_bytes(PDF)
    async with stage.account() as account:
        receipt = await account.send("user:staff0001", Reply("", [Attachment(source={"code": "x"})]))
        with pytest.raises(RequestFailed, match="without a path"):
            await receipt.wait_sent()
