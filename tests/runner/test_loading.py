"""One file becomes accounts, agents and a store, or a list of everything that is wrong with it."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.runner.letters import SALES, SUPPORT, Load, Problems
from trio_bridge.agents.config import AGENTS, EchoConfig, PythonConfig
from trio_bridge.agents.echo import Echo
from trio_bridge.config import Secret
from trio_bridge.errors import ConfigError
from trio_bridge.platforms.registry import Registry
from trio_bridge.runner.loading import load_config, read_config
from trio_bridge.runner.wording import one_of

# What a file can say


def test_a_small_file_is_enough(load: Load, tmp_path: Path) -> None:
    config = load(SALES)
    [account] = config.accounts
    assert (account.name, account.platform, account.workers) == ("sales", "letters", 8)
    assert config.store == f"sqlite:{tmp_path}/bridge.db"
    assert config.agents == {("agent",): EchoConfig()}
    assert config.answering() == {("agent",): ["sales"]}


def test_a_store_lies_beside_the_file_unless_it_says_otherwise(load: Load, tmp_path: Path) -> None:
    assert load(SALES + '[store]\nurl = "memory:"\n').store == "memory:"
    assert load(SALES + '[store]\nurl = "sqlite:state/b.db"\n').store == f"sqlite:{tmp_path}/state/b.db"
    assert load(SALES + '[store]\nurl = "sqlite:/var/lib/b.db"\n').store == "sqlite:/var/lib/b.db"


@pytest.mark.parametrize(
    "url", ["", "memory", "memory:x", "sqlite:", "sqlite::memory:", "sqlite:///b.db", "redis://host"]
)
def test_a_store_that_is_not_understood_is_refused(problems: Problems, url: str) -> None:
    assert problems(SALES + f'[store]\nurl = "{url}"\n') == [
        f'store.url: expected "memory:" or "sqlite:PATH", not "{url}"'
    ]


def test_an_account_may_name_its_own_agent(load: Load) -> None:
    config = load(
        SALES + SUPPORT + 'agent = "clerk"\n[agents.clerk]\nkind = "python"\nhandler = "clerk:answer"\n',
    )
    assert config.answering() == {("agent",): ["sales"], ("agents", "clerk"): ["support"]}
    assert config.agents[("agents", "clerk")] == PythonConfig("clerk:answer")


def test_no_agent_for_all_is_needed_where_every_account_names_one(load: Load) -> None:
    config = load(SALES + 'agent = "e"\n[agents.e]\nkind = "echo"\n', agent="")
    assert config.answering() == {("agents", "e"): ["sales"]}


def test_defaults_lie_under_every_account_of_their_platform(load: Load) -> None:
    sales, support = load("[defaults.letters]\nworkers = 3\nsenders = 9\n" + SALES + "workers = 5\n" + SUPPORT).accounts
    assert (sales.workers, sales.senders) == (5, 9)
    assert (support.workers, support.senders) == (3, 9)


def test_tables_by_names_lie_over_the_defaults_name_by_name_and_key_by_key(load: Load) -> None:
    text = """
[defaults.letters.rooms]
hall = { width = 1, label = "all" }
attic = { width = 2 }
"""
    own = '[accounts.sales.rooms]\nhall = { width = 3 }\ncellar = { width = 4, label = "deep" }\n'
    [sales] = load(text + SALES + own).accounts
    rooms = {name: (room.width, room.label) for name, room in sales.rooms.items()}  # type: ignore[attr-defined]
    assert rooms == {"hall": (3, "all"), "attic": (2, ""), "cellar": (4, "deep")}


def test_a_mistake_in_a_table_by_name_is_said_where_it_stands(problems: Problems) -> None:
    text = "[defaults.letters.rooms]\nhall = { width = 1, colour = 2 }\nattic = 5\n"
    assert problems(text + SALES + "rooms.hall = { width = 'wide' }\nrooms.cellar = {}\n") == [
        "defaults.letters.rooms.hall.colour: unknown key",
        'accounts.sales.rooms.hall.width: expected a number > 0, not "wide"',
        "defaults.letters.rooms.attic: expected a table, not 5",
        "accounts.sales.rooms.cellar.width: missing: expected a number",
    ]
    assert problems(text + SALES + "rooms = 5\n") == ["accounts.sales.rooms: expected a table, not 5"]


def test_defaults_may_name_the_agent(load: Load) -> None:
    config = load('[defaults.letters]\nagent = "e"\n[agents.e]\nkind = "echo"\n' + SALES, agent="")
    assert config.answering() == {("agents", "e"): ["sales"]}


def test_a_secret_may_come_from_a_variable_or_a_file_beside_the_configuration(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUSH", "x")
    (tmp_path / "key.secret").write_text("x")
    [account] = load(SALES.replace('"hush"', '{ env = "HUSH" }') + 'spare_key = { file = "key.secret" }\n').accounts
    assert account.secrets() == (Secret(env="HUSH"), Secret(file=tmp_path / "key.secret"))


def test_a_disabled_account_may_wait_for_its_secret(load: Load) -> None:
    [account] = load(SALES.replace('"hush"', '{ env = "NOBODY_SET_THIS" }') + "enabled = false\n").accounts
    assert not account.enabled


# What can be wrong with it


def test_every_problem_is_said_at_once_a_line_each(problems: Problems) -> None:
    text = """
colour = "red"
[store]
url = "mysql:bridge"
[agents.clerk]
kind = "python"
[accounts.sales]
platform = "letters"
client_id = "c1"
key = 12345678
worker = 8
workers = "8"
[accounts.support]
platform = "pigeons"
"""
    assert problems(text) == [
        "colour: unknown key",
        'store.url: expected "memory:" or "sqlite:PATH", not "mysql:bridge"',
        "agents.clerk.handler: missing: expected a string",
        "accounts.sales.worker: unknown key; did you mean workers?",
        'accounts.sales.workers: expected a whole number ≥ 1, not "8"',
        "accounts.sales.key: expected a string, { env = NAME } or { file = PATH }, not a number",
        'accounts.support.platform: expected "letters", not "pigeons"',
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("accounts = 5\n", "accounts: expected a table, not a number"),
        ("store = []\n" + SALES, "store: expected a table, not a list"),
        ("accounts.sales = 5\n", "accounts.sales: expected a table, not a number"),
        ("[defaults]\nletters = 5\n" + SALES, "defaults.letters: expected a table, not a number"),
        ("[defaults.pigeons]\n" + SALES, 'defaults.pigeons: expected "letters" as the name of a platform'),
        ("[acounts.sales]\n", "acounts: unknown key; did you mean accounts?"),
        ("[accounts.sales]\nplatform = []\n", 'accounts.sales.platform: expected "letters", not a list'),
        ("[accounts.sales]\nclient_id = 'x'\n", 'accounts.sales.platform: missing: expected "letters"'),
        (SALES.replace("client_id", "client"), "accounts.sales.client_id: missing: expected a string"),
        (SALES + "name = 'x'\n", "accounts.sales.name: not here: it is the NAME in the heading of the table"),
        (SALES + "queue_size = 4\n", "accounts.sales.queue_size: expected at least workers (8), not 4"),
        (SALES.replace("sales", '" "'), "accounts.\" \": account name ' ': expected 1 to 100 printable characters"),
        (SALES + "agent = 'clerk'\n", 'accounts.sales.agent: expected the NAME of a table [agents.NAME], not "clerk"'),
        (SALES + "agent = 'a'\n[agents.b]\nkind='echo'\n", 'accounts.sales.agent: expected "b", not "a"'),
        (SALES + "agent = 5\n[agents.b]\nkind='echo'\n", 'accounts.sales.agent: expected "b", not 5'),
        (SALES + "[agents]\nb = 5\n", "agents.b: expected a table, not a number"),
    ],
)
def test_a_mistake_is_named_with_its_place(problems: Problems, text: str, line: str) -> None:
    assert line in problems(text)


@pytest.mark.parametrize("kind", ["Echo", "pigeon"])
def test_an_agent_that_does_not_exist_is_refused_with_those_that_do(problems: Problems, kind: str) -> None:
    assert problems(SALES, agent=f'[agent]\nkind = "{kind}"\n') == [
        f'agent.kind: expected {one_of(AGENTS)}, not "{kind}"'
    ]


def test_an_agent_is_said_to_be_missing_once_for_all_accounts(problems: Problems) -> None:
    assert problems(SALES + SUPPORT, agent="") == ["agent: missing: it answers in the accounts that name no agent"]


def test_a_file_without_accounts_is_of_no_use(problems: Problems) -> None:
    assert problems("") == ["accounts: expected at least one table [accounts.NAME]"]
    assert problems("[accounts]\n") == ["accounts: expected at least one table [accounts.NAME]"]


def test_accounts_that_are_there_but_cannot_be_read_are_not_said_to_be_missing(problems: Problems) -> None:
    assert problems("[acounts.sales]\n") == ["acounts: unknown key; did you mean accounts?"]


def test_two_accounts_of_one_client_are_refused(problems: Problems) -> None:
    assert problems(SALES + SUPPORT.replace("c2", "c1")) == [
        "accounts.support: the same letters client as accounts.sales: only one account may hold it"
    ]


def test_a_mistake_in_the_defaults_is_said_once_and_there(problems: Problems) -> None:
    assert problems("[defaults.letters]\nworkers = 0\nagent = 'x'\n" + SALES + SUPPORT) == [
        "defaults.letters.workers: expected a whole number ≥ 1, not 0",
        'defaults.letters.agent: expected the NAME of a table [agents.NAME], not "x"',
    ]


def test_a_mistake_of_an_account_is_its_own_whatever_the_defaults_say(problems: Problems) -> None:
    assert problems("[defaults.letters]\nworkers = 3\n" + SALES + "workers = 0\n") == [
        "accounts.sales.workers: expected a whole number ≥ 1, not 0"
    ]


def test_several_rules_of_a_platform_are_several_lines(problems: Problems) -> None:
    assert problems(SALES + "mode = 'fast'\n") == [
        "accounts.sales.friends: expected some, to be fast",
        "accounts.sales.owner: expected one, to be fast",
    ]


def test_a_missing_variable_is_found_at_load(problems: Problems) -> None:
    assert problems(SALES.replace('"hush"', '{ env = "NOBODY_SET_THIS" }')) == [
        "accounts.sales.key: environment variable NOBODY_SET_THIS is not set"
    ]


def test_a_missing_secret_file_is_found_at_load(problems: Problems, tmp_path: Path) -> None:
    assert problems(SALES.replace('"hush"', '{ file = "gone" }')) == [
        f"accounts.sales.key: secret file {tmp_path}/gone: No such file or directory"
    ]


def test_a_secret_is_in_no_line_whatever_else_is_wrong(problems: Problems) -> None:
    text = (
        SALES.replace('"hush"', '["tell-nobody"]')
        + 'spare_keys = "tell-nobody"\nspare_key = { text = "tell-nobody" }\n'
    )
    assert not [line for line in problems(text) if "tell-nobody" in line]


def test_a_syntax_error_names_its_line(problems: Problems) -> None:
    assert problems("\n\n[accounts\n", agent="") == [
        "line 3, column 10: Expected ']' at the end of a table declaration"
    ]


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"b\.toml: expected a text in UTF-8$"):
        load_config(tmp_path / "b.toml")


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.toml: No such file or directory$"):
        load_config(tmp_path / "gone.toml")
    with pytest.raises(ConfigError, match=r"Is a directory$"):
        load_config(tmp_path)


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "9" * 5000])
def test_a_file_without_measure_is_refused(problems: Problems, text: str) -> None:
    assert problems(text, agent="") == ["a number or a nesting beyond all measure"]


def test_a_line_cannot_be_forged(problems: Problems) -> None:
    lines = problems(SALES + '"a\\nbridge.toml: all is well \\u001b[2J" = 1\n')
    assert lines == ['accounts.sales."a\\nbridge.toml: all is well \\u001b[2J": unknown key']


# Agents are made when all else is right


def test_every_account_gets_its_agent_and_one_agent_serves_many(load: Load, tmp_path: Path) -> None:
    (tmp_path / "clerk_of_test_loading.py").write_text("async def answer(message): return 'yes'\n")
    handler = "clerk_of_test_loading:answer"
    clerk = f'[agents.clerk]\nkind = "python"\nhandler = "{handler}"\n'
    config = load(SALES + SUPPORT + 'agent = "clerk"\n' + clerk)
    router = config.build_agent()
    assert router.default == Echo()
    [support] = router.routes
    assert (support.account, support.agent) == ("support", sys.modules["clerk_of_test_loading"].answer)


def test_every_agent_that_cannot_be_made_has_its_line(load: Load) -> None:
    named = SALES + 'agent = "a.b"\n[agents."a.b"]\nkind = "python"\nhandler = "nothing"\n'
    config = load(SUPPORT + named, agent='[agent]\nkind = "python"\nhandler = "no_such_module_anywhere:x"\n')
    with pytest.raises(ConfigError) as caught:
        config.build_agent()
    first, second = sorted(caught.value.problems)
    assert first.startswith("bridge.toml: agent.handler: module no_such_module_anywhere found neither in ")
    assert second == 'bridge.toml: agents."a.b".handler: expected "package.module:function", not "nothing"'


# Whatever comes


keys = st.sampled_from(
    ["store", "agent", "agents", "defaults", "accounts", "letters", "sales", "platform", "kind", "url", "key", "env"]
) | st.text(max_size=5)
values = st.recursive(
    st.sampled_from(["letters", "echo", "python", "memory:", "sqlite:x", "a"])
    | st.text(max_size=5)
    | st.integers()
    | st.booleans()
    | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=20,
)
accounts = st.dictionaries(
    keys,
    st.fixed_dictionaries(
        {"platform": st.just("letters"), "client_id": st.text(max_size=3), "key": values},
        optional={"workers": values, "agent": values, "friends": values, "shelf": values, "mode": values},
    ),
    max_size=3,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(keys, values) | st.fixed_dictionaries({"accounts": accounts}, optional={"agent": values}))
def test_whatever_a_file_holds_nothing_but_a_config_error_is_raised(
    platforms: Registry, tables: dict[str, Any]
) -> None:
    with suppress(ConfigError):
        read_config(tables, Path("bridge.toml"), platforms)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text() | st.binary())
def test_whatever_bytes_a_file_has_nothing_but_a_config_error_is_raised(tmp_path: Path, content: str | bytes) -> None:
    file = tmp_path / "bridge.toml"
    file.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    with suppress(ConfigError):
        load_config(file)
