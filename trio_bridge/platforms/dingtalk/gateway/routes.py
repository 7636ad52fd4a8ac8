"""Which call is carried out by whom: by method and path, where parts of a path may be names: ``/docs/{doc}``."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from ....gateways.calls import Answer, Call
from .desk import Reply, Route
from .model import Refused


class Routes:
    """Finds the route of a call. What a path has in place of a name is in ``call.names``."""

    def __init__(self, routes: Mapping[tuple[str, str], Route]) -> None:
        self._plain = {key: route for key, route in routes.items() if "{" not in key[1]}
        self._named = [
            (method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), route)
            for (method, path), route in routes.items()
            if "{" in path
        ]

    def carry_out(self, call: Call, now: float) -> Reply | Answer:
        """What the call is answered with. Raises Refused, 404, where there is no such call."""
        route = self._plain.get((call.method, call.path))
        if route is not None:
            return route(call, now)
        for method, path, route in self._named:
            found = path.fullmatch(call.path) if method == call.method else None
            if found is not None:
                return route(attrs.evolve(call, names=found.groupdict()), now)
        raise Refused(404, "InvalidAction.NotFound", f"{call.method} {call.path} is not simulated")
