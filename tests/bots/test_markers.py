"""Files that an answer names, and the answer without them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trio_bridge.bots.media.markers import FILES, LONGEST, Markers, Named, note

MARKERS = Markers("BOT")
PDF = '[BOT_FILE]{"path": "/srv/a.pdf", "fileName": "report.pdf", "fileType": "pdf"}[/BOT_FILE]'


def marker(kind: str = "FILE", **fields: object) -> str:
    return f"[BOT_{kind}]{json.dumps(fields)}[/BOT_{kind}]"


def named(text: str) -> list[tuple[str | None, str, str]]:
    return [
        (str(file.path) if file.path else None, file.kind, file.name) for file in MARKERS.apart(text, sendable=True)[1]
    ]


def test_a_marker_names_a_file() -> None:
    assert named(PDF) == [("/srv/a.pdf", "file", "report.pdf")]
    assert MARKERS.apart(f"See {PDF}!", sendable=True)[0] == "See !"


@pytest.mark.parametrize(
    ("word", "kind"), [("FILE", "file"), ("VIDEO", "video"), ("AUDIO", "audio"), ("IMAGE", "image")]
)
def test_the_marker_says_the_kind(word: str, kind: str) -> None:
    assert named(marker(word, path="/srv/a")) == [("/srv/a", kind, "a")]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "a.pdf"),
        ({"name": "b.pdf"}, "b.pdf"),
        ({"fileName": "c.pdf", "name": "b.pdf"}, "c.pdf"),
        ({"fileName": 7}, "a.pdf"),
        ({"fileName": "../../etc/passwd"}, "passwd"),
        ({"fileName": "x\n\u202efdp.exe"}, "x_fdp.exe"),
        ({"fileName": "文档.pdf"}, "文档.pdf"),
    ],
)
def test_what_the_file_is_called(fields: dict[str, object], name: str) -> None:
    assert named(marker(path="/srv/a.pdf", **fields)) == [("/srv/a.pdf", "file", name)]


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("/srv/a.png", "/srv/a.png"),
        ("file:///srv/a.png", "/srv/a.png"),
        ("file://localhost/srv/a.png", "/srv/a.png"),
        ("FILE:///srv/a%20b.png", "/srv/a b.png"),
        ("attachment:///srv/a.png", "/srv/a.png"),
        ("MEDIA:/srv/a.png", "/srv/a.png"),
        ("</srv/a b.png>", "/srv/a b.png"),
        ('/srv/a.png "A title"', "/srv/a.png"),
        ("/srv/a(1).png", "/srv/a(1).png"),
        ("C:\\srv\\a.png", "C:\\srv\\a.png"),
    ],
)
def test_a_picture_whose_address_is_a_path_names_a_file(address: str, path: str) -> None:
    text, files = MARKERS.apart(f"See\n\n![chart]({address})\n\nand this", sendable=True)
    assert (text, [str(file.path) for file in files]) == ("See\n\nand this", [path])
    assert files[0].kind == "image"
    assert isinstance(files[0], Named)


def test_a_path_of_another_machine_is_none_of_ours() -> None:
    assert MARKERS.apart("![x](file://server/srv/a.png)", sendable=True) == ("(a file could not be sent)", ())


def test_the_words_of_a_picture_may_have_brackets() -> None:
    assert named("![Figure [1], the whole](/srv/a.png)") == [("/srv/a.png", "image", "a.png")]


@pytest.mark.parametrize(
    "text",
    [
        "![chart](https://example.com/a.png)",
        "![chart](//example.com/a.png)",
        "[not a picture](file:///srv/a.png)",
        "![chart](a.png)",
        "![chart](@lADPabc)",
        "[a link](/srv/a.png)",
        "a bare path: /srv/a.png, or /etc/passwd",
        "```\n![chart](/srv/a.png)\n" + PDF + "\n```",
        "~~~~md\n" + PDF + "\n~~~\n" + PDF + "\n~~~~",
        "[BOT_OTHER]{}[/BOT_OTHER]",
        "",
    ],
)
def test_everything_else_is_text(text: str) -> None:
    assert MARKERS.apart(text, sendable=True) == (text, ())
    assert MARKERS.shown(text) == text


def test_a_fence_that_ended_hides_nothing_more() -> None:
    assert (
        MARKERS.apart(f"```\n{PDF}\n```\n{PDF}", sendable=False)[0]
        == f"```\n{PDF}\n```\n(file report.pdf could not be sent)"
    )


def test_files_come_in_the_order_of_the_text() -> None:
    text = f"one ![b](/b.png) two {PDF} three {marker('AUDIO', path='/c.wav')}"
    assert [name for _, _, name in named(text)] == ["b.png", "report.pdf", "c.wav"]
    assert MARKERS.apart(text, sendable=True)[0] == "one two three "


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"{PDF} {PDF}  {PDF} end", "end"),
        (f"one {PDF} two", "one two"),
        (f"one{PDF} two", "one two"),
        (f"one\n{PDF}\ntwo", "one\ntwo"),
        (f"one\n\n{PDF} \n\ntwo", "one\n\ntwo"),
        (f"one\n{PDF} {PDF}\ntwo", "one\ntwo"),
        (f"{PDF}\n\ntwo", "two"),
        (f"one\n{PDF}", "one\n"),
    ],
)
def test_a_file_that_is_sent_leaves_no_gap(text: str, left: str) -> None:
    assert MARKERS.apart(text, sendable=True)[0] == left
    assert MARKERS.shown(text) == left


def test_without_permission_each_leaves_a_note_with_its_name_and_no_path() -> None:
    assert MARKERS.apart(f"one ![b](/srv/b.png)\ntwo {PDF}\n", sendable=False) == (
        "one (file b.png could not be sent)\ntwo (file report.pdf could not be sent)\n",
        (),
    )


@pytest.mark.parametrize(
    "content", ["", "no json", '{"path": "/srv/secret"', "[]", '{"path": 7}', '{"fileName": "a"}', "{}", "[" * 4000]
)
def test_a_marker_that_says_nothing_useful_is_not_shown_either(content: str) -> None:
    text, files = MARKERS.apart(f"x [BOT_FILE]{content}[/BOT_FILE] y", sendable=True)
    assert files == ()
    assert text in ("x (a file could not be sent) y", "x (file a could not be sent) y")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('x [BOT_FILE]{"path": "/srv/secret"}\ny', "x (a file could not be sent)\ny"),
        ('x [BOT_FILE]{"path": "/srv/secret"}', "x (a file could not be sent)"),
        (f'x [BOT_FILE]{{"path": "/srv/secret"}} {PDF} y', "x (a file could not be sent) y"),
        (f"x [BOT_FILE]\nwords\n{PDF} y", "x (a file could not be sent)\nwords\ny"),
        (f"x [BOT_FILE]{' ' * LONGEST}[/BOT_FILE]\ny", "x (a file could not be sent)\ny"),
    ],
)
def test_a_marker_without_an_end_takes_its_line(text: str, left: str) -> None:
    assert MARKERS.apart(text, sendable=True)[0] == left


def test_more_files_than_anybody_wants_are_noted_only() -> None:
    text, files = MARKERS.apart(PDF * (FILES + 2), sendable=True)
    assert (len(files), text) == (FILES, note("report.pdf") * 2)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("see [", "see "),
        ("see [BOT_FI", "see "),
        ("see [BOT_FILE]", "see "),
        (f"see {PDF[:-1]}", "see "),
        (f"see {PDF}", "see "),
        ('see [BOT_FILE]{"path":\n"/srv/secret"', "see "),
        ("see !", "see !"),
        ("see ![", "see "),
        ("see ![chart", "see "),
        ("see ![chart [1", "see "),
        ("see ![chart [1]", "see "),
        ("see ![chart](", "see "),
        ("see ![chart](/srv/sec", "see "),
        ("see ![chart](/srv/a(1", "see "),
        ("see ![chart](/srv/a(1)", "see "),
        ("see ![chart](https://exa", "see ![chart](https://exa"),
        ("see [a link](/srv", "see [a link](/srv"),
        ("a[0]", "a[0]"),
        ("```\nvalues[", "```\nvalues["),
        ("see ![chart\n", "see ![chart\n"),
    ],
)
def test_while_it_grows_nothing_is_shown_that_may_become_a_file(text: str, seen: str) -> None:
    assert MARKERS.shown(text) == seen


def test_a_marker_that_never_ends_hides_the_rest_for_a_while_only() -> None:
    text = f"see [BOT_FILE]\n{'words ' * LONGEST}"
    assert MARKERS.shown(text).startswith("see \nwords ")


PARTS = st.sampled_from(
    [
        PDF,
        PDF[:40],
        "![x](/SECRET/a.png)",
        "![x](file:///SECRET/b)",
        "[BOT_",
        "FILE]",
        "![",
        "](",
        "/x)",
        "```\n",
        "\n",
    ]
)


@given(st.lists(PARTS | st.text(alphabet="ab []()!{}\n`~", max_size=6), max_size=12).map("".join))
@example(PDF.replace("/srv/", "/SECRET/") + "\n```\n")
def test_no_step_of_its_growth_shows_a_path_and_no_text_breaks_it(text: str) -> None:
    for end in range(len(text) + 1):
        if "```" not in text and "~~~" not in text:
            assert "/SECRET" not in MARKERS.shown(text[:end])
    for sendable in (True, False):
        clean, files = MARKERS.apart(text, sendable=sendable)
        assert MARKERS.apart(text, sendable=sendable) == (clean, files)
        assert all(isinstance(file.path, Path) for file in files)
    assert not MARKERS.apart(text, sendable=False)[1]
