"""An operator who lets in the one device that is expected."""

import trio_bridge as tb


async def let_in(account: tb.Account, expected: str) -> bool:
    devices = account.api.devices
    for device in (await devices.list()).pending:
        if device.device_id == expected:
            await devices.approve(device.request_id)
            return True
    return False
