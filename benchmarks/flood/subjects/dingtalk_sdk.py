"""The official Python SDK for DingTalk, unmodified, with a handler that does nothing."""

from __future__ import annotations

import asyncio
import os
from importlib.metadata import version

from benchmarks.flood.subjects.progress import Progress, Task

task = Task.given()
os.environ["DINGTALK_OPENAPI_ENDPOINT"] = f"http://{task.host}"  # read once, at import

import dingtalk_stream  # noqa: E402


class DoNothing(dingtalk_stream.CallbackHandler):  # type: ignore[misc]
    """Answers at once, and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.progress = Progress(task)

    async def process(self, message: dingtalk_stream.CallbackMessage) -> tuple[int, str]:
        if self.progress.add():
            self.progress.finish(version=version("dingtalk-stream"))
        return dingtalk_stream.AckMessage.STATUS_OK, "OK"


if __name__ == "__main__":
    client = dingtalk_stream.DingTalkStreamClient(dingtalk_stream.Credential("dingfloodexample0001", "flood"))
    client.register_callback_handler(dingtalk_stream.ChatbotMessage.TOPIC, DoNothing())
    asyncio.run(client.start())
