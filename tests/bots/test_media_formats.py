"""What a file is, by its first bytes and its name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bots.media import EACH, OGG, WEBP
from trio_bridge.bots.media.formats import HEAD, ending_of, format_of


@pytest.mark.parametrize(("ending", "content"), [*EACH.items(), ("webp", WEBP), ("ogg", OGG)])
def test_every_documented_kind_is_known_by_its_first_bytes(ending: str, content: bytes) -> None:
    found = format_of(content[:HEAD])
    assert found is not None
    assert ending in found.endings


@pytest.mark.parametrize(
    ("name", "ending"), [("a.PDF", "pdf"), ("a.tar.gz", "gz"), ("a", ""), (".png", ""), ("a.", "")]
)
def test_the_ending_of_a_name(name: str, ending: str) -> None:
    assert ending_of(name) == ending


@given(st.binary(max_size=200))
def test_nothing_breaks_it(content: bytes) -> None:
    format_of(content)
