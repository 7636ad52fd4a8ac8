from __future__ import annotations

import pytest

from trio_bridge.engine.keys import first_reply, message_of, reply_key


@pytest.mark.parametrize("message", ["m1", "msg8/+x/==", "event:1", ""])
def test_a_reply_names_its_message_whatever_that_is_called(message: str) -> None:
    assert first_reply(message) == reply_key(message, 1)
    assert [message_of(reply_key(message, which)) for which in (1, 12, "empty")] == [message] * 3
