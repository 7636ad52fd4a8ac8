"""Keys that name functions for what is no message."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from trio_bridge.errors import ConfigError
from trio_bridge.platforms.feishu.config import Feishu
from trio_bridge.platforms.feishu.settings.callbacks import CallbackSettings
from trio_bridge.runner.structure import Misfit, structure

MODULE = """
async def pressed(action): ...
async def reacted(event): ...
def plain(event): ...
"""
NAME = "shop_of_feishu_settings"
REACTED = "im.message.reaction.created_v1"

Read = Callable[[dict[str, Any]], CallbackSettings]


async def anything(happened: Any) -> None:
    """Takes note of nothing."""


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Read]:
    """The settings in a table of a file."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / f"{NAME}.py").write_text(MODULE)
    yield lambda table: structure(table, CallbackSettings, directory=tmp_path)
    sys.modules.pop(NAME, None)


def test_functions_of_single_types_stand_in_a_table(read: Read) -> None:
    settings = read({"on_card_action": f"{NAME}:pressed", "events": {REACTED: f"{NAME}:reacted"}})
    module = sys.modules[NAME]
    assert (settings.on_card_action, settings.events) == (module.pressed, {REACTED: module.reacted})
    assert settings.handled == {"card.action.trigger", REACTED}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({REACTED: f"{NAME}:plain"}, "is not async: expected async def plain(argument)"),
        ({REACTED: f"{NAME}:gone"}, f"module {NAME} has no gone"),
        ({REACTED: 3}, 'expected a function, as "package.module:function", not 3'),
    ],
)
def test_what_is_wrong_with_a_function_is_said_with_its_type(table: dict[str, Any], said: str, read: Read) -> None:
    with pytest.raises(Misfit) as caught:
        read({"events": table})
    [problem] = caught.value.problems
    assert str(problem).startswith(f'events."{REACTED}": ')
    assert str(problem).endswith(said)


def account(**keys: Any) -> Feishu:
    return Feishu(name="hr", app_id="cli_a1b2c3d4e5f60718", app_secret="not shown", **keys)


def test_nobody_handles_anything_by_itself() -> None:
    assert account().handled == frozenset()


def test_what_is_handled_is_what_there_is_a_function_for() -> None:
    config = account(on_url_preview=anything, on_event=anything, events={REACTED: anything})
    assert config.handled == {"url.preview.get", "*", REACTED}
    assert isinstance(hash(config), int), "an account is a value"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("im.message.receive_v1", "a message, which goes to the handler of messages"),
        ("message", "a message, which goes to the handler of messages"),
        ("card.action.trigger", "goes to on_card_action"),
        ("url.preview.get", "goes to on_url_preview"),
        ("*", "goes to on_event"),
    ],
)
def test_a_type_that_has_another_place_is_told_it(kind: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"{said}$"):
        account(events={kind: anything})


def test_what_cannot_be_called_is_no_function() -> None:
    with pytest.raises(ConfigError, match=f"expected a function for {REACTED}, not str"):
        account(events={REACTED: "module:function"})
    for key in ("on_card_action", "on_url_preview", "on_event"):
        with pytest.raises(TypeError, match=key):
            account(**{key: "module:function"})


def test_trap_32_who_sets_a_function_is_told_of_the_subscription() -> None:
    """Presses come by a subscription of their own: without it messages arrive, and presses don't."""
    said = inspect.getsource(CallbackSettings).partition("on_card_action:")[2].partition("on_url_preview:")[0]
    assert "subscribes callbacks apart from events" in said
    assert "200340" in said
