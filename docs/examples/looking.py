"""Look at what was sent: fetch it, say something about it, and keep nothing."""

import trio_bridge as tb


async def look(message: tb.Message) -> str:
    if not message.attachments:
        return "Send me a picture."
    seen = []
    for attachment in message.attachments:
        try:
            path = await message.download(attachment)
        except tb.RequestFailed as error:  # gone, or too large: for good
            seen.append(f"I can't look at that: {error}")
        else:
            seen.append(f"{path.stat().st_size} bytes, {path.suffix.lstrip('.')}")
            path.unlink()
    return "\n".join(seen)
