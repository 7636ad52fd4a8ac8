"""The server side of people: their union ids, by the older API."""

from __future__ import annotations

from collections.abc import Container, Mapping

from ....gateways.calls import Call
from .desk import Desk, Errcode, Reply, Route

GET = "/user/get"


class Users:
    """The people of the organisation: everybody but those in ``nobody``."""

    def __init__(self, desk: Desk, nobody: Container[str]) -> None:
        self.asked: list[str] = []
        """Staff ids that were asked for, in order."""
        self._desk = desk
        self._nobody = nobody

    def union_id(self, staff_id: str) -> str:
        """The union id of a person."""
        return f"union-{staff_id}"

    def has_union_id(self, union_id: str) -> bool:
        """Whether a person has it."""
        return union_id.startswith("union-") and union_id.removeprefix("union-") not in self._nobody

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Who carries out which call."""
        return {("GET", GET): self._get}

    def _get(self, call: Call, now: float) -> Reply:
        self._desk.old_app(call, now)
        staff_id = call.query.get("userid", "")
        self.asked.append(staff_id)
        if not staff_id or staff_id in self._nobody:
            raise Errcode(60121, "找不到该用户")
        return {"errcode": 0, "errmsg": "ok", "userid": staff_id, "unionid": self.union_id(staff_id)}
