"""Files that people sent: fetched when they are asked for, as far as Feishu gives them out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from tests.bots.media import PDF, PNG
from tests.platforms.feishu.office import Account, Office, open_account, open_office, refused
from trio_bridge.bots.media.receiving import AT_A_TIME
from trio_bridge.errors import ConnectionLost, RateLimited, RequestFailed, StoreUnavailable
from trio_bridge.gateways.calls import Answer
from trio_bridge.messages import Attachment
from trio_bridge.platforms.feishu.gateway.files import DOWNLOAD


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with open_office() as office:
        yield office


@pytest.fixture
async def account(office: Office, tmp_path: Path) -> AsyncIterator[Account]:
    async with open_account(office, tmp_path / "files", media_max_bytes=1000, media_timeout=60) as account:
        yield account


async def test_a_file_lands_in_the_folder_under_a_name_that_is_ours(
    autojump_clock: object, office: Office, account: Account, tmp_path: Path
) -> None:
    path = await account.api.download(office.shared(PDF, "../../报告 (1).pdf"))
    assert path.parent == tmp_path / "files"
    assert path.name.endswith("-报告 (1).pdf")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (PDF, 0o600)


async def test_a_picture_without_a_name_ends_as_what_it_is(
    autojump_clock: object, office: Office, account: Account, tmp_path: Path
) -> None:
    picture = office.shared(PNG)
    path = await account.api.download(picture, tmp_path)
    assert path.parent == tmp_path
    assert path.name.endswith("-image.png")
    assert office.heard[-1].query == {"type": "image"}


async def test_a_file_of_json_is_no_error(autojump_clock: object, office: Office, account: Account) -> None:
    wanted = office.shared(b"-", "a.json")
    named = {"content-disposition": 'attachment; filename="a.json"'}
    office.rest.scripts.add(DOWNLOAD, Answer(body='{"code": 99991663}', headers=named))
    assert (await account.api.download(wanted)).read_text() == '{"code": 99991663}'


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"message_id": "om_1", "file_key": "file_1", "type": "sticker"}, "Feishu gives out none"),
        ({"message_id": "om_1", "file_key": "file_1"}, "nobody told"),
        ({"message_id": "om_1", "file_key": "file_1", "type": "video"}, "nobody told"),
        ({"message_id": "", "file_key": "file_1", "type": "file"}, "nobody told"),
        ({"message_id": "om_1", "file_key": "", "type": "file"}, "nobody told"),
        ({"message_id": "om_1", "file_key": "..", "type": "file"}, "'..' is no id"),
    ],
    ids=["sticker", "no type", "other type", "no message", "no key", "path"],
)
async def test_what_can_not_be_asked_for_is_not_asked_for(
    autojump_clock: object, office: Office, account: Account, source: dict[str, object], words: str
) -> None:
    with pytest.raises(RequestFailed, match=words):
        await account.api.download(Attachment(source=source))
    assert office.heard == []


async def test_a_file_of_a_forwarded_message_is_not_given_out_and_that_is_said(
    autojump_clock: object, office: Office, account: Account
) -> None:
    office.received("merge_forward", {}, "om_2")
    source = {"message_id": "om_2", "file_key": "file_1", "type": "file"}
    with pytest.raises(RequestFailed, match=r"234043.*forwarded") as caught:
        await account.api.download(Attachment(source=source))
    assert caught.value.code == "234043"


@pytest.mark.parametrize("told", [True, False])
async def test_a_file_that_is_too_large_is_refused_and_nothing_is_left(
    autojump_clock: object, office: Office, account: Account, tmp_path: Path, told: bool
) -> None:
    wanted = office.shared(b"x" * 1001, "a.bin")
    if not told:
        pieces = Answer(body=[b"x" * 600, b"x" * 401], content_type="application/octet-stream")
        office.rest.scripts.add(DOWNLOAD, pieces)
    with pytest.raises(RequestFailed, match=r"larger than media_max_bytes \(1,000\)") as caught:
        await account.api.download(wanted)
    assert caught.value.code == "too_large"
    assert not list((tmp_path / "files").glob("*")) + list((tmp_path / "files").glob(".*"))


async def test_a_file_that_came_compressed_is_not_opened(
    autojump_clock: object, office: Office, account: Account
) -> None:
    wanted = office.shared(b"x", "a.bin")
    answer = Answer(body=b"bomb", content_type="application/octet-stream", headers={"content-encoding": "gzip"})
    office.rest.scripts.add(DOWNLOAD, answer)
    with pytest.raises(RequestFailed, match="compressed"):
        await account.api.download(wanted)


async def test_a_file_that_breaks_off_may_be_fetched_again(
    autojump_clock: object, office: Office, account: Account, tmp_path: Path
) -> None:
    wanted = office.shared(PDF, "a.pdf")
    broken = Answer(body=[b"%PDF"], content_type="application/pdf", ending="swallow")
    office.rest.scripts.add(DOWNLOAD, broken)
    with pytest.raises(ConnectionLost):
        await account.api.download(wanted)
    assert not list((tmp_path / "files").glob(".*"))
    assert (await account.api.download(wanted)).read_bytes() == PDF


async def test_a_file_that_takes_too_long_is_given_up(autojump_clock: object, office: Office, account: Account) -> None:
    wanted = office.shared(PDF, "a.pdf")
    slow = Answer(body=[b"x"] * 100, pace=1.0, content_type="application/pdf")
    office.rest.scripts.add(DOWNLOAD, slow)
    began = trio.current_time()
    with pytest.raises(ConnectionLost, match="not here within 60 s"):
        await account.api.download(wanted)
    assert trio.current_time() - began == 60


async def test_a_bad_token_is_replaced_and_a_redirect_not_followed(
    autojump_clock: object, office: Office, account: Account
) -> None:
    wanted = office.shared(PDF, "a.pdf")
    await account.api.download(wanted)
    office.rest.tokens.revoke()
    assert (await account.api.download(wanted)).read_bytes() == PDF
    elsewhere = Answer(status=302, headers={"location": "http://10.0.0.7/"})
    office.rest.scripts.add(DOWNLOAD, elsewhere)
    with pytest.raises(RateLimited, match="302"):
        await account.api.download(wanted)


async def test_patience_that_feishu_asks_for_is_told(autojump_clock: object, office: Office, account: Account) -> None:
    wanted = office.shared(PDF, "a.pdf")
    office.rest.scripts.add(DOWNLOAD, refused(99991400, "too often", status=429))
    with pytest.raises(RateLimited) as caught:
        await account.api.download(wanted)
    assert caught.value.retry_after == 1.0


async def test_few_files_are_under_way_at_a_time(autojump_clock: object, office: Office, account: Account) -> None:
    files = [office.shared(b"x", f"{number}.bin") for number in range(AT_A_TIME + 1)]
    wanted = files[-1]
    slow = Answer(body=[b"x"], pace=10.0, content_type="application/octet-stream")
    office.rest.scripts.add(DOWNLOAD, slow, times=AT_A_TIME + 1)
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(AT_A_TIME + 1):
            nursery.start_soon(account.api.download, wanted)
    assert 20 <= trio.current_time() - began < 21


async def test_a_disk_that_will_not_have_it_is_not_feishus_fault(
    autojump_clock: object, office: Office, account: Account, tmp_path: Path
) -> None:
    (tmp_path / "files").write_bytes(b"in the way")
    with pytest.raises(StoreUnavailable):
        await account.api.download(office.shared(PDF, "a.pdf"))
