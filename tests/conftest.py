"""What holds for the whole suite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trustme
from hypothesis import settings

# The same examples in every run, however slow the machine: a failure here is a failure of the change.
# To look for new ones: pytest --hypothesis-profile=default
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes that nobody can read are named by their length: gzip's hold the time, and then every process that helps
    to run the suite would know the test by another name."""
    if isinstance(val, bytes) and not val.isascii():
        return f"{argname}-of-{len(val)}-bytes"
    return None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Processes that help to run the suite must know every test by the same name: also one that is made of a set."""
    os.environ.setdefault("PYTHONHASHSEED", "0")  # those processes begin with it


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxies of whoever runs the tests are not part of them."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority that no system knows."""
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    """What pins the authority."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path
