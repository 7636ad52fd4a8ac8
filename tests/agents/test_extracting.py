"""The text in files of strangers."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
import trio

from trio_bridge.agents import extract_text, extracting

SPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
PATIENCE = 30


def docx(path: Path, body: str, *, head: str = "", name: str = "word/document.xml") -> Path:
    text = (
        f'<?xml version="1.0"?>{head}<w:document xmlns:w="{SPACE}" xmlns:mc="mc"><w:body>{body}</w:body></w:document>'
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return path


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def pdf(path: Path, text: str) -> Path:
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
    ]
    data, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    data += b"xref\n0 5\n0000000000 65535 f \n%strailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (
        table,
        len(data),
    )
    path.write_bytes(data)
    return path


async def text_of(path: Path, **options: int) -> str | None:
    with trio.fail_after(PATIENCE):
        return await extract_text(path, **options)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
async def test_plain_text_is_read_in_whatever_form(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "any.name"
    path.write_bytes("第一行\n二".encode(encoding))
    assert await text_of(path) == "第一行\n二"


async def test_a_limit_counts_characters(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    whole = "".join(f"报{number}\n" for number in range(20_000))
    path.write_text(whole, encoding="utf-8")
    assert await text_of(path) == whole[:50_000]
    assert await text_of(path, limit=3) == "报0\n"
    assert await text_of(path, limit=10**6) == whole
    path.write_bytes(b"")
    assert await text_of(path) == ""


async def test_a_document_is_read_a_paragraph_a_line(tmp_path: Path) -> None:
    body = (
        paragraph("One &amp; 二")
        + "<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:delText>gone</w:delText><w:t>c</w:t></w:r></w:p>"
        + f"<mc:Fallback>{paragraph('said twice')}</mc:Fallback>"
        + "<w:sectPr>none of it</w:sectPr>"
    )
    assert await text_of(docx(tmp_path / "a.docx", body)) == "One & 二\na\tb\nc\n"
    assert await text_of(docx(tmp_path / "b.docx", paragraph("x" * 100)), limit=5) == "xxxxx"


async def test_a_pdf_is_read_where_somebody_can(tmp_path: Path) -> None:
    assert await text_of(pdf(tmp_path / "a.pdf", "Good day")) == "Good day\n"


async def test_entities_are_not_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("canary")
    for declared in (f'SYSTEM "file://{secret}"', '"' + "ha" * 1000 + '"'):
        head = f"<!DOCTYPE d [<!ENTITY e {declared}>]>"
        assert await text_of(docx(tmp_path / "evil.docx", paragraph("&e;"), head=head)) is None


async def test_a_bomb_is_left_when_the_limit_is_reached(tmp_path: Path) -> None:
    path = docx(tmp_path / "bomb.docx", paragraph("A" * (20 << 20)))
    assert path.stat().st_size < 1 << 20
    assert await text_of(path, limit=10) == "A" * 10


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n\0\0", b"PK\x03\x04 no archive", b"%PDF-1.4 no document", b"\0" * 100]
)
async def test_what_nobody_can_read_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    assert await text_of(path) is None


async def test_neither_is_what_is_not_there_or_another_archive(tmp_path: Path) -> None:
    assert await text_of(tmp_path / "nowhere") is None
    assert await text_of(docx(tmp_path / "sheet.xlsx", "", name="xl/workbook.xml")) is None
    assert await text_of(docx(tmp_path / "broken.docx", "<w:p>")) is None


async def test_a_name_is_no_option_and_no_path_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-c").write_text("a file")
    (tmp_path / "zipfile.py").write_text("raise SystemExit('not ours')")
    assert await text_of(Path("-c")) == "a file"


async def test_who_reads_files_of_strangers_knows_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "leak.py"
    program.write_text("import os\nprint(sorted(os.environ.values()))\n")
    monkeypatch.setenv("DINGTALK_SECRET", "canary")
    monkeypatch.setattr(extracting, "PROGRAM", program)
    said = await text_of(program)
    assert said is not None
    assert "canary" not in said


async def test_what_takes_too_long_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "slow.py"
    program.write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(extracting, "PROGRAM", program)
    monkeypatch.setattr(extracting, "PATIENCE", 0.3)
    assert await text_of(program) is None


async def test_two_files_are_read_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may take a core, and a gigabyte of memory: a message brings as many as its sender likes."""
    running, most = 0, 0
    run_process = trio.run_process

    async def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            return await run_process(*args, **kwargs)
        finally:
            running -= 1

    monkeypatch.setattr(trio, "run_process", counted)
    file = tmp_path / "a.txt"
    file.write_text("words")
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(extract_text, file)
    assert most == 2
