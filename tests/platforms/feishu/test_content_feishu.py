"""What single kinds of messages hold, beyond what was recorded of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trio_bridge.platforms.feishu.events.card_words import CARD_NODES
from trio_bridge.platforms.feishu.events.content import Content, read_content
from trio_bridge.platforms.feishu.events.mentions import Mentions
from trio_bridge.platforms.feishu.events.reading import FILES

BOT = "ou_bot"
PEOPLE = [
    {"key": "@_user_1", "id": {"open_id": BOT}, "name": "Bot"},
    {"key": "@_user_2", "id": {"open_id": "ou_ann"}, "name": "Ann"},
    {"key": "@_user_3", "id": {"open_id": "ou_nameless"}, "name": ""},
]


def read(kind: str, content: Any) -> Content:
    return read_content(kind, json.dumps(content), Mentions(PEOPLE, BOT), "om_1")


def post(*paragraphs: list[Any], title: str = "") -> str:
    return read("post", {"title": title, "content": list(paragraphs)}).text


def at(who: str, name: str = "") -> dict[str, str]:
    return {"tag": "at", "user_id": who, "user_name": name}


def said(text: str) -> dict[str, str]:
    return {"tag": "text", "text": text}


# Rich text


@pytest.mark.parametrize(
    ("element", "shown"),
    [
        (at("@_user_2"), "@Ann"),
        (at("@_user_3", "Kim"), "@Kim"),
        (at("@_user_3"), "@_user_3"),
        (at("ou_other", "Lee"), "@Lee"),
        (at("ou_other"), "@ou_other"),
        (at("all"), "@all"),
        ({"tag": "a", "href": "https://x.test", "text": "https://x.test"}, "https://x.test"),
        ({"tag": "a", "href": "https://x.test"}, "https://x.test"),
        ({"tag": "a", "href": "https://x.test", "text": "there"}, "[there](https://x.test)"),
        ({"tag": "emotion", "emoji_type": "OK"}, ":OK:"),
        ({"tag": "emotion"}, ""),
        ({"tag": "code_block", "text": "x = 1"}, "```\nx = 1\n```"),
        ({"tag": "new", "text": "kept"}, "kept"),
        ({"tag": ["at"], "text": "kept"}, "kept"),
        (said("@_user_2!"), "@Ann!"),
        ({"tag": "text", "text": None}, ""),
        ("no element", ""),
    ],
)
def test_an_element_is_shown_as_text(element: Any, shown: str) -> None:
    assert post([said("<"), element, said(">")]) == f"<{shown}>"


def test_a_mention_of_the_bot_takes_the_space_that_begins_the_next_element() -> None:
    assert post([at("@_user_1"), said(" look")], [said("at "), at(BOT, "Bot"), said(" this")]) == "look\nat this"


def test_a_paragraph_of_nothing_but_the_bot_leaves_no_empty_line() -> None:
    assert post([said("one")], [at("@_user_1")], [said("two")], title="Title") == "Title\none\ntwo"


def test_the_bot_in_a_text_is_mentioned_though_no_list_says_so() -> None:
    mentions = Mentions(None, BOT)
    read_content("post", {"content": [[at(BOT)]]}, mentions, "om_1")
    assert (mentions.bot, mentions.people) == (True, [])


@pytest.mark.parametrize("locales", [("zh_cn", "en_us"), ("en_us", "zh_cn"), ("it_it", "zh_cn")])
def test_of_several_languages_the_usual_one_is_read(locales: tuple[str, ...]) -> None:
    content = {locale: {"title": locale, "content": [[said("text")]]} for locale in locales}
    assert read("post", content).text == "zh_cn\ntext"


def test_a_language_that_nobody_expects_is_read_too() -> None:
    assert read("post", {"it_it": {"content": [[said("ciao")]]}}).text == "ciao"
    assert read("post", {"title": "no paragraphs"}).text == "no paragraphs"


def test_a_picture_without_a_key_is_told_of_by_degraded_only() -> None:
    assert read("post", {"content": [[{"tag": "img"}, said("text")]]}) == Content("text", (), degraded=True)


def test_files_of_one_message_are_bounded() -> None:
    found = read("post", {"content": [[{"tag": "img", "image_key": f"img_{i}"} for i in range(FILES + 5)]]}).media
    assert [each.source["file_key"] for each in found] == [f"img_{i}" for i in range(FILES)]


# Cards


def test_a_card_is_read_from_top_to_bottom() -> None:
    card = {
        "header": {
            "title": {"tag": "plain_text", "content": "Title"},
            "subtitle": {"tag": "lark_md", "content": "Sub"},
        },
        "elements": [
            {"tag": "div", "text": {"tag": "lark_md", "content": "one"}, "fields": [{"text": {"tag": "plain_text"}}]},
            {"tag": "column_set", "columns": [{"elements": [{"tag": "markdown", "content": "two"}]}]},
            {"tag": "action", "actions": [{"tag": "button", "text": {"tag": "plain_text", "content": "Press"}}]},
            {"tag": "img", "img_key": "img_1"},
        ],
    }
    assert read("interactive", card) == Content("Title\nSub\none\ntwo\nPress")


def test_no_card_is_too_deep_or_too_large() -> None:
    deep: Any = {"tag": "markdown", "content": "deep"}
    for _ in range(300):
        deep = {"elements": [deep]}
    assert read("interactive", {"body": deep}).text == "deep"
    wide = {"elements": [{"tag": "markdown", "content": "x"}] * (2 * CARD_NODES)}
    assert read("interactive", wide).text.count("x") <= CARD_NODES
    endless: dict[str, Any] = {}
    endless["elements"] = [endless]
    assert read_content("interactive", endless, Mentions(None, ""), "om_1") == Content()


# The rest


def test_a_notice_has_its_names_put_in() -> None:
    notice = {"template": "{who} and {nobody}: {many}", "who": "Ann", "many": ["Bob", 7, None]}
    assert read("system", notice).text == "Ann and {nobody}: Bob, 7,"


@pytest.mark.parametrize("names", ["x" * 10_000, ["x"] * 10_000], ids=["one", "many"])
def test_the_names_of_a_notice_do_not_multiply(names: Any) -> None:
    notice = {"template": "{a}" * 10_000, "a": names}
    assert len(read("system", notice).text) < 50_000


@pytest.mark.parametrize("kind", ["", "x" * 10_000, "todo", "merge_forward"])
def test_a_kind_that_nobody_knows_is_named(kind: str) -> None:
    content = read_content(kind, "Merged and Forwarded Message", Mentions(None, ""), "om_1")
    assert content == Content(f"[{kind[:40] or 'unknown'}]", degraded=True)


@pytest.mark.parametrize("content", [None, 7, [], "[]", "{oops", "[" * 100_000, '{"a":' + "9" * 5000 + "}"])
def test_content_that_is_no_object_is_degraded(content: Any) -> None:
    assert read_content("text", content, Mentions(None, ""), "om_1") == Content(degraded=True)


def test_content_may_come_opened() -> None:
    assert read_content("text", {"text": " hi "}, Mentions(None, ""), "om_1") == Content("hi")


@pytest.mark.parametrize("duration", [-1, 4.2, True, "4200", None])
def test_a_duration_that_is_none_is_left_out(duration: Any) -> None:
    [found] = read("audio", {"file_key": "file_1", "duration": duration}).media
    assert dict(found.source) == {"message_id": "om_1", "file_key": "file_1", "type": "file"}


def test_a_text_that_nobody_can_encode_is_read() -> None:
    assert read_content("text", '{"text":"a \\ud83d b"}', Mentions(None, ""), "om_1").text == "a \ufffd b"
