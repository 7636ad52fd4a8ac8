"""What is configured about files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trio_bridge.platforms.feishu.config import Feishu


def config(**changes: Any) -> Feishu:
    return Feishu(name="hr", app_id="cli_a1b2c3d4e5f60718", app_secret="s3cr3t", **changes)


def test_agents_are_told_about_files_only_where_files_may_be_sent(tmp_path: Path) -> None:
    groups = {"oc_1": {"system_prompt": "Be brief."}, "oc_2": {"system_prompt": ""}}
    silent = config(media_prompt="Name files.", system_prompt="Be kind.", groups=groups)
    assert silent.system_prompt_in("oc_1") == "Be brief."
    assert silent.system_prompt_in("ou_tom") == "Be kind."
    told = config(media_prompt="Name files.", system_prompt="Be kind.", groups=groups, media_roots=tmp_path)
    assert told.system_prompt_in("oc_1") == "Be brief.\n\nName files."
    assert told.system_prompt_in("oc_2") == "Name files."
    assert config(media_roots=tmp_path, system_prompt="Be kind.").system_prompt_in("oc_1") == "Be kind."


def test_what_is_not_here_is_told(tmp_path: Path) -> None:
    missing = config(media_roots=[tmp_path, tmp_path / "none"], media_cover="no-such-program")
    assert list(missing.not_here()) == [
        f"media_roots: there is no folder {tmp_path / 'none'}",
        "media_cover: there is no program no-such-program",
    ]


@pytest.mark.parametrize("key", ["media_max_bytes", "media_timeout"])
def test_a_bound_is_a_number_above_nothing(key: str) -> None:
    assert getattr(config(), key) > 0
    with pytest.raises(ValueError, match=key):
        config(**{key: 0})
