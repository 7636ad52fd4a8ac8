"""Other robots by their names."""

from __future__ import annotations

import pytest

from trio_bridge.platforms.dingtalk.aliases import Aliases

ALIASES = Aliases({"helper": "$:B1", "helper two": "$:B2", "助手": "$:B3", "a.b": "$:B4"})


@pytest.mark.parametrize(
    ("text", "said", "mentioned"),
    [
        ("@helper please", "@$:B1 please", ("$:B1",)),
        ("@helper two please", "@$:B2 please", ("$:B2",)),
        ("(@helper), @助手 and @helper!", "(@$:B1), @$:B3 and @$:B1!", ("$:B1", "$:B3")),
        ("@a.b @axb", "@$:B4 @axb", ("$:B4",)),
        ("@helpers, me@helper, helper", "@helpers, me@helper, helper", ()),
        ("", "", ()),
    ],
)
def test_names_become_ids(text: str, said: str, mentioned: tuple[str, ...]) -> None:
    assert ALIASES.applied(text) == (said, mentioned)


def test_without_names_nobody_is_mentioned() -> None:
    assert Aliases({}).applied("@ @helper") == ("@ @helper", ())
