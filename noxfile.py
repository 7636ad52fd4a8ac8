"""What can be run over the project, each session in an environment of its own: ``nox -l`` lists them."""

from __future__ import annotations

import nox

nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests", "lint", "types", "imports"]


def install(session: nox.Session) -> None:
    session.install("-e", ".[dev]")


@nox.session
def tests(session: nox.Session) -> None:
    """The whole suite but the soak: no real seconds, no network but loopback."""
    install(session)
    session.run("pytest", *session.posargs)


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
def demo(session: nox.Session) -> None:
    """Ten seconds of the demo, counted from the far side: fails if anything was lost or answered twice."""
    install(session)
    session.run("trio-bridge", "demo", *(session.posargs or ["--seconds", "10", "--json"]))


@nox.session
def soak(session: nox.Session) -> None:
    """Minutes of real time and real sockets."""
    install(session)
    session.run("pytest", "-m", "soak", "-o", "faulthandler_timeout=900", "tests/soak", *session.posargs)
