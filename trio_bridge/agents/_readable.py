"""Whether what an agent will need can be read, before anybody waits for an answer."""

from __future__ import annotations

from pathlib import Path

from ..config import Secret
from ..errors import AccountRefused, ConfigError
from ..transport.tls import ssl_context


def unreadable(ca_file: Path | None, **secrets: Secret | None) -> list[str]:
    """What is wrong with the secrets and the certificates as they are now, by the names of the fields, a line each."""
    problems = []
    for name, secret in secrets.items():
        try:
            if secret is not None:
                secret.read()
        except ConfigError as error:
            problems.append(f"{name}: {error}")
    try:
        ssl_context(ca_file)
    except AccountRefused as error:
        problems.append(f"ca_file: {str(error).removeprefix('ca_file ')}")
    return problems
