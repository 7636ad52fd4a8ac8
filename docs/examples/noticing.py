"""What is no message: people who come, and calls for a number."""

import json
from pathlib import Path

from trio_bridge.dingtalk import Event, GraphRequest, GraphResponse

PEOPLE = Path("people.json")


async def happened(event: Event) -> None:
    if event.type == "user_add_org":
        people = set(json.loads(PEOPLE.read_text()))
        people.update(event.data["userId"])  # twice is as good as once
        PEOPLE.write_text(json.dumps(sorted(people)))


async def called(request: GraphRequest) -> GraphResponse | dict[str, int]:
    if request.uri != "/people":
        return GraphResponse(404)
    return {"count": len(json.loads(PEOPLE.read_text()))}
