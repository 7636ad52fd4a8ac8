"""The webhook of an account in somebody's own application."""

from __future__ import annotations

import attrs

from ....engine.account import Account
from ....errors import AccountStopped, ConfigError
from ....transport.asgi import Application, Receive, Scope, Send
from ..config import Feishu
from .app import RESTING
from .http import Answer, respond


@attrs.frozen(eq=False)
class _Mounted:
    """Hears the calls of an account in whatever life it is."""

    _account: Account

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        try:
            application: Application | None = self._account.api.webhook
        except AccountStopped:
            application = None
        if application is None:
            await respond(scope, receive, send, _resting)
        else:
            await application(scope, receive, send)


def webhook(account: Account) -> Application:
    """An ASGI application that hears what Feishu calls an account for: to be mounted in another one, or served alone.

    It may be made before the account runs, and outlives its restarts. While the account does not run, calls are
    answered with 503; and an account that was removed does not come back, also if another one gets its name. Whatever
    serves the application has to do so on Trio, in the program that runs the account.

    Raises:
      ConfigError: the account is none of Feishu's, or its ``mode`` says that nobody calls.
    """
    config = account.config
    if not isinstance(config, Feishu):
        raise ConfigError(f"account {account.name}: expected one of Feishu's")
    if not config.is_called:
        raise ConfigError(f'account {account.name}: mode: expected "webhook" or "both", for now nobody calls')
    return _Mounted(account)


async def _resting(scope: Scope, receive: Receive) -> Answer:
    return RESTING
