"""What two clients send, compared: each difference is a row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import attrs

from tests.interop.wiretap import Request


@attrs.frozen
class Difference:
    """``where``: the kind of frame that is answered, or the call and what of it. ``…`` is a version or a token."""

    sdk: str
    where: str
    ours: str
    theirs: str
    why: str = attrs.field(default="", eq=False)


def facts(request: Request) -> dict[str, Any]:
    """What a request says, without what is different each time."""
    passing = {"host", "content-length", "sec-websocket-key"}
    headers = {f"header {name.lower()}": value for name, value in request.headers if name.lower() not in passing}
    line = re.sub(r"(?<=ticket=|ession=|ice_id=|ss_key=)[\w-]+|(?<=/)om_\w+", "…", request.line)
    return {"line": line, **headers, **(json.loads(request.body) if request.body else {})}


def unequal(ours: dict[str, Any], theirs: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name in ours.keys() | theirs.keys():
        if ours.get(name) != theirs.get(name):
            yield name, shown(ours.get(name)), shown(theirs.get(name))


def shown(value: Any) -> str:
    """The value as the table writes it: versions and tokens are whatever they are today."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return re.sub(r"(?<=[A-Za-z]/)v?[\d.]+\d|token-[\w-]+|^\d+\.\d+\.\d+\.\d+$", "…", text)
