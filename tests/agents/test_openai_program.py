"""``trio-bridge run`` with two language models and a program of its own, as processes on loopback."""

from __future__ import annotations

from pathlib import Path

import trio

from tests.program import running
from trio_bridge.testing.dingtalk import DingTalkSimulator
from trio_bridge.testing.openai import Hangs, OpenAISimulator, Says

CONFIG = """
[agent]
kind = "command"
argv = ["./shout"]

[agents.tall]
kind = "openai"
url = "{tall}/"
model = "simulated"
token = {{ file = "token" }}
system = "be tall"

[agents.small]
kind = "openai"
url = "{small}"
model = "simulated"
memory = 0

[defaults.dingtalk]
client_secret = "hush"
endpoint = "{dingtalk}"
oapi_endpoint = "{dingtalk}"

[accounts.sales]
platform = "dingtalk"
client_id = "dingsales"
agent = "tall"

[accounts.support]
platform = "dingtalk"
client_id = "dingsupport"
agent = "small"

[accounts.archive]
platform = "dingtalk"
client_id = "dingarchive"
"""


async def test_each_account_has_its_agent_and_a_conversation_survives_a_kill(tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with DingTalkSimulator() as dingtalk, OpenAISimulator(token="t") as tall, OpenAISimulator() as small:
            for name in ("sales", "support", "archive"):
                dingtalk.add_app(f"ding{name}", "hush")
            (tmp_path / "bridge.toml").write_text(CONFIG.format(dingtalk=dingtalk.url, tall=tall.url, small=small.url))
            (tmp_path / "token").write_text("t\n")
            shout = tmp_path / "shout"
            shout.write_text("#!/bin/sh\ntr a-z A-Z\n")
            shout.chmod(0o700)

            tall.script(Says("hello yourself"), Says("half an answer", ending="hanging"))
            small.script(Hangs())
            async with running(tmp_path):
                assert await dingtalk.ask("hello", client_id="dingsales") == "hello yourself"
                await dingtalk.say("is it you?", client_id="dingsupport")
                asked = await dingtalk.say("how tall are you?", client_id="dingsales")
                # Two models hang; who asks somebody else does not notice.
                assert await dingtalk.ask("who shouts?", client_id="dingarchive") == "WHO SHOUTS?"
                await tall.wait_until(lambda: len(tall.asked) == 2)
                await small.wait_until(lambda: small.asked)
            async with running(tmp_path) as program:
                await dingtalk.wait_replied(asked)
                assert await dingtalk.ask("and you?", client_id="dingsupport") == "you said and you?"
                assert await program.end() == 0
    turns = [("system", "be tall"), ("user", "hello"), ("assistant", "hello yourself")]
    assert [asked.messages for asked in tall.asked[1:]] == [[*turns, ("user", "how tall are you?")]] * 2
    assert [asked.messages for asked in small.asked[1:]] == [[("user", "is it you?")], [("user", "and you?")]]
    summary = dingtalk.ledger.summary()
    assert (summary.answered_twice, summary.unanswered) == (0, 0)
