"""What clients say in their calls, compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.interop.comparing import Difference, facts, unequal
from tests.interop.wiretap import Request, Wiretap

Calls = Mapping[str, Mapping[str, Any]]


def calls(tap: Wiretap, paths: Mapping[str, str]) -> Calls:
    """What a client says in a call of each kind: in the first of them."""
    return {kind: _said_in(tap.requests(path)[0]) for kind, path in paths.items()}


def differences(sdk: str, ours: Calls, theirs: Calls) -> set[Difference]:
    """What is not the same."""
    return {
        Difference(sdk, f"{place}: {name}", mine, other)
        for place in ours
        for name, mine, other in unequal(dict(ours[place]), dict(theirs[place]))
    }


def _said_in(request: Request) -> dict[str, Any]:
    """The facts of a call, and how its body is written. Tokens and uuids have to be there; they differ each time."""
    found = facts(request)
    passing = {name: "…" for name in ("header authorization", "uuid") if found.get(name)}
    if request.body:
        compact = json.dumps(json.loads(request.body), ensure_ascii=False, separators=(",", ":"))
        found["body"] = "compact" if request.body == compact else "with spaces"
    return found | passing
