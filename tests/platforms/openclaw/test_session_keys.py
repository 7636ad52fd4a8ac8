"""What sessions are called."""

from __future__ import annotations

import pytest

from trio_bridge.platforms.openclaw.hello import Hello
from trio_bridge.platforms.openclaw.sessions import canonical, main_session, whole_key


@pytest.mark.parametrize(
    ("written", "key"),
    [("main", "agent:ops:main"), (" Front Desk", "agent:ops:front desk"), ("Agent:X:Y", "agent:x:y")],
)
def test_a_key_may_be_written_as_people_do(written: str, key: str) -> None:
    assert canonical(written, "Ops") == key


def test_what_the_gateway_said_of_itself_completes_a_key() -> None:
    hello = Hello(protocol=4, default_agent="ops", session_key="agent:ops:desk")
    assert (whole_key("main", hello), main_session(hello)) == ("agent:ops:main", "agent:ops:desk")


def test_before_it_said_anything_it_is_taken_for_one_like_most() -> None:
    assert (whole_key("room", None), main_session(None)) == ("agent:main:room", "main")
