"""How the server sides find out who carries out a call."""

from __future__ import annotations

from trio_bridge.gateways.calls import Call
from trio_bridge.gateways.routes import Routes

ROUTES = Routes(
    {
        "GET /docs": "list",
        "GET /docs/{doc}": "read",
        "PUT /docs/{doc}": "write",
        "GET /docs/{doc}/pages/{page}": "page",
    }
)


def find(method: str, path: str) -> tuple[str, str, dict[str, str]] | None:
    found = ROUTES.find(Call(method=method, path=path))
    return None if found is None else (found.route, found.call.route, dict(found.call.names))


def test_a_route_is_found_by_method_and_path() -> None:
    assert find("GET", "/docs") == ("list", "GET /docs", {})
    assert find("GET", "/docs/7") == ("read", "GET /docs/{doc}", {"doc": "7"})
    assert find("PUT", "/docs/7") == ("write", "PUT /docs/{doc}", {"doc": "7"})
    assert find("GET", "/docs/7/pages/8") == ("page", "GET /docs/{doc}/pages/{page}", {"doc": "7", "page": "8"})


def test_a_name_is_one_part_of_the_path_and_never_empty() -> None:
    assert find("GET", "/docs/7/8") is None
    assert find("GET", "/docs/") is None
    assert find("POST", "/docs/7") is None
    assert find("GET", "/docs/7/pages/8/9") is None
