"""An answer that whoever asked can stop, by a button on its card."""

from collections import defaultdict

import trio

import trio_bridge as tb
from trio_bridge.dingtalk import CardAction, CardUpdate

runs: defaultdict[str, set[trio.CancelScope]] = defaultdict(set)


async def count(message: tb.Message) -> None:
    async with message.stream() as out:
        with trio.CancelScope() as run:
            runs[message.sender.id].add(run)
            for number in range(1, 61):
                await out.write(f"{number} ")
                await trio.sleep(1)
        runs[message.sender.id].discard(run)
        if run.cancelled_caught:
            await out.write("… stopped")


async def pressed(action: CardAction) -> CardUpdate | None:
    if "stop" not in action.action_ids:
        return None
    # Anybody in the group can press the button.
    if action.user_id != action.owner:
        return CardUpdate(private={"notice": "Only whoever asked can stop this."})
    for run in runs[action.user_id]:
        run.cancel()
    return CardUpdate(data={"stopped": True})
