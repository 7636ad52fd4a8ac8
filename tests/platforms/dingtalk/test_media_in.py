"""Pictures, files and recordings, from a person's hand to a handler: the whole way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trio_bridge import Message, RequestFailed, open_account
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.dingtalk.gateway.files import FILE
from trio_bridge.stores.sqlite import inline, open_sqlite
from trio_bridge.testing.dingtalk import DingTalkSimulator
from trio_bridge.testing.fixtures import dingtalk

__all__ = ["dingtalk"]

pytestmark = pytest.mark.usefixtures("autojump_clock")


async def read_all(message: Message) -> str:
    """Every file that came, also with what is quoted, in order."""
    quoted = () if message.reply_to is None else message.reply_to.attachments
    paths = [await message.download(each) for each in (*message.attachments, *quoted)]
    return " ".join([message.text or "-", *(path.read_text() for path in paths)])


def quoting(body: dict[str, Any], kind: str) -> dict[str, Any]:
    quoted = {"msgType": kind, "msgId": "quoted", "senderId": "x", "createdAt": 1, "content": body}
    return {"text": {"content": "see above", "isReplyMsg": True, "repliedMsg": quoted}}


def picture(simulator: DingTalkSimulator) -> dict[str, Any]:
    return dict(simulator.rest.files.picture(b"picture"))


def rich_text(simulator: DingTalkSimulator) -> dict[str, Any]:
    return dict(simulator.rest.files.rich_text("one ", b"first", "two", b"second"))


def voice(simulator: DingTalkSimulator) -> dict[str, Any]:
    return dict(simulator.rest.files.voice(b"amr", recognition="钉钉，让进步发生"))


def forwarded(simulator: DingTalkSimulator) -> dict[str, Any]:
    code = simulator.rest.files.put(b"forwarded")
    records = [
        {"senderNick": "Alice", "msgType": "text", "content": "look"},
        {"senderNick": "Bob", "msgType": "picture", "downloadCode": code},
    ]
    return {"msgtype": "chatRecord", "text": None, "content": {"chatRecord": json.dumps(records)}}


def quoted_file(simulator: DingTalkSimulator) -> dict[str, Any]:
    return quoting({"downloadCode": simulator.rest.files.put(b"report"), "fileName": "a.pdf"}, "file")


def quoted_pictures(simulator: DingTalkSimulator) -> dict[str, Any]:
    codes = [simulator.rest.files.put(content) for content in (b"left", b"right")]
    return quoting({"richText": [{"text": "both "}, *({"downloadCode": code} for code in codes)]}, "richText")


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        (picture, "- picture"),
        (rich_text, "one two first second"),
        (voice, "钉钉，让进步发生 amr"),
        (forwarded, "Alice: look\nBob: [picture] forwarded"),
        (quoted_file, "see above report"),
        (quoted_pictures, "see above left right"),
    ],
)
async def test_whatever_holds_a_file_can_be_downloaded(
    dingtalk: DingTalkSimulator, fields: Callable[[DingTalkSimulator], dict[str, Any]], answer: str
) -> None:
    async with dingtalk.open_account(read_all, reply_mode="text"):
        await dingtalk.say("", changes=fields(dingtalk))
        assert (await dingtalk.next_reply()).text == answer


async def test_a_file_lands_beside_the_store_unless_somebody_says_where(
    dingtalk: DingTalkSimulator, tmp_path: Path
) -> None:
    async def answer(message: Message) -> str:
        return str(await message.download(message.attachments[0]))

    async def where(**places: Any) -> Path:
        async with (
            open_sqlite(tmp_path / "my.db", executor=inline) as store,
            open_account(
                dingtalk.config(reply_mode="text"), answer, store=store, environment=dingtalk.environment, **places
            ) as account,
        ):
            await account.wait_ready()
            await dingtalk.send_file(b"x", "a.txt")
            return Path((await dingtalk.next_reply()).text)

    path = await where()
    assert path.parent == tmp_path / "my-files"
    assert path.read_bytes() == b"x"
    assert (await where(files=tmp_path / "elsewhere")).parent == tmp_path / "elsewhere"


async def test_trap_21_a_message_of_pictures_alone_has_the_text_that_was_configured(
    dingtalk: DingTalkSimulator,
) -> None:
    async def answer(message: Message) -> str:
        return f"<{message.text}>"

    async with dingtalk.open_account(answer, reply_mode="text", picture_prompt="What is this?"):
        for fields, text in (
            (dingtalk.rest.files.picture(b"x"), "<What is this?>"),
            (dingtalk.rest.files.rich_text(b"x", b"y"), "<What is this?>"),
            (dingtalk.rest.files.rich_text("mine", b"x"), "<mine>"),
            (dingtalk.rest.files.file(b"x", "a.txt"), "<>"),
            (dingtalk.rest.files.voice(b"x"), "<>"),
        ):
            await dingtalk.say("", changes=fields)
            assert (await dingtalk.next_reply()).text == text


async def test_without_one_it_has_none(dingtalk: DingTalkSimulator) -> None:
    async def answer(message: Message) -> str:
        return f"<{message.text}>"

    async with dingtalk.open_account(answer, reply_mode="text"):
        await dingtalk.send_file(b"x")
        assert (await dingtalk.next_reply()).text == "<>"


async def test_a_download_that_fails_is_tried_again_with_the_message(dingtalk: DingTalkSimulator) -> None:
    dingtalk.rest.scripts.add(FILE, Answer(status=503))
    async with dingtalk.open_account(read_all, reply_mode="text"):
        pushed = await dingtalk.send_file(b"second try")
        assert (await dingtalk.next_reply()).text == "- second try"
        await dingtalk.wait_replied(pushed)
    assert dingtalk.rest.calls[FILE] == 2


async def test_a_handler_can_say_that_a_file_is_gone(dingtalk: DingTalkSimulator) -> None:
    async def answer(message: Message) -> str:
        try:
            await message.download(message.attachments[0])
        except RequestFailed as error:
            return error.code
        return "here"

    async with dingtalk.open_account(answer, reply_mode="text"):
        fields = dingtalk.rest.files.picture(b"x")
        dingtalk.rest.files.expire_codes()
        await dingtalk.say("", changes=fields)
        assert (await dingtalk.next_reply()).text == "invalidParameter.robotCode.downloadCode"


async def test_no_url_and_no_code_gets_into_the_log(
    dingtalk: DingTalkSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    dingtalk.rest.scripts.add(FILE, Answer(body=[b"x"], ending="swallow"))
    async with dingtalk.open_account(read_all, reply_mode="text"):
        await dingtalk.send_file(b"fine")
        await dingtalk.next_reply()
    told = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert "signature" not in told
    assert "dcode" not in told


async def test_a_file_can_be_fetched_by_its_code_at_any_time(dingtalk: DingTalkSimulator, tmp_path: Path) -> None:
    codes: list[str] = []

    async def note(message: Message) -> str:
        codes.append(message.attachments[0].source["code"])
        return "noted"

    async with dingtalk.open_account(note, reply_mode="text") as account:
        await dingtalk.send_file(b"later", "a.txt")
        await dingtalk.next_reply()
        path = await account.api.download(codes[0], tmp_path / "fetched")
        assert path.read_bytes() == b"later"
