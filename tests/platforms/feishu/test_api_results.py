"""What answers of Feishu hold, read whatever it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.platforms.feishu.api.results import read_bot, read_stored

FIELDS = (
    "message_id", "msg_type", "chat_id", "sender", "id", "body", "content", "mentions", "create_time", "updated",
    "deleted", "open_id", "app_name", "activate_status", "id_type", "key", "name",
)  # fmt: skip
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
KINDS = st.sampled_from(["text", "post", "image", "merge_forward", '{"text": "@_user_1"}', "open_id", "@_user_1"])
VALUES = st.recursive(
    PLAIN | KINDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=8))
def test_nothing_in_an_answer_breaks_its_reader(item: dict[str, object]) -> None:
    stored, bot = read_stored(item, "ou_bot"), read_bot(item)
    assert stored.raw is item
    assert isinstance(stored.text, str)
    assert isinstance(bot.status, int)
