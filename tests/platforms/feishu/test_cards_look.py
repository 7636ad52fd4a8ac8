"""How a text is written in a card, and how its changes are numbered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.platforms.feishu.cards.look import TABLES, card_of, for_card, summary_of
from trio_bridge.platforms.feishu.cards.sequences import BLOCK, REMEMBERED, Sequences
from trio_bridge.platforms.feishu.settings.cards import CardSettings

TABLE = "| a | b |\n|---|---|\n| 1 | 2 |"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# Title\n- a\n- b", "# Title\n- a\n- b"),
        ("see ![a plan](https://x.invalid/a.png)!", "see [a plan](https://x.invalid/a.png)!"),
        ('![](https://x.invalid/a.png "title")', "[https://x.invalid/a.png](https://x.invalid/a.png)"),
        ("```md\n![a](https://x.invalid/a.png)\n```", "```md\n![a](https://x.invalid/a.png)\n```"),
        ("![key](img_v3_0001)", "![key](img_v3_0001)"),
        ("<at id=all></at> look", "@all look"),
        ("<at ids=ou_1,all></at> look", "@all look"),
        ("<at ids=ou_1,ou_all></at> look", "<at ids=ou_1,ou_all></at> look"),
        ("half \ud83d", "half \ufffd"),
        (TABLE, TABLE),
        (f"```\n{TABLE}\n```", f"```\n{TABLE}\n```"),
    ],
)
def test_a_text_is_written_as_cards_take_it(text: str, shown: str) -> None:
    assert for_card(text, at_all=False) == shown


def test_everybody_is_mentioned_only_where_that_is_allowed() -> None:
    assert for_card("<at id=all></at>", at_all=True) == "<at id=all></at>"


def test_tables_too_many_are_code() -> None:
    text = "\n\n".join([TABLE] * (TABLES + 2))
    shown = for_card(text, at_all=False)
    assert shown.startswith("\n\n".join([TABLE] * TABLES))
    assert shown.endswith("\n\n".join([f"```\n{TABLE}\n```"] * 2))


@given(st.lists(st.sampled_from(["a", "|", "-", "\n", "```", " ", "![x](http://y)", "<at id=all>"])).map("".join))
def test_no_text_is_lost(text: str) -> None:
    def letters(said: str) -> str:
        return "".join(character for character in said if character in "ay")

    assert letters(for_card(text, at_all=True)) == letters(text)


def test_a_card_says_whether_more_is_to_come() -> None:
    growing = card_of("text", CardSettings(), growing=True)
    assert growing["config"] == {"streaming_mode": True, "update_multi": True}
    assert "header" not in growing
    whole = card_of("**text**", CardSettings(card_title=" Answer "), growing=False)
    assert whole["config"] == {"streaming_mode": False, "update_multi": True, "summary": {"content": "text"}}
    assert whole["header"] == {"title": {"tag": "plain_text", "content": "Answer"}, "template": "blue"}


@pytest.mark.parametrize(
    ("text", "summary"), [("# Hello\n\n**you** `there`", "Hello you there"), ("***", "***"), ("w " * 99, "w " * 30)]
)
def test_the_list_of_conversations_shows_a_line(text: str, summary: str) -> None:
    assert summary_of(text) == summary


def test_each_life_numbers_its_changes_higher() -> None:
    numbers = list[int]()
    for life in range(3):
        sequences = Sequences(lambda: 1_790_000_000.0)
        sequences.begin("card", life)
        numbers += [sequences.next("card") for _ in range(3)]
        sequences.begin("card", life)  # somebody else takes it up, too
        numbers.append(sequences.next("card"))
    assert numbers == sorted(set(numbers))
    assert numbers[0] == 1
    assert numbers[4] == BLOCK + 1


def test_a_card_that_nobody_knows_begins_with_the_clock() -> None:
    sequences = Sequences(lambda: 1_790_000_000.5)
    assert [sequences.next("other") for _ in range(3)] == [1_790_000_000, 1_790_000_001, 1_790_000_002]


def test_a_number_that_was_too_low_is_followed_by_one_that_is_not() -> None:
    sequences = Sequences(lambda: 1_790_000_000.5)
    sequences.begin("card", 0)
    sequences.skip("card")
    assert sequences.next("card") == 1_790_000_001
    sequences.skip("card")
    assert sequences.next("card") == 1_790_000_001 + BLOCK + 1


def test_only_so_many_cards_are_remembered() -> None:
    sequences = Sequences(lambda: 5.0)
    for number in range(REMEMBERED + 1):
        sequences.begin(f"card{number}", 0)
        sequences.next(f"card{number}")
    assert sequences.next("card0") == 5
    assert sequences.next(f"card{REMEMBERED}") == 2
