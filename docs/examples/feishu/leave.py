"""Requests for leave: a card with two buttons, and what else happens in a group."""

from typing import Any

import trio_bridge as tb
from trio_bridge.feishu import (
    BotAdded,
    CardAction,
    CardUpdate,
    Event,
    FeishuApi,
    ReactionAdded,
    Toast,
)

MAY_DECIDE = {"on_ada"}


async def answer(message: tb.Message) -> str:
    return "Ask Ada for leave."


async def request(account: tb.Account, chat: str, days: str) -> None:
    """Have somebody decide. Twice with the same key shows one card."""
    api: FeishuApi = account.api
    buttons = [button("Approve", days), button("Decline", days)]
    card = card_of(f"Leave: {days}", {"tag": "action", "actions": buttons})
    await api.send(chat, card, key=f"leave/{days}")


async def pressed(action: CardAction) -> CardUpdate:
    # Anybody who sees a card can press its buttons.
    if action.operator.union_id not in MAY_DECIDE:
        return CardUpdate(toast=Toast("Only Ada decides.", "warning"))
    decision, days = action.params["decision"], action.params["days"]
    # A table of yours would be written here. People press twice.
    return CardUpdate(toast="Noted.", card=card_of(f"{decision}: {days}"))


async def noticed(event: Event) -> None:
    match event:
        case ReactionAdded(emoji="DONE"):
            print("done:", event.message_id)
        case BotAdded():
            print("in a new group:", event.chat_name)


def button(decision: str, days: str) -> dict[str, Any]:
    value = {"decision": decision, "days": days}
    text = {"tag": "plain_text", "content": decision}
    return {"tag": "button", "text": text, "value": value}


def card_of(title: str, *elements: dict[str, Any]) -> dict[str, Any]:
    said = {"tag": "div", "text": {"tag": "lark_md", "content": title}}
    return {"config": {"update_multi": True}, "elements": [said, *elements]}
