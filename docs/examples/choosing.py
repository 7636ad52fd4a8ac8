"""Two agents behind one handler."""

import trio_bridge as tb


async def clerk(message: tb.Message) -> str:
    return f"{message.text}? We have plenty."


router = tb.agents.Router(
    routes=[
        tb.agents.Route(agent=clerk, peer_kind="group", peer_id="cidTeam"),
        tb.agents.Route(agent=clerk, account="sales", peer_kind="direct"),
    ],
    default=tb.agents.Echo(),
)
