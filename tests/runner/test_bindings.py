"""``[[bindings]]``: who answers whom, and what is wrong with that, at load."""

from __future__ import annotations

import pytest

from tests.runner.letters import SALES, SUPPORT, Load, Problems
from trio_bridge.agents.echo import Echo
from trio_bridge.agents.routing import Route
from trio_bridge.runner.answering import places_of

AGENTS = """
[agents.shop]
kind = "echo"
[agents.news]
kind = "echo"
"""


def bound(*bindings: str) -> str:
    return "".join(f"[[bindings]]\n{binding}\n" for binding in bindings) + AGENTS


def test_bindings_become_routes_in_their_order_and_the_agents_of_accounts_come_after(load: Load) -> None:
    config = load(
        SALES
        + SUPPORT
        + 'agent = "news"\n'
        + bound(
            'agent = "shop"\npeer_kind = "group"\npeer_id = "cidA="',
            'agent = "default"\npeer_id = 100001',
            'agent = "shop"\naccount = "sales"\nplatform = "letters"',
        )
    )
    router = config.build_agent()
    shop, news = config.agents[("agents", "shop")], config.agents[("agents", "news")]
    assert shop == news  # kind for kind
    assert router.default == Echo()
    assert [(route.account, route.platform, route.peer_kind, route.peer_id) for route in router.routes] == [
        (None, None, "group", "cidA="),
        (None, None, None, "100001"),
        ("sales", "letters", None, None),
        ("support", None, None, None),
    ]
    assert all(isinstance(route, Route) for route in router.routes)
    assert router.routes[0].agent is router.routes[2].agent is not router.routes[3].agent
    assert router.routes[1].agent is router.default


def test_an_agent_may_be_called_default(load: Load) -> None:
    config = load(SALES + '[[bindings]]\nagent = "default"\npeer_id = "*"\n[agents.default]\nkind = "echo"\n', agent="")
    assert config.answering() == {("agents", "default"): ["sales"]}


def test_an_account_may_name_the_agent_for_all_against_its_defaults(load: Load) -> None:
    config = load('[defaults.letters]\nagent = "shop"\n' + SALES + 'agent = "default"\n' + SUPPORT + AGENTS)
    assert config.answering() == {("agent",): ["sales"], ("agents", "shop"): ["support"]}


def test_an_account_of_which_everything_is_bound_needs_no_agent(load: Load) -> None:
    both = 'agent = "shop"\npeer_kind = "group"', 'agent = "news"\npeer_kind = "direct"'
    for bindings in (both, ('agent = "shop"\npeer_id = "*"',), ('agent = "shop"\nplatform = "letters"',)):
        assert ("agent",) not in load(SALES + bound(*bindings), agent="").answering()


@pytest.mark.parametrize(
    ("binding", "left"),
    [('peer_kind = "group"', "direct conversations"), ('peer_kind = "direct"\npeer_id = "*"', "groups")],
)
def test_who_would_not_be_answered_is_said(problems: Problems, binding: str, left: str) -> None:
    assert problems(SALES + bound(f'agent = "shop"\n{binding}'), agent="") == [
        f"accounts.sales: nobody answers in {left}: name an agent, or bind them too"
    ]
    assert problems(SALES + bound('agent = "shop"\npeer_id = "mei"'), agent="") == [
        "agent: missing: it answers in the accounts that name no agent"
    ]


@pytest.mark.parametrize(
    ("bindings", "lines"),
    [
        (['peer_id = "mei"'], ["bindings[0].agent: missing: expected a string"]),
        (
            ['agent = "shop"'],
            [
                "bindings[0]: expected account, platform, peer_kind or peer_id: "
                "what nothing else answers is for [agent]"
            ],
        ),
        (
            ['agent = "shop"\npeer_id = "a"', 'agent = "clerk"\npeer_id = "b"'],
            ['bindings[1].agent: expected "news" or "shop", not "clerk"'],
        ),
        (
            ['agent = "shop"\naccount = "marketing"\npeer = "a"'],
            ["bindings[0].peer: unknown key"],
        ),
        (
            ['agent = "clerk"\naccount = "marketing"'],
            [
                'bindings[0].account: expected the NAME of a table [accounts.NAME], not "marketing"',
                'bindings[0].agent: expected "news" or "shop", not "clerk"',
            ],
        ),
        (['agent = "shop"\nplatform = "pigeons"'], ['bindings[0].platform: no account is of a platform "pigeons"']),
        (
            ['agent = "shop"\npeer_kind = "room"'],
            ['bindings[0].peer_kind: expected "direct" or "group", not "room"'],
        ),
        (
            ['agent = "shop"\npeer_id = " cidA"'],
            ['bindings[0].peer_id: expected no space at the beginning or end of " cidA"'],
        ),
        (['agent = "shop"\npeer_id = ""'], ['bindings[0].peer_id: expected an id, or "*"']),
        (['agent = "shop"\npeer_id = true'], ["bindings[0].peer_id: expected a string, not true"]),
        (
            ['agent = "shop"\npeer_id = "a"', 'agent = "news"\npeer_id = "a"\naccount = "sales"'],
            ["bindings[1]: never decides: others are nearer, or come first, for all that it is about"],
        ),
        (
            ['agent = "shop"\npeer_kind = "group"', 'agent = "news"\npeer_id = "*"'],
            ["bindings[0]: never decides: others are nearer, or come first, for all that it is about"],
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_said_with_its_place(problems: Problems, bindings: list[str], lines: list[str]) -> None:
    said = problems(SALES + bound(*bindings))
    assert [line.removesuffix("; did you mean peer_id?") for line in said] == lines


def test_a_binding_for_a_platform_whose_accounts_all_name_an_agent_never_decides(problems: Problems) -> None:
    assert problems(SALES + 'agent = "shop"\n' + bound('agent = "news"\nplatform = "letters"')) == [
        "bindings[0]: never decides: others are nearer, or come first, for all that it is about"
    ]


@pytest.mark.parametrize("written", ["bindings = 5\n", "[bindings]\nagent = 'shop'\n"])
def test_what_is_no_list_of_tables_is_refused(problems: Problems, written: str) -> None:
    kind = "a number" if "5" in written else "a table"
    assert problems(written + SALES + AGENTS) == [f"bindings: expected tables [[bindings]], not {kind}"]
    assert problems("bindings = [5]\n" + SALES + AGENTS) == ["bindings[0]: expected a table, not a number"]


def test_a_mistake_elsewhere_does_not_make_bindings_wrong(problems: Problems) -> None:
    assert problems(SALES + "worker = 5\n" + bound('agent = "shop"\naccount = "sales"')) == [
        "accounts.sales.worker: unknown key; did you mean workers?"
    ]


@pytest.mark.parametrize("place", ["agent", "agents.claws"])
def test_the_routes_within_an_agent_ask_for_what_is_there(problems: Problems, place: str) -> None:
    asked = ['account = "sales"\nplatform = "letters"', 'account = "marketing"', 'platform = "pigeons"']
    routes = "".join(f'[[{place}.routes]]\nagent_id = "ops"\n{each}\n' for each in asked)
    claws = f'[{place}]\nkind = "openclaw"\ntoken = "hush"\n{routes}'
    said = problems(SALES + claws, agent="") if place == "agent" else problems(SALES + claws)
    assert said == [
        f'{place}.routes[1].account: expected the NAME of a table [accounts.NAME], not "marketing"',
        f'{place}.routes[2].platform: no account is of a platform "pigeons"',
    ]


def test_a_thousand_accounts_with_bindings_of_their_own_load_soon(load: Load) -> None:
    names = [f"a{number}" for number in range(300)]
    accounts = "".join(SALES.replace("sales", name).replace("c1", name) for name in names)
    bindings = bound(*[f'agent = "shop"\naccount = "{name}"\npeer_kind = "group"' for name in names])
    config = load(accounts + bindings)
    assert config.answering()[("agents", "shop")] == names


def test_where_an_agent_answers_is_told(load: Load) -> None:
    config = load(
        SALES
        + SUPPORT
        + 'agent = "shop"\n'
        + bound(
            'agent = "shop"\naccount = "sales"\npeer_kind = "group"\npeer_id = "cidA"',
            'agent = "shop"\naccount = "sales"\npeer_kind = "group"\npeer_id = "cidB"',
            'agent = "shop"\naccount = "sales"\npeer_kind = "direct"\npeer_id = "mei"',
            'agent = "default"\npeer_id = "100001"',
            'agent = "shop"\naccount = "sales"\npeer_kind = "group"',
        )
    )
    default, shop, news = (places_of(table, config) for table in config.agents)
    said = {finding.text for finding in (default, shop, news)}
    assert said == {
        "in sales: 1 peer, every direct conversation; in support: 1 peer",
        "in sales: 2 groups, 1 person, every group; in support, but for those whom others have",
        "nowhere",
    }
    assert [finding.verdict for finding in (default, shop, news)].count("warning") == 1


def test_of_many_accounts_a_few_are_named(load: Load) -> None:
    config = load("".join(SALES.replace("sales", f"a{number}").replace("c1", f"c{number}") for number in range(9)))
    assert places_of(("agent",), config).text == "in a0; in a1; in a2; in a3; in a4; and in 4 more"
