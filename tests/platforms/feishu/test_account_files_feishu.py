"""Files at a whole account of Feishu: what people send, and what answers send."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

import trio_bridge as tb
from tests.bots.media import PDF, PNG, mp4, opus
from tests.platforms.feishu.account_stage import simulated
from trio_bridge.errors import RequestFailed
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.feishu.gateway.files import UPLOAD_FILE

GROUP = "oc_group"


async def test_a_handler_fetches_a_file_and_sends_it_back(autojump_clock: object, tmp_path: Path) -> None:
    async def send_back(message: tb.Message) -> None:
        path = await message.download(message.attachments[0], to=tmp_path)
        await message.reply(tb.Reply("here it is", [tb.Attachment(path, name=message.attachments[0].name)]))

    async with simulated() as feishu, feishu.open_account(send_back):
        pushed = await feishu.send_file(PDF, "报告 (1).pdf", conversation=GROUP)
        await feishu.wait_replied(pushed, count=2)
        assert [each.msg_type for each in feishu.sent] == ["text", "file"]
        [back] = feishu.rest.files.uploaded
        assert (back.content, back.name, back.type) == (PDF, "报告 (1).pdf", "pdf")


async def test_pictures_recordings_and_videos_are_shown_as_such(autojump_clock: object, tmp_path: Path) -> None:
    for name, content in {"a.png": PNG, "a.opus": opus(4), "a.mp4": mp4(61)}.items():
        (tmp_path / name).write_bytes(content)
    files = [
        tb.Attachment(tmp_path / "a.png", kind="image"),
        tb.Attachment(tmp_path / "a.opus", kind="audio"),
        tb.Attachment(tmp_path / "a.mp4", kind="video"),
    ]

    async def show(message: tb.Message) -> None:
        await message.reply(tb.Reply(attachments=files))

    async with simulated() as feishu, feishu.open_account(show):
        await feishu.wait_replied(await feishu.say("show"), count=3)
        assert [each.msg_type for each in feishu.sent] == ["image", "audio", "media"]
        assert [each.duration for each in feishu.rest.files.uploaded] == ["", "4000", "61000"]


async def test_a_file_that_an_answer_names_is_sent_and_its_path_is_not(autojump_clock: object, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "a.pdf").write_bytes(PDF)
    (tmp_path / "secret.pdf").write_bytes(PDF)

    async def name_both(message: tb.Message) -> str:
        marker = f'[FEISHU_FILE]{{"path": "{tmp_path}/shared/a.pdf", "fileName": "report.pdf"}}[/FEISHU_FILE]'
        return f"See {marker} and ![this]({tmp_path}/secret.pdf)"

    async with simulated() as feishu, feishu.open_account(name_both, media_roots=[tmp_path / "shared"]):
        await feishu.wait_replied(await feishu.say("which?"), count=3)
        [medium] = feishu.rest.files.uploaded
        assert medium.name == "report.pdf"
        assert [each.msg_type for each in feishu.sent] == ["text", "file", "text"]
        assert [each.text for each in feishu.sent if each.msg_type == "text"] == [
            "See and ",
            "(file secret.pdf could not be sent)",
        ]
        assert str(tmp_path) not in str(feishu.sent)


async def test_an_upload_that_fails_for_now_is_made_again_and_the_message_comes_once(
    autojump_clock: object, tmp_path: Path
) -> None:
    (tmp_path / "a.pdf").write_bytes(PDF)

    async def send(message: tb.Message) -> None:
        await message.reply(tb.Reply("first", [tb.Attachment(tmp_path / "a.pdf")]))

    async with simulated() as feishu:
        feishu.rest.scripts.add(UPLOAD_FILE, Answer(status=502), Answer(ending="swallow"))
        async with feishu.open_account(send):
            await feishu.wait_replied(await feishu.say("send"), count=2)
        assert [each.msg_type for each in feishu.sent] == ["text", "file"]
        assert feishu.rest.calls[UPLOAD_FILE] == 3


async def test_a_sticker_is_seen_and_can_not_be_fetched(autojump_clock: object) -> None:
    async def fetch(message: tb.Message) -> str:
        with pytest.raises(RequestFailed, match="sticker") as caught:
            await message.download(message.attachments[0])
        return caught.value.code

    async with simulated() as feishu, feishu.open_account(fetch):
        await feishu.wait_replied(await feishu.send("sticker", {"file_key": "file_v3_0005"}))
        assert feishu.sent[0].text == "sticker"


async def test_a_message_of_nothing_but_pictures_may_have_words_put_in_its_mouth(autojump_clock: object) -> None:
    heard: list[tuple[str, int]] = []

    async def hear(message: tb.Message) -> None:
        heard.append((message.text, len(message.attachments)))

    async with simulated() as feishu, feishu.open_account(hear, picture_prompt="What is this?"):
        picture = {"tag": "img", "image_key": "img_1"}
        said = [
            await feishu.send_file(PNG),
            await feishu.send("post", {"content": [[picture, picture]]}),
            await feishu.send("post", {"content": [[{"tag": "text", "text": "mine"}, picture]]}),
            await feishu.send("sticker", {"file_key": "file_1"}),
            await feishu.send_file(PDF, "a.pdf"),
        ]
        for pushed in said:
            await feishu.wait_acked(pushed)
        await trio.sleep(1)
    assert heard == [("What is this?", 1), ("What is this?", 2), ("mine", 1), ("", 1), ("", 1)]
