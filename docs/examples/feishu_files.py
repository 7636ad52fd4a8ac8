"""Files that people send on Feishu, and files that go back."""

from pathlib import Path

import trio_bridge as tb
from trio_bridge.feishu import FeishuApi

REPORTS = Path("reports")


async def look(message: tb.Message) -> None:
    """Say how large the files of a message are, and send the newest report back."""
    for attachment in message.attachments:
        path = await message.download(attachment)
        size = path.stat().st_size
        await message.reply(f"{attachment.name or attachment.kind}: {size:,} bytes")
        path.unlink()
    chart = tb.Attachment(REPORTS / "latest.png", kind="image")
    report = tb.Attachment(REPORTS / "latest.pdf", name="Report.pdf")
    await message.reply(tb.Reply("**The newest report**", [chart, report]))


async def show(account: tb.Account, chat: str, picture: Path) -> None:
    """A picture in a card, without a message to answer."""
    api: FeishuApi = account.api
    image = {"tag": "img", "img_key": await api.upload_image(picture)}
    image["alt"] = {"tag": "plain_text", "content": "The chart"}
    await api.send(chat, {"elements": [image]})
