"""Any request, and what its failures mean."""

import trio_bridge as tb


async def rename(account: tb.Account, session: str, label: str) -> str:
    change = {"key": session, "label": label}
    try:
        await account.api.request("sessions.patch", change)
    except tb.RequestFailed as no:
        return f"the gateway says no: {no.code} {no.details}"
    except tb.RateLimited as busy:
        return f"not now, perhaps in {busy.retry_after} s"
    except tb.NotSent:
        return "nothing was sent: all is as it was"
    except tb.OutcomeUnknown:
        return "nobody knows: look before doing it again"
    return "done"
