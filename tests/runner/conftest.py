"""A platform that exists in configuration files only, with a field of every kind that a platform may have."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import ClassVar, Literal

import attrs
import pytest

from trio_bridge.config import Secret
from trio_bridge.engine.platform import Platform, PlatformConfig, Services
from trio_bridge.errors import ConfigError
from trio_bridge.platforms.registry import Registry
from trio_bridge.runner.loading import RunnerConfig, load_config


@attrs.frozen
class Shelf:
    width: float = attrs.field(validator=attrs.validators.gt(0))
    label: str = ""


@attrs.frozen(kw_only=True)
class Letters(PlatformConfig):
    platform: ClassVar[str] = "letters"

    client_id: str
    key: Secret = attrs.field(converter=Secret.of)
    spare_key: Secret | None = None
    friends: tuple[str, ...] = ()
    shelves: tuple[Shelf, ...] = ()
    shelf: Shelf | None = None
    rooms: Mapping[str, Shelf] = attrs.field(factory=dict, hash=False)
    mode: Literal["slow", "fast"] = "slow"

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.mode == "fast" and not self.friends:
            raise ConfigError("friends: expected some, to be fast", "owner: expected one, to be fast")

    def open_platform(self, services: Services) -> AbstractAsyncContextManager[Platform]:
        raise AssertionError("a configuration is read, not opened")

    def exclusive_key(self) -> str | None:
        return self.client_id or None


@pytest.fixture(autouse=True)
def no_logging_that_stays() -> Iterator[None]:
    """A command that runs in this process sets logging up for all of it."""
    root, ours = logging.getLogger(), logging.getLogger("trio_bridge")
    before = [(logger, list(logger.handlers), logger.level) for logger in (root, ours)]
    yield
    for logger, handlers, level in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)


@pytest.fixture
def platforms() -> Registry:
    return {"letters": lambda: Letters}


@pytest.fixture
def load(tmp_path: Path, platforms: Registry, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunnerConfig]:
    """Write a file and load it, as ``bridge.toml`` in the current directory."""
    monkeypatch.chdir(tmp_path)

    def load(text: str, *, agent: str = "[agent]\nkind = 'echo'\n") -> RunnerConfig:
        Path("bridge.toml").write_text(text + agent, encoding="utf-8")
        return load_config(Path("bridge.toml"), platforms)

    return load


@pytest.fixture
def problems(load: Callable[..., RunnerConfig]) -> Callable[..., list[str]]:
    """The lines that loading a file gives, without the name of the file that each begins with."""

    def problems(text: str, **options: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load(text, **options)
        assert all(line.startswith("bridge.toml: ") for line in caught.value.problems)
        return [line.removeprefix("bridge.toml: ") for line in caught.value.problems]

    return problems
