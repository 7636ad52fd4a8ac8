"""``trio-bridge run`` and ``check`` with the agent of a gateway, as processes on loopback."""

from __future__ import annotations

from pathlib import Path

import trio

from tests.program import running
from trio_bridge.platforms.openclaw.gateway.script import Hold, Say
from trio_bridge.testing.dingtalk import DingTalkSimulator
from trio_bridge.testing.openclaw import OpenClawSimulator

CONFIG = """
[agents.claw]
kind = "openclaw"
url = "{gateway}"
token = {{ file = "token" }}

[[agents.claw.routes]]
account = "hr"
agent_id = "ops"

[defaults.dingtalk]
client_secret = "hush"
endpoint = "{dingtalk}"
oapi_endpoint = "{dingtalk}"

[accounts.sales]
platform = "dingtalk"
client_id = "dingsales"
agent = "claw"

[accounts.hr]
platform = "dingtalk"
client_id = "dinghr"
agent = "claw"
"""


def write(folder: Path, dingtalk: DingTalkSimulator, gateway: OpenClawSimulator) -> None:
    for name in ("sales", "hr"):
        dingtalk.add_app(f"ding{name}", "hush")
    gateway.rooms.sessions.agents.append("ops")
    (folder / "token").write_text(f"{gateway.token}\n")
    (folder / "bridge.toml").write_text(CONFIG.format(dingtalk=dingtalk.url, gateway=gateway.url))


async def test_a_bridge_that_is_killed_in_the_middle_of_an_answer_ends_it_once(tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with DingTalkSimulator() as dingtalk, OpenClawSimulator() as gateway:
            write(tmp_path, dingtalk, gateway)
            async with running(tmp_path):
                assert await dingtalk.ask("hello", client_id="dingsales") == "you said hello"
                gateway.reply([Say("half "), Hold(), Say("and half")])
                pushed = await dingtalk.say("a long one", client_id="dinghr")
                await gateway.wait_until(lambda: gateway.held)
                await dingtalk.wait_until(lambda: any("half" in card.text for card in dingtalk.cards))
            assert not dingtalk.ledger.entry(pushed).replies
            async with running(tmp_path) as program:
                await gateway.wait_until(lambda: len(gateway.connections) == 1)
                gateway.release()
                await dingtalk.wait_replied(pushed)
                assert await program.end() == 0
    assert [sent.text for sent in dingtalk.sent] == ["you said hello", "half and half"]
    assert [question.session_key.split(":")[1] for question in gateway.questions] == ["main", "ops"]
    assert len(gateway.opened) == 2
    assert len(gateway.devices.paired) == 1
    summary = dingtalk.ledger.summary()
    assert (summary.answered_twice, summary.unanswered) == (0, 0)
