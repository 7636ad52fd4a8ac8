"""The example of files that come and go on Feishu."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bots.media import PDF, PNG
from tests.docs.conftest import Import
from tests.platforms.feishu.account_stage import simulated


async def test_files_come_and_go(
    autojump_clock: object, example: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = example("feishu_files.py")
    (tmp_path / "latest.png").write_bytes(PNG)
    (tmp_path / "latest.pdf").write_bytes(PDF)
    monkeypatch.setattr(program, "REPORTS", tmp_path)
    async with simulated() as feishu, feishu.open_account(program.look) as account:
        await feishu.wait_replied(await feishu.send_file(PDF, "mine.pdf", conversation="oc_group"), count=4)
        assert [each.msg_type for each in feishu.sent] == ["text", "post", "image", "file"]
        assert feishu.sent[0].text == f"mine.pdf: {len(PDF)} bytes"
        assert [each.name for each in feishu.rest.files.uploaded] == ["latest.png", "Report.pdf"]
        await program.show(account, "oc_group", tmp_path / "latest.png")
        assert feishu.sent[-1].content["elements"][0]["img_key"] == feishu.rest.files.uploaded[0].key
