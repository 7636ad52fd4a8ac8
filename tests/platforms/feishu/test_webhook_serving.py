"""The webhook on a real port, served by Hypercorn, and mounted in another application."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from tests.platforms.feishu.calls import KEY, TOKEN, Doorstep, Request, config, encrypted, event, names, signed, webhook
from tests.platforms.feishu.posting import post
from trio_bridge import open_bridge
from trio_bridge.bots.cards import deck
from trio_bridge.engine.account import STOP_LIMIT
from trio_bridge.errors import AccountRefused
from trio_bridge.platforms.feishu.webhook.app import Webhook
from trio_bridge.platforms.feishu.webhook.serving import at_path, open_webhook
from trio_bridge.testing.feishu import FeishuSimulator
from trio_bridge.transport import asgi
from trio_bridge.transport.asgi import serve_asgi

PATIENCE = 10
"""Real seconds for what takes milliseconds."""


@asynccontextmanager
async def heard(door: Doorstep) -> AsyncIterator[Webhook]:
    """A webhook that is heard on a port."""
    settings = config(listen="127.0.0.1:0")
    hook = webhook(settings)
    with trio.fail_after(PATIENCE):
        async with open_webhook(settings, hook, door):
            yield hook


@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
async def test_feishu_is_heard_on_a_port(chunked: bool, caplog: pytest.LogCaptureFixture) -> None:
    door, body = Doorstep(), encrypted(event("e1"))
    with caplog.at_level(logging.INFO):
        async with heard(door) as hook:
            assert hook.port is not None
            answer = await post(hook.port, body, chunked=chunked)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\n{}")
    assert names(door.taken) == ["e1"]
    [told] = [record for record in caplog.records if record.message == "listening"]
    assert vars(told)["address"] == f"127.0.0.1:{hook.port}"


def test_callers_and_cards_together_leave_an_account_time_to_stop() -> None:
    """One after the other: first whoever calls is answered, then cards that grow are told. Both may be held up."""
    assert asgi.GRACE + asgi.CLOSING + deck.PAUSE_LIMIT <= 0.9 * STOP_LIMIT


async def test_elsewhere_is_nothing() -> None:
    async with heard(Doorstep()) as hook:
        assert hook.port is not None
        assert (await post(hook.port, encrypted(event()), path="/feishu2")).startswith(b"HTTP/1.1 404")
        assert (await post(hook.port, encrypted(event()), path="/feishu/?x=1")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
async def test_what_is_too_large_is_answered_before_it_is_sent_and_leaves_nothing_behind(chunked: bool) -> None:
    through = trio.Event()
    hook = webhook()
    with hook.opened(Doorstep()), trio.fail_after(PATIENCE):

        async def application(*request: Any) -> None:
            await hook(*request)
            if request[0]["type"] == "http":
                through.set()

        async with serve_asgi(application, "127.0.0.1", 0) as port:
            assert (await post(port, b"x" * 20_000_000, chunked=chunked)).startswith(b"HTTP/1.1 413")
            await through.wait()
            assert (await post(port, encrypted(event()))).startswith(b"HTTP/1.1 200")


async def test_at_the_root_is_a_path_too() -> None:
    door, body, hook = Doorstep(), encrypted(event("e1")), webhook()
    settings = config(path="/")
    assert settings.path == "/"
    request = Request([body], signed(body), path="/")
    with hook.opened(door):
        answered = await request.run(at_path(settings.path, hook))
    assert answered is not None
    assert answered.status == 200


@pytest.mark.parametrize(
    ("missing", "extra"),
    [("cryptography", "feishu"), ("hypercorn.trio", "web")],
)
async def test_a_library_that_is_missing_is_named_when_it_is_needed(
    missing: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    settings = config(listen="127.0.0.1:0")
    with pytest.raises(AccountRefused, match=rf"pip install 'trio-bridge\[{extra}\]'"):
        async with open_webhook(settings, webhook(settings), Doorstep()):
            pytest.fail("it opened")


def test_nothing_of_it_is_loaded_before_it_is_needed() -> None:
    script = (
        "import sys, trio_bridge.feishu, trio_bridge.platforms.feishu.platform;"
        "print(*{'hypercorn', 'starlette', 'cryptography'} & {name.partition('.')[0] for name in sys.modules})"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


async def test_what_is_not_needed_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for missing in ("cryptography", "hypercorn.trio"):
        monkeypatch.setitem(sys.modules, missing, None)
    settings = config(encrypt_key=None, allow_unencrypted=True)
    async with open_webhook(settings, webhook(settings), Doorstep()):
        pass


async def test_an_account_whose_port_is_taken_says_so_and_a_stop_frees_it() -> None:
    with trio.fail_after(PATIENCE):
        async with FeishuSimulator() as cloud:
            keys = {"mode": "webhook", "encrypt_key": KEY, "verification_token": TOKEN}
            first = cloud.config("first", listen="127.0.0.1:0", **keys)
            async with open_bridge([first], None, environment=cloud.environment) as bridge:
                await bridge.account("first").wait_ready()
                port = bridge.account("first").api.webhook.port
                second = await bridge.add(cloud.config("second", listen=f"127.0.0.1:{port}", **keys))
                with pytest.raises(AccountRefused, match=f"listens at 127.0.0.1:{port}"):
                    await second.wait_ready()
                await bridge.stop("first")
                await bridge.restart("second")
                await second.wait_ready()
