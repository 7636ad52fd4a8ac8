"""Keys whose values are functions: named in the file, found beside it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from trio_bridge.errors import ConfigError
from trio_bridge.platforms.dingtalk.config import DingTalk
from trio_bridge.runner.check import check
from trio_bridge.runner.loading import load_config

MODULE = """
print("imported")
async def pressed(action): ...
async def happened(event): ...
async def yields(event): yield 1
def plain(request): ...
"""
FILE = """
[store]
url = "memory:"
[agent]
kind = "echo"
[accounts.sales]
platform = "dingtalk"
client_id = "dingexample"
client_secret = "not shown"
"""

Account = Callable[[str], DingTalk]


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """The account of a file with these lines more."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "shop_of_test_functions.py").write_text(MODULE)
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")

    def account(lines: str) -> DingTalk:
        (tmp_path / "b.toml").write_text(FILE + lines.replace("shop:", "shop_of_test_functions:"))
        [config] = load_config(tmp_path / "b.toml").accounts
        assert isinstance(config, DingTalk)
        return config

    yield account
    sys.modules.pop("shop_of_test_functions", None)


def test_a_function_is_found_beside_the_file(account: Account) -> None:
    config = account('on_card_action = "shop:pressed"\non_event = "shop:happened"\n')
    module = sys.modules["shop_of_test_functions"]
    assert (config.on_card_action, config.on_event, config.on_graph) == (module.pressed, module.happened, None)


def test_the_defaults_may_name_it_for_all_accounts(account: Account) -> None:
    assert account('[defaults.dingtalk]\non_event = "shop:happened"\n').on_event is not None


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('on_event = "shop:nothing"', "on_event: module shop_of_test_functions has no nothing"),
        ('on_event = "happened"', 'on_event: expected "package.module:function", not "happened"'),
        ("on_event = 5", 'on_event: expected a function, as "package.module:function", not 5'),
        (
            'on_graph = "shop:plain"',
            "on_graph: shop_of_test_functions:plain is not async: expected async def plain(request)",
        ),
        (
            'on_event = "shop:yields"',
            "on_event: shop_of_test_functions:yields yields, and can't be awaited: expected async def yields(event)",
        ),
        (
            'on_card_action = "shop:plain"',
            "on_card_action: shop_of_test_functions:plain is not async: expected async def plain(action)",
        ),
    ],
)
def test_one_that_is_of_no_use_has_its_line(account: Account, line: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        account(line)
    [said] = caught.value.problems
    assert said.endswith(f"b.toml: accounts.sales.{problem}")


def test_a_check_says_so_too_and_its_report_is_all_that_it_prints(account: Account, tmp_path: Path) -> None:
    account('endpoint = "http://127.0.0.1:1"\noapi_endpoint = "http://127.0.0.1:1"\non_event = "shop:happened"')
    sys.modules.pop("shop_of_test_functions")
    result = CliRunner().invoke(check, ["--json", str(tmp_path / "b.toml")])
    assert json.loads(result.stdout)["subjects"]
    assert "imported" in result.stderr

    with pytest.raises(ConfigError):
        account('on_event = "shop:nothing"')
    result = CliRunner().invoke(check, [str(tmp_path / "b.toml")])
    assert result.exit_code == 78
    assert "accounts.sales.on_event: module shop_of_test_functions has no nothing" in result.stderr


def test_in_python_it_is_the_function_itself() -> None:
    with pytest.raises(TypeError, match="callable"):
        DingTalk(name="sales", client_id="dingexample", client_secret="s", on_event="shop:happened")  # type: ignore[arg-type]
