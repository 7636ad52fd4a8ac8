"""How the server sides read multipart bodies: those of our client, and those of the official SDKs."""

from __future__ import annotations

import httpx
import pytest

from trio_bridge.gateways.calls import Call
from trio_bridge.gateways.multipart import Part, parts_of

BOUNDARY = "----7MA4YWxkTrZu0gW"


def posted(body: bytes, content_type: str = f"multipart/form-data; boundary={BOUNDARY}") -> Call:
    return Call(method="POST", path="/upload", headers={"content-type": content_type}, body=body)


def field(name: str, content: bytes, *, after: str = "", media_type: str = "") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{after}\r\n'
    kind = f"Content-Type: {media_type}\r\n" if media_type else ""
    return (head + kind + "\r\n").encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def test_fields_and_files_are_found_by_their_names() -> None:
    request = httpx.Request(
        "POST", "http://x", data={"file_type": "pdf"}, files={"file": ("报告.pdf", b"%PDF\r\n\x00", "application/pdf")}
    )
    call = Call(method="POST", path="/upload", headers=dict(request.headers), body=request.read())
    assert parts_of(call) == {
        "file_type": Part("", "", b"pdf"),
        "file": Part("报告.pdf", "application/pdf", b"%PDF\r\n\x00"),
    }


@pytest.mark.parametrize(
    ("after", "media_type"), [("", ""), (";", "application/octet-stream"), ("", "application/octet-stream")]
)
def test_a_file_may_come_without_a_name(after: str, media_type: str) -> None:
    body = field("image_type", b"message") + field("image", b"\x89PNG", after=after, media_type=media_type) + END
    parts = parts_of(posted(body))
    assert parts["image"] == Part("", media_type, b"\x89PNG")
    assert parts["image_type"].text == "message"


def test_of_two_fields_with_one_name_the_first_counts() -> None:
    assert parts_of(posted(field("a", b"1") + field("a", b"2") + END))["a"].content == b"1"


@pytest.mark.parametrize(
    "call",
    [
        posted(b"{}", "application/json"),
        posted(b"", ""),
        posted(b"no boundary in here"),
        posted(f"--{BOUNDARY}\r\nno name\r\n\r\nx\r\n".encode() + END),
    ],
    ids=["json", "nothing", "no boundary", "no name"],
)
def test_a_body_of_another_kind_has_no_fields(call: Call) -> None:
    assert parts_of(call) == {}
