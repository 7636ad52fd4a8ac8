"""What is handed over with a call, and what it means that no answer came."""

from __future__ import annotations

import pytest

from trio_bridge.bots.calls import given, harmless_to_repeat
from trio_bridge.errors import ConnectionLost, NotSent, OutcomeUnknown


def test_what_is_there_is_handed_over_as_utf_8_can_say_it() -> None:
    files = {"file": ("\ud800", b"\xff", "text/plain")}
    assert given(json={"a": ["\ud800b"]}, params=None, files=files) == {"json": {"a": ["\ufffdb"]}, "files": files}


def test_no_answer_to_what_is_harmless_is_a_connection_that_was_lost() -> None:
    with pytest.raises(ConnectionLost, match="no answer: silence"), harmless_to_repeat():
        raise OutcomeUnknown("silence")
    with pytest.raises(OutcomeUnknown, match=r"^silence$"), harmless_to_repeat(False):
        raise OutcomeUnknown("silence")
    with pytest.raises(NotSent), harmless_to_repeat():
        raise NotSent("no network")
