"""A script is read strictly, and whatever is wrong with it is said at once, by its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from trio_bridge.errors import ConfigError
from trio_bridge.platforms.dingtalk.gateway.frames import ROBOT
from trio_bridge.runner.simulating.chat_script import Say, Wait
from trio_bridge.runner.simulating.dingtalk_script import CALLS, VERBS, DingTalkScript, Fail, Push
from trio_bridge.runner.simulating.script import load_script


def load(tmp_path: Path, text: str) -> DingTalkScript:
    file = tmp_path / "play.toml"
    file.write_text(text, encoding="utf-8")
    return load_script(file, DingTalkScript, VERBS)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    start = f"{tmp_path / 'play.toml'}: "
    assert all(line.startswith(start) for line in caught.value.problems)
    return [line.removeprefix(start) for line in caught.value.problems]


def test_steps_are_read_in_order_each_by_its_verb(tmp_path: Path) -> None:
    script = load(
        tmp_path,
        """
        answers = "some"
        [rules]
        redeliver_after = 2
        quota = 1000
        card_templates = ["a.schema"]
        unsafe_words = ["bomb"]
        [[clients]]
        client_id = "ding1"
        client_secret = "hush"
        [[steps]]
        wait = "connected"
        within = 5
        [[steps]]
        after = 1.5
        say = "hello {n}"
        times = 100
        every = 0.1
        client = "ding1"
        [[steps]]
        push = { msgtype = "picture" }
        """,
    )
    assert script.steps == (
        Wait(wait="connected", within=5.0),
        Say(say="hello {n}", after=1.5, times=100, every=0.1, client="ding1"),
        Push(push={"msgtype": "picture"}, topic=ROBOT),
    )
    assert script.rules.redeliver_after == 2.0
    assert (script.rules.quota, script.rules.card_qps) == (1000, None)
    assert (script.rules.card_templates, script.rules.unsafe_words) == (frozenset({"a.schema"}), frozenset({"bomb"}))
    assert "hush" not in repr(script)


def test_without_anything_nothing_is_played_and_everybody_is_let_in(tmp_path: Path) -> None:
    assert load(tmp_path, "") == DingTalkScript()


@pytest.mark.parametrize("call", CALLS)
def test_every_call_that_a_script_knows_can_be_made_to_fail(tmp_path: Path, call: str) -> None:
    [step] = load(tmp_path, f"steps = [{{ fail = '{call}' }}]").steps
    assert isinstance(step, Fail)


@pytest.mark.parametrize(("call", "status"), [("open", 401), ("webhook", 200), ("upload", 200), ("direct", 400)])
def test_a_refusal_has_the_status_that_the_call_would_have(tmp_path: Path, call: str, status: int) -> None:
    assert load(tmp_path, f"steps = [{{ fail = '{call}' }}]").steps == (Fail(fail=call, status=status),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("[[steps]\n", ["line 1, column 8: Expected ']]' at the end of an array declaration"]),
        ("steps = 3", ["steps: expected a list of tables, not a number"]),
        ("steps = [3]", ["steps[0]: expected a table, not a number"]),
        ("step = []", ["step: unknown key; did you mean steps?"]),
        (
            "steps = [{ after = 1 }]",
            [
                "steps[0]: expected one of the keys say, send, event, duplicate, drop, silence, away, wait, expect, "
                "push, press, disconnect, fail"
            ],
        ),
        ("steps = [{ sya = 'x' }]", ["steps[0].sya: unknown key; did you mean say?"]),
        ("steps = [{ say = 'x', drop = 'rst' }]", ["steps[0]: expected one thing to do, not say and drop together"]),
        (
            "steps = [{ say = 'x', tiems = 2 }, { wait = 'answerd', after = -1 }]",
            [
                "steps[0].tiems: unknown key; did you mean times?",
                "steps[1].after: expected a number ≥ 0, not -1",
                'steps[1].wait: expected one of "connected", "acked", "answered", not "answerd"',
            ],
        ),
        ("steps = [{ push = { at = 2026-01-01 } }]", ["steps[0].push: expected no dates and no times: JSON has none"]),
        ("steps = [{ push = 'x' }]", ['steps[0].push: expected a table, not "x"']),
        ("rules = { redeliver_after = 0 }", ["rules.redeliver_after: expected a number, not 0"]),
        (
            "clients = [{ client_id = 'a', client_secret = 'hush' }]\nsteps = [{ say = 'x', client = 'b' }]",
            ['steps[0].client: expected "a", not "b"'],
        ),
        (
            "answers = 'twice'\nsteps = [{ say = 3 }]",
            [
                'answers: expected one of "once", "some", "any", not "twice"',
                "steps[0].say: expected a string, not 3",
            ],
        ),
        ("steps = [{ fail = 'webhook', code = 'no' }]", ['steps[0].code: expected digits, not "no"']),
        (
            "clients = [{ client_id = 'a', client_secret = { env = 'NOBODY_SET_THIS' } }]",
            ["clients[0].client_secret: environment variable NOBODY_SET_THIS is not set"],
        ),
    ],
)
def test_what_is_wrong_is_said_by_its_place(tmp_path: Path, text: str, lines: list[str]) -> None:
    assert problems(tmp_path, text) == lines
