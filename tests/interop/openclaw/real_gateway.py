"""A real OpenClaw Gateway in a process and a home of its own, on loopback, which ends when its block does.

``nox -s interop`` installs two, and says in ``TRIO_BRIDGE_NODE`` and ``TRIO_BRIDGE_NODE_MODULES`` where Node and they
are.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import trio

TOKEN = "gateway-token-0123456789abcdef"
LOOK = 0.1
"""Seconds between two looks at whether it is ready."""
OK = 200
TAIL = 30
"""Lines of its log that are shown beside a failure."""

QUIET = (
    "NO_COLOR",
    "OPENCLAW_NO_AUTO_UPDATE",
    "OPENCLAW_DISABLE_BONJOUR",
    "OPENCLAW_NO_RESPAWN",
    "OPENCLAW_SKIP_CHANNELS",
    "OPENCLAW_SKIP_CRON",
    "OPENCLAW_SKIP_GMAIL_WATCHER",
)
"""It looks for nobody and nothing outside, is one process, and writes plainly."""


class RealGateway:
    """One gateway of ``protocol`` 3 or 4, which asks a model at ``model_port``. Not started yet."""

    def __init__(self, protocol: int, home: Path, model_port: int) -> None:
        self.protocol = protocol
        self.home = home
        self.model_port = model_port
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}"
        self.configured: dict[str, Any] = {}
        """What ``gateway`` in its configuration says beyond the usual."""
        self._process: subprocess.Popen[bytes] | None = None
        self._log = home / "gateway.log"
        self._shown = 0
        (home / ".openclaw").mkdir()
        self._write_configuration()

    def start(self) -> None:
        """It begins to start, on its home and its port."""
        node = Path(os.environ["TRIO_BRIDGE_NODE"])
        program = Path(os.environ["TRIO_BRIDGE_NODE_MODULES"], f"openclaw-v{self.protocol}", "openclaw.mjs")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [node, program, "gateway", "run", "--port", str(self.port)],
                env=dict.fromkeys(QUIET, "1")
                | {"PATH": f"{node.parent}:/usr/bin:/bin", "HOME": str(self.home), "TMPDIR": str(self.home)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def wait_ready(self) -> None:
        """Return when it says that it is."""
        async with httpx.AsyncClient(trust_env=False) as client:
            while True:
                assert self.runs, "the gateway has ended"
                try:
                    if (await client.get(f"http://127.0.0.1:{self.port}/ready")).status_code == OK:
                        return
                except httpx.TransportError:
                    pass  # it does not listen yet
                await trio.sleep(LOOK)

    async def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Return when it has ended."""
        self.signal(how)
        assert self._process is not None
        while self._process.poll() is None:
            await trio.sleep(LOOK)

    def signal(self, what: signal.Signals) -> None:
        """``SIGSTOP`` freezes it, ``SIGCONT`` lets it go on, ``SIGTERM`` asks it to end, ``SIGKILL`` ends it."""
        assert self._process is not None
        os.killpg(self._process.pid, what)

    def kill(self) -> None:
        """Nothing of it is left."""
        if self.runs:
            self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def configure(self, **gateway: Any) -> None:
        """Say something else under ``gateway`` in its configuration. It looks there when it starts, or earlier."""
        self.configured = gateway
        self._write_configuration()

    def news(self) -> str:
        """The last lines of what it wrote since this was last asked."""
        text = self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""
        fresh, self._shown = text[self._shown :], len(text)
        return "\n".join(fresh.splitlines()[-TAIL:])

    def _write_configuration(self) -> None:
        path = self.home / ".openclaw" / "openclaw.json"
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(self._configuration()), encoding="utf-8")
        draft.replace(path)  # it watches the file

    def _configuration(self) -> Mapping[str, Any]:
        knows_more = self.protocol > 3
        model = {
            "id": "fake-1",
            "name": "Fake 1",
            "reasoning": False,
            "input": ["text", "image"],
            "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
            "contextWindow": 128_000,
            "maxTokens": 4096,
        }
        provider = {
            "baseUrl": f"http://127.0.0.1:{self.model_port}/v1",
            "apiKey": "sk-fake",
            "api": "openai-completions",
            "models": [model],
        }
        return {
            "gateway": {
                "mode": "local",
                "port": self.port,
                "bind": "loopback",
                "auth": {"mode": "token", "token": TOKEN},
                "controlUi": {"enabled": False},
                "http": {"endpoints": {"chatCompletions": {"enabled": True}}},
                "trustedProxies": ["127.0.0.1"],
                **self.configured,
            },
            "update": {"checkOnStart": False},
            "discovery": {"mdns": {"mode": "off"}},
            "agents": {
                "defaults": {
                    "model": {"primary": "fake/fake-1"},
                    "skipBootstrap": True,
                    "workspace": str(self.home / "workspace"),
                    "heartbeat": {"every": "0m"},
                }
            },
            "models": {
                "mode": "merge",
                "providers": {"fake": provider},
                **({"catalogRefresh": {"enabled": False}} if knows_more else {}),
            },
            **({"telemetry": {"enabled": False}} if knows_more else {}),
        }


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
