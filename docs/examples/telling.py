"""Telling many people, and taking it back. A document keeps whom it did not reach."""

import trio_bridge as tb
from trio_bridge.dingtalk import ActionCard, DingTalkApi, SendResult

PAGE = "https://intranet.example.com/friday"


async def invite(account: tb.Account, people: list[str], log_id: str) -> SendResult:
    api: DingTalkApi = account.api
    card = ActionCard("**Friday, 3 pm**", "I'll come", PAGE)
    result = await api.send_to_user(people, card)
    for each in result.delivered:
        if each.state == "unknown":
            print(each.recipient, "may have got it: a second might be one too many")
        elif each.state != "sent":
            line = f"{each.recipient}: {each.state}, {each.error}"
            await api.docs.append(log_id, line)
    return result


async def cancel(account: tb.Account, invited: SendResult) -> None:
    taken_back = await account.api.recall(invited)
    if not taken_back.ok:
        await account.api.send("group:cidTeam", "Friday is off, whatever you were told")
