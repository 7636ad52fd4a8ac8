"""A handler of the user's own, loaded by its name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from trio_bridge.agents import load_handler
from trio_bridge.agents.config import AGENTS, EchoConfig, PythonConfig
from trio_bridge.errors import ConfigError

SOURCE = """
import functools
from trio_bridge.agents import OpenableAgent

async def answer(message): return "yes"
async def pieces(message): yield "ye"; yield "s"
def plain(message): return "yes"
async def none(): return "yes"
async def with_shop(message, shop): return "yes"
async def named(message, *, shop="x"): return "yes"

class Clerk:
    async def __call__(self, message): return "yes"
    async def answer(self, message): return "yes"
    def plain(self, message): return "yes"
    async def two(self, message, more): return "yes"

class Two:
    async def __call__(self, message, more): return "yes"

class Plain:
    def __call__(self, message): return "yes"

class Opened(OpenableAgent):
    def open(self, environment): return None

def logged(function):
    @functools.wraps(function)
    def wrapper(message): return function(message)
    return wrapper

def opened(function):
    @functools.wraps(function)
    async def wrapper(message): return await function(message, "shop")
    return wrapper

decorated = opened(with_shop)
two_clerk = Two()
agent = Opened()
clerk = Clerk()
plain_clerk = Plain()
wrapped = logged(answer)
partial = functools.partial(answer)
number = 5
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for modules. What was imported from it, and its place on the search path, are forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize(
    "name", ["answer", "pieces", "clerk", "clerk.answer", "wrapped", "partial", "agent", "named", "decorated"]
)
def test_whatever_can_be_awaited_or_iterated_is_a_handler(folder: Path, name: str) -> None:
    (folder / "shop.py").write_text(SOURCE)
    handler: object = load_handler(f"shop:{name}", folder)
    module = sys.modules["shop"]
    assert handler == eval(name, vars(module))


def test_a_module_in_a_package_is_found(folder: Path) -> None:
    (folder / "firm").mkdir()
    (folder / "firm" / "shop.py").write_text(SOURCE)
    assert load_handler("firm.shop:answer", folder).__name__ == "answer"  # type: ignore[attr-defined]


def test_what_the_module_imports_later_is_found_beside_it(folder: Path) -> None:
    (folder / "shop.py").write_text("async def answer(message): return message\n")
    load_handler("shop:answer", folder)
    assert sys.path[0] == str(folder)
    load_handler("shop:answer", folder)
    assert sys.path.count(str(folder)) == 1


@pytest.mark.parametrize(
    "reference", ["", "shop", "shop:", ":answer", "shop.answer", "./shop:answer", ".shop:answer", "shop:answer:now"]
)
def test_a_reference_needs_a_module_a_colon_and_a_name(folder: Path, reference: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_handler(reference, folder)
    assert str(caught.value) == f'expected "package.module:function", not "{reference}"'


@pytest.mark.parametrize("module", ["no_such_shop", "no_such_firm.shop", "json.no_such_part"])
def test_a_missing_module_is_named_with_the_place_where_it_was_sought(folder: Path, module: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_handler(f"{module}:answer", folder)
    assert str(caught.value) == f"module {module} found neither in {folder} nor among the installed packages"


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("reply", "module shop has no reply"),
        ("clerk.reply", "module shop has no clerk.reply"),
        ("number", "shop:number is not callable"),
        ("Opened", "shop:Opened is a class: name an instance of it, or a function"),
        ("Clerk", "shop:Clerk is a class: name an instance of it, or a function"),
        ("plain", "shop:plain is not async: expected async def plain(message)"),
        ("clerk.plain", "shop:clerk.plain is not async: expected async def plain(message)"),
        ("plain_clerk", "shop:plain_clerk is not async: expected async def __call__(message)"),
        ("none", "shop:none can't be called with one argument: expected async def none(message)"),
        ("clerk.two", "shop:clerk.two can't be called with one argument: expected async def two(message)"),
        ("two_clerk", "shop:two_clerk can't be called with one argument: expected async def __call__(message)"),
    ],
)
def test_what_is_no_handler_is_refused_with_the_reason(folder: Path, name: str, complaint: str) -> None:
    (folder / "shop.py").write_text(SOURCE)
    with pytest.raises(ConfigError) as caught:
        load_handler(f"shop:{name}", folder)
    assert str(caught.value) == complaint


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("\nraise ValueError('bad weather')\n", "ValueError: bad weather ({file}, line 2)"),
        ("raise ValueError\n", "ValueError ({file}, line 1)"),
        ("import no_such_thing\n", "ModuleNotFoundError: No module named 'no_such_thing' ({file}, line 1)"),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3 ({file}, line 2)"),
        ("async def answer(message) return 1\n", "SyntaxError: expected ':' (shop.py, line 1)"),
    ],
)
def test_a_module_that_cannot_be_imported_says_what_it_raised_and_where(
    folder: Path, source: str, complaint: str
) -> None:
    (folder / "shop.py").write_text(source)
    with pytest.raises(ConfigError) as caught:
        load_handler("shop:answer", folder)
    expected = complaint.format(file=folder / "shop.py")
    assert str(caught.value) == f"module shop can't be imported: {expected}"


def test_ctrl_c_during_an_import_is_not_the_module_s(folder: Path) -> None:
    (folder / "shop.py").write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load_handler("shop:answer", folder)


def test_the_kinds_of_agents_make_them(folder: Path) -> None:
    (folder / "shop.py").write_text(SOURCE)
    assert AGENTS["echo"] is EchoConfig
    assert AGENTS["python"] is PythonConfig
    assert PythonConfig("shop:answer").build(folder) is sys.modules["shop"].answer  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match=r"^handler: shop:number is not callable$"):
        PythonConfig("shop:number").build(folder)
