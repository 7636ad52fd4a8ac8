"""Feishu accounts of a configuration file: what is wrong in it is named, and what is left behind can be dealt with."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.runner.stored import tell
from trio_bridge.errors import ConfigError
from trio_bridge.messages import Message
from trio_bridge.platforms.feishu.gateway.messages import REPLY, SEND
from trio_bridge.platforms.feishu.gateway.rest import refused
from trio_bridge.platforms.registry import PLATFORMS
from trio_bridge.runner.loading import load_config
from trio_bridge.stores.sqlite import inline, open_sqlite
from trio_bridge.testing.feishu import FeishuSimulator
from trio_bridge.transport.memory import MemoryNetwork

ACCOUNT = """
[agent]
kind = "echo"
[accounts.hr]
platform = "feishu"
app_id = "cli_simulated"
app_secret = "for tests only"
"""


def wrong_in(folder: Path, keys: str) -> list[str]:
    file = folder / "bridge.toml"
    file.write_text(ACCOUNT + keys, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(file, PLATFORMS)
    return [line.removeprefix(f"{file}: accounts.hr.") for line in caught.value.problems]


@pytest.mark.parametrize(
    ("keys", "problems"),
    [
        ("apps_secret = 'x'", ["apps_secret: unknown key; did you mean app_secret?"]),
        ("mode = 'longpoll'", ['mode: expected one of "websocket", "webhook", "both", not "longpoll"']),
        (
            "mode = 'webhook'",
            [
                "verification_token: expected the one of the app's event subscription, by which its calls are known",
                "encrypt_key: expected the one of the app's event subscription, which signs its calls; "
                "allow_unencrypted = true does without",
            ],
        ),
        ("domain = 'open.feishu.cn'", ["domain: expected https://HOST, such as https://open.feishu.cn"]),
        ("listen = '8712'", ["listen: expected HOST:PORT, such as 127.0.0.1:8712, or nothing"]),
        ("events = { x = 'nobody' }", ['events.x: expected "package.module:function", not "nobody"']),
        (
            "events = { message = 'trio:sleep' }",
            ["events: message is a message, which goes to the handler of messages"],
        ),
    ],
    ids=["typo", "mode", "webhook", "domain", "listen", "events", "elsewhere"],
)
def test_what_is_wrong_is_named_by_its_key(tmp_path: Path, keys: str, problems: list[str]) -> None:
    assert wrong_in(tmp_path, keys) == problems


async def leave_things_behind(folder: Path) -> None:
    """A bridge that was asked to let somebody in, had a message that no handler took, and a reply that was put off."""

    async def answer(message: Message) -> str:
        if message.text == "bad":
            raise ValueError("it can't be")
        return message.text

    async with (
        FeishuSimulator(network=MemoryNetwork()) as feishu,
        open_sqlite(folder / "bridge.db", executor=inline) as store,
        feishu.open_account(
            answer, store=store, name="hr", max_attempts=1, dm_policy="pairing", allow_from=["ou_mei", "ou_lukas"]
        ) as account,
    ):
        assert "code" in await feishu.ask("may I?", sender="ou_amina")
        for call in (SEND, REPLY):
            feishu.script(call, refused(99991400, status=429, wait=600))
        await feishu.say("good", sender="ou_lukas")
        await feishu.say("bad", sender="ou_mei")
        while "dead_letters" not in account.alarms or not account.statistics().outbox_depth:
            await trio.sleep(1)


def test_what_an_account_leaves_behind_is_listed_and_dealt_with(tmp_path: Path) -> None:
    file = tmp_path / "bridge.toml"
    file.write_text(ACCOUNT + 'dm_policy = "pairing"\n', encoding="utf-8")
    trio.run(partial(leave_things_behind, tmp_path), clock=MockClock(autojump_threshold=0))

    [asks] = json.loads(tell("pairing", "list", str(file), "--json").stdout)["requests"]
    assert (asks["account"], asks["sender"]) == ("hr", "ou_amina")
    assert tell("pairing", "approve", str(file), "hr", asks["code"]).stdout == "approved: hr ou_amina\n"

    [unsent] = json.loads(tell("outbox", "list", str(file), "--json", "--text").stdout)["outbox"]
    assert (unsent["account"], unsent["text"], unsent["attempts"]) == ("hr", "good", 1)

    [letter] = json.loads(tell("dead-letters", "list", str(file), "--json").stdout)["dead_letters"]
    assert (letter["account"], letter["box"], letter["error"]) == ("hr", "inbox", "ValueError: it can't be")
    assert letter["key"].startswith("om_")
    replayed = tell("dead-letters", "replay", str(file), letter["key"])
    assert replayed.stdout == f"replayed: hr inbox {letter['key']}\n"
    assert "no dead letters" in tell("dead-letters", "list", str(file)).stdout
