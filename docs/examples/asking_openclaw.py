"""A bot whose answers come from the agents of an OpenClaw Gateway."""

import trio

import trio_bridge as tb


async def main() -> None:
    account = tb.DingTalk(
        name="sales",
        client_id="dingsales",
        client_secret=tb.Secret(env="SALES_SECRET"),
    )
    gateway = tb.agents.OpenClaw(
        url="ws://127.0.0.1:18789",
        token=tb.Secret(env="OPENCLAW_TOKEN"),
        routes=[tb.agents.OpenClawRoute(peer_id="cidTeam", agent_id="ops")],
    )
    async with tb.open_bridge([account], gateway, store="sqlite:bridge.db"):
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main)
