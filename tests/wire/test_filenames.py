"""Names of strangers, made harmless."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.wire import filenames
from trio_bridge.wire.filenames import MAX_NAME, safe_name

FRAMES = Path(__file__).parents[1] / "data" / "dingtalk" / "server_frames.jsonl"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("报告 Q3.docx", "报告 Q3.docx"),
        ("café.txt", "café.txt"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system.ini", "system.ini"),
        ("a/b\\c.txt", "c.txt"),
        ("/", "file"),
        ("", "file"),
        (".", "file"),
        ("..", "file"),
        (". . .", "file"),
        (".bashrc", "bashrc"),
        ("...hidden.txt", "hidden.txt"),
        ("name.", "name"),
        ("name. . ", "name"),
        ("a\x00b\x1fc\x7fd\x85e", "a_b_c_d_e"),
        ('a<b>c:d"e|f?g*h', "a_b_c_d_e_f_g_h"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("a\u200bb\u2066c\ufeffd\u00ade", "abcde"),
        ("a\u3164b\u2800c\ufe0fd\U000e0041e", "abcde"),
        ("a\u2028b\u00a0c\u3000d", "a b c d"),
        ("a\ud800b\ue000c", "a_b_c"),
        ("con", "_con"),
        ("NUL.txt", "_NUL.txt"),
        ("Com1.tar.gz", "_Com1.tar.gz"),
        ("lpt¹", "_lpt¹"),
        ("\u200bcon", "_con"),
        ("console.txt", "console.txt"),
    ],
)
def test_a_name_is_harmless(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_recorded_names_become_what_was_agreed() -> None:
    rows = [json.loads(line) for line in FRAMES.read_text(encoding="utf-8").splitlines()]
    named = [row["expect"] for row in rows if "safe_name" in row["expect"]]
    assert named
    for expected in named:
        assert safe_name(expected["media"][0]["name"]) == expected["safe_name"]


def test_a_long_name_keeps_its_ending_and_whole_characters() -> None:
    assert safe_name("x" * 500 + ".docx") == "x" * (MAX_NAME - 5) + ".docx"
    long = safe_name("报" * 300 + ".pdf")
    assert long.endswith("报.pdf")
    assert MAX_NAME - 3 < len(long.encode()) <= MAX_NAME
    assert safe_name("a." + "b" * 500) == "a." + "b" * (MAX_NAME - 2)
    assert safe_name("." + "b" * 500) == "b" * MAX_NAME


def test_of_a_name_without_end_only_the_ends_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []
    monkeypatch.setattr(filenames, "_harmless", lambda character: looked_at.append(character) or character)
    assert safe_name("x" * 10**6 + ".pdf") == "x" * (MAX_NAME - 4) + ".pdf"
    assert len(looked_at) == 2 * filenames.MOST_LOOKED_AT


def test_what_is_left_of_nothing_is_the_callers_word() -> None:
    assert safe_name("\u202e", otherwise="picture") == "picture"


@given(st.text(st.characters(codec=None)) | st.text("./\\:\0 \u202econNUL", max_size=12))
def test_no_name_leaves_its_folder_or_hides_anything(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert len(safe.encode()) <= MAX_NAME
    assert os.path.basename(safe) == safe.replace("\\", "/")
    assert safe[0] not in ". "
    assert safe[-1] not in ". "
    assert not any(unicodedata.category(character).startswith("C") for character in safe)
    assert safe_name(safe) == safe
