"""Somebody who allows harmless commands once, and nothing else."""

import trio_bridge as tb


async def review(account: tb.Account) -> None:
    approvals = account.api.approvals
    async with approvals.watch() as changes:
        async for change in changes:
            approval = change.approval
            print(change.kind, approval.text, approval.status)
            if change.kind == "requested":
                harmless = approval.text in ("ls", "date")
                decision = "allow-once" if harmless else "deny"
                await approvals.resolve(approval, decision)
