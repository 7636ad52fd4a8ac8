"""Markdown as posts show it, and texts in pieces that Feishu takes."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_bridge.bots.fences import fence_after
from trio_bridge.messages import Reply
from trio_bridge.platforms.feishu.config import Feishu
from trio_bridge.platforms.feishu.sending.contents import Content, post, text
from trio_bridge.platforms.feishu.sending.markdown import UNSEEN, for_post, without_everybody
from trio_bridge.platforms.feishu.sending.writing import POST_BYTES, TEXT_BYTES, is_post, pieces, written


def config(**changes: object) -> Feishu:
    return Feishu(name="hr", app_id="cli_1", app_secret="s", **changes)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("plain", "plain"),
        ("# One", "**One**"),
        ("###### Six ##", "**Six**"),
        ("## C# and **bold**", "**C# and bold**"),
        ("##", "##"),
        ("## ", ""),
        ("## ###", ""),
        ("#hashtag", "#hashtag"),
        ("* one\n+ two\n- three", "- one\n- two\n- three"),
        ("1) one\n2. two", "1. one\n2. two"),
        ("- a\n  - b\n    - c\n  - d\n- e", "- a\n    - b\n        - c\n    - d\n- e"),
        ("1. a\n   - b\n\t- c", "1. a\n    - b\n        - c"),
        ("- a\n    - b\n\ntext\n  - c", "- a\n    - b\n\ntext\n- c"),
        ("**bold** and *italic*", "**bold** and *italic*"),
        ("***", " --- "),
        ("- - -", " --- "),
        ("___", " --- "),
        ("---x", "---x"),
        ("![plan](https://example.com/a.png)", "[plan](https://example.com/a.png)"),
        ("![](http://x/y) ![b](img_v3_1)", "[](http://x/y) ![b](img_v3_1)"),
        ("a | b", "a | b"),
        ("Look:\n| a | b |\n|---|:-:|\n| 1 | 2 |\nend", "Look:\n```\n| a | b |\n|---|:-:|\n| 1 | 2 |\n```\nend"),
        ("a | b\n--|--\n1 | 2", "```\na | b\n--|--\n1 | 2\n```"),
        ("```md\n# no heading\n| a |\n|---|\n* x\n```\n# One", "```md\n# no heading\n| a |\n|---|\n* x\n```\n**One**"),
        ("~~~\n# x\n~~~", "~~~\n# x\n~~~"),
        ("", ""),
    ],
)
def test_a_post_shows_what_it_can(said: str, shown: str) -> None:
    assert for_post(said) == shown


WORDS = st.sampled_from(
    [
        "word",
        "一",
        "🎉",
        "\x00",
        '"',
        "\\",
        "\n",
        "\n\n",
        " ",
        "```",
        "```py\n",
        "|",
        "|-|",
        "- ",
        "  - ",
        "# ",
        "![",
        "](http://x)",
    ]
)
TEXTS = st.lists(WORDS | st.text(max_size=20), max_size=60).map("".join)


@given(TEXTS)
def test_no_word_is_lost(said: str) -> None:
    assert re.sub(r"[\W_]", "", for_post(said)) == re.sub(r"[\W_]", "", said)


@pytest.mark.parametrize(
    "said",
    [
        "# " + " " * 60_000 + "x",
        "![" * 40_000,
        "- " * 40_000,
        "<at " * 30_000,
        "<at " + "user_id=" * 20_000,
        "|-" * 40_000,
    ],
)
def test_no_line_is_read_again_and_again(said: str) -> None:
    assert for_post(without_everybody(said))  # else it would take minutes


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ('<at user_id="all"></at> hi', "@all hi"),
        ('<at user_id="all">所有人</at>hi', "@allhi"),
        ("<at id=all></at>", "@all"),
        ("<AT  user_id = 'all' >x</AT>", "@all"),
        ('<at name="x" user_id="all">', "@all"),
        ('<at user_id="ou_allan"></at>', '<at user_id="ou_allan"></at>'),
        ('<at user_id="allan"></at>', '<at user_id="allan"></at>'),
        ('<at user_id="ou_1" name="Tom (all)">Tom</at>', '<at user_id="ou_1" name="Tom (all)">Tom</at>'),
        ("<at" + " " * 300 + 'user_id="all"></at>', "@all"),
        ('<at user_id="all"' + " " * 300 + "></at>", "@all"),
        ('<at name="' + "x" * 300 + '" user_id = " all "></at>', "@all"),
        ('<at name=">" user_id="all"></at>', f'<{UNSEEN}at name=">" user_id="all"></at>'),
        ('<at/user_id="all"></at>', f'<{UNSEEN}at/user_id="all"></at>'),
        ('<at user_id="&#97;ll"></at>', f'<{UNSEEN}at user_id="&#97;ll"></at>'),
        ("a List<At> of <at>", "a List<At> of <at>"),
        ("a < b, all", "a < b, all"),
    ],
)
def test_everybody_is_not_mentioned(said: str, left: str) -> None:
    assert without_everybody(said) == left
    reply = Reply(said)
    assert pieces(reply, config())[0].text == left
    assert pieces(reply, config(at_all=True))[0].text == said


@pytest.mark.parametrize("said", ['# <a**t user_id="all"></at>', '## <at user_id="a**ll"></at>'])
def test_a_heading_makes_no_mention_of_what_was_none(said: str) -> None:
    shown = posted(written(pieces(Reply(said), config())[0], "post"))
    assert '<at user_id="all"' not in shown


def posted(content: Content) -> str:
    return str(json.loads(content.json)["zh_cn"]["content"][0][0]["text"])


@pytest.mark.parametrize(
    ("mode", "said", "title", "expected"),
    [
        ("card", "hi", "", "text"),
        ("card", "two\nlines", "", "post"),
        ("auto", "**bold**", "", "post"),
        ("auto", "hi", "News", "post"),
        ("post", "hi", "", "post"),
        ("text", "**bold**\nx", "News", "text"),
    ],
)
def test_an_answer_looks_as_the_account_wants_it(mode: str, said: str, title: str, expected: str) -> None:
    reply = Reply(said, title=title)
    assert written(reply, mode).type == expected
    assert is_post(reply, mode) is (expected == "post")


def test_a_mention_comes_first() -> None:
    assert json.loads(written(Reply("hi"), "text", "ou_1").json) == {"text": '<at user_id="ou_1"></at> hi'}
    assert posted(written(Reply("# hi"), "post", "ou_1")) == '<at user_id="ou_1"></at>\n**hi**'


def test_a_post_has_a_title_if_there_is_one() -> None:
    assert json.loads(post("x", "News").json) == {"zh_cn": {"title": "News", "content": [[{"tag": "md", "text": "x"}]]}}
    assert "title" not in json.loads(post("x").json)["zh_cn"]


@settings(max_examples=20)
@given(
    TEXTS,
    st.sampled_from(["🎉", "\x01", "一", '"', "x\n", "|\n|-|\n", " - a\n", "\\"]),
    st.sampled_from(["auto", "text"]),
)
def test_no_piece_is_larger_than_feishu_takes(said: str, sign: str, mode: str) -> None:
    account, long = config(reply_mode=mode), said + sign * 20_000
    cut = pieces(Reply(long), account)
    for piece in cut:
        most = TEXT_BYTES if mode == "text" else POST_BYTES
        assert written(piece, mode).size <= most
        assert text(piece.text).size <= TEXT_BYTES
    assert [piece.first for piece in cut] == [True] + [False] * (len(cut) - 1)
    assert cut == pieces(Reply(long), account)


def test_nothing_of_a_long_answer_is_lost() -> None:
    said = "".join(f"line {number}\n" for number in range(9000))
    cut = pieces(Reply(said, title="T"), config())
    assert "".join(piece.text for piece in cut) == said
    assert len(cut) > 3
    assert [piece.title for piece in cut] == ["T"] + [""] * (len(cut) - 1)


def test_code_that_is_cut_is_closed_and_opened_again() -> None:
    cut = pieces(Reply("Look:\n```python\n" + "x = 1\n" * 9000 + "```\nThere."), config())
    assert len(cut) > 1
    for piece in cut:
        assert fence_after(posted(written(piece, "auto")), "") == ""
    assert all(piece.text.startswith("```python\nx = 1\n") for piece in cut[1:])


def test_texts_alone_may_be_longer() -> None:
    said = Reply("word " * 20_000)
    assert len(pieces(said, config(reply_mode="text"))) == 1
    assert len(pieces(said, config(reply_mode="text", group_reply_mode="post"))) > 1
    assert len(pieces(said, config(reply_mode="text", groups={"oc_1": {"reply_mode": "auto"}}))) > 1


def test_an_empty_answer_is_one_empty_piece() -> None:
    assert [piece.text for piece in pieces(Reply(" \n"), config())] == [""]
