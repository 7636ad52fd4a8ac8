"""Files in answers, and files that a program hands in itself."""

from pathlib import Path

import trio_bridge as tb
from trio_bridge.dingtalk import DingTalkApi, File

REPORTS = Path("reports")


async def report(message: tb.Message) -> None:
    """The text first, then each file as a message of its own, in order."""
    week = message.text.strip() or "latest"
    files = [
        tb.Attachment(REPORTS / f"{week}.png", kind="image"),
        tb.Attachment(REPORTS / f"{week}.pdf", name=f"Report {week}.pdf"),
    ]
    await message.reply(tb.Reply(f"**Report {week}**", files))


async def circulate(account: tb.Account, path: Path, people: list[str]) -> None:
    """One upload for many messages."""
    api: DingTalkApi = account.api
    media_id = await api.upload(path)
    await api.send_to_user(people, File(media_id, path.name))
