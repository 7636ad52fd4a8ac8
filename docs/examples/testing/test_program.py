import os
import sys
from functools import partial
from pathlib import Path

import trio

PROGRAM = Path(__file__).with_name("program.py")


async def test_the_program_answers(dingtalk_on_loopback, tmp_path):
    settings = {
        "DINGTALK_CLIENT_ID": "dinganything",
        "DINGTALK_SECRET": "anything",
        "DINGTALK_ENDPOINT": dingtalk_on_loopback.url,
    }
    run = partial(trio.run_process, cwd=tmp_path, env={**os.environ, **settings})
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, [sys.executable, PROGRAM])
        assert await dingtalk_on_loopback.ask("tea") == "tea is 3 coins"
        nursery.cancel_scope.cancel()
