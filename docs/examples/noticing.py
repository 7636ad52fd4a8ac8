"""What is no message: people who come, and calls for their number."""

from trio_bridge.dingtalk import Event, GraphRequest, GraphResponse

people: set[str] = set()  # yours would be a table


async def happened(event: Event) -> None:
    if event.type == "user_add_org":
        people.update(event.data["userId"])  # twice is as good as once


async def called(request: GraphRequest) -> GraphResponse | dict[str, int]:
    if request.uri != "/people":
        return GraphResponse(404)
    return {"count": len(people)}
