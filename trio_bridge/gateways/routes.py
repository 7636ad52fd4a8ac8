"""Which call is carried out by whom: by method and path, where parts of a path may be names: ``GET /docs/{doc}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Generic, TypeVar

import attrs

from .calls import Call

Route = TypeVar("Route")


@attrs.frozen
class Found(Generic[Route]):
    """Who carries out a call."""

    route: Route
    call: Call
    """The call, with ``names`` and ``route``."""


class Routes(Generic[Route]):
    """Finds the route of a call. What the path has in place of a name is in ``call.names``."""

    def __init__(self, routes: Mapping[str, Route]) -> None:
        self._plain = {name: route for name, route in routes.items() if "{" not in name}
        self._named = [
            (name, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", name)), route)
            for name, route in routes.items()
            if "{" in name
        ]

    def find(self, call: Call) -> Found[Route] | None:
        """Who carries out this call; ``None``: nobody."""
        asked = f"{call.method} {call.path}"
        if asked in self._plain:
            return Found(self._plain[asked], attrs.evolve(call, route=asked))
        for name, pattern, route in self._named:
            matched = pattern.fullmatch(asked)
            if matched is not None:
                return Found(route, attrs.evolve(call, names=matched.groupdict(), route=name))
        return None
