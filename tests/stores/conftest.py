"""What the tests of the stores share."""

import pytest

from tests.stores.disk import Disk


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bridge.db"


@pytest.fixture
def disk(monkeypatch):
    disk = Disk()
    disk.under(monkeypatch)
    return disk
