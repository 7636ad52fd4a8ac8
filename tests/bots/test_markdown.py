"""What is markdown, and what only looks like it."""

from __future__ import annotations

import pytest

from trio_bridge.bots.markdown import is_markdown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain words, 3 * 4 and snake_case", False),
        ("C# and [brackets]", False),
        ("two\nlines", True),
        ("# heading", True),
        ("- item", True),
        ("1. item", True),
        ("> quoted", True),
        ("this is **bold**", True),
        ("run `ls`", True),
        ("a [link](https://example.invalid/)", True),
        ("~~gone~~", True),
    ],
)
def test_markdown_is_recognised(text: str, expected: bool) -> None:
    assert is_markdown(text) is expected
