"""What happens at a simulator, fit for a terminal in either form."""

from __future__ import annotations

import json

from trio_bridge.runner.simulating.news import News

HOSTILE = "grüß\x9b2J 好的\x1b[5m"


def test_as_json_a_text_commands_no_terminal_and_is_whole() -> None:
    line = News("replied", "", {"text": HOSTILE}).as_json()
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["text"] == HOSTILE


def test_for_people_a_text_commands_no_terminal() -> None:
    assert News("replied", HOSTILE).for_people(timed=False) == "grüß\\x9b2J 好的\\x1b[5m"
