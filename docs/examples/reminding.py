"""Saying something that nobody asked for, once a day and not twice."""

from datetime import date

import trio_bridge as tb


async def remind(account: tb.Account, staff_id: str, today: date) -> None:
    key = f"reminder/{staff_id}/{today}"
    receipt = await account.send(staff_id, "the weekly report is due", key=key)
    try:
        await receipt.wait_sent()
    except tb.RequestFailed as error:
        print("refused for good:", error)
    except tb.OutcomeUnknown:
        print("nobody knows whether it arrived: a person has to look")
