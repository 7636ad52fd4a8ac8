"""The server side of the REST calls: tokens, messages, cards, files. No I/O and no clock.

Rules, as the platform keeps them:

1. Every answer names itself in ``X-Tt-Logid``. A refusal is a code, mostly with status 400; it may say how long to
   wait.
2. Whose call it is says the token in ``Authorization``.
3. An unknown path is answered with 404 and a page of text.

Any call can be made to end otherwise: :attr:`RestGateway.scripts`. Calls are named by method and route there, as in
:data:`.messages.SEND`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Final

import attrs

from ....gateways.calls import Answer, Call, Scripts
from ....gateways.routes import Routes
from .callbacks import FINE, Callback
from .cards import Cards
from .desk import CALLS_THROTTLED, MESSAGES_THROTTLED, RETRY_AFTER, Desk, Route, Sent, done
from .files import Files
from .gateway import Gateway
from .letters import encode
from .messages import Messages
from .model import Refused
from .tokens import Tokens
from .updates import Updates

BOT: Final = "GET /open-apis/bot/v3/info"


class RestGateway:
    """The REST side of the server. ``more``: calls that somebody else carries out, on the same port."""

    def __init__(self, gateway: Gateway, more: Mapping[str, Route] | None = None) -> None:
        self.scripts = Scripts()
        """How the next calls are to end, by method and route."""
        self.desk = Desk(gateway)
        self.tokens = Tokens(self.desk)
        """Access tokens: which there were, and how to revoke them."""
        self.cards = Cards(self.desk)
        """Cards: which there are, and what their readers saw."""
        self.files = Files(self.desk)
        """Pictures and files of bots and people."""
        self.messages = Messages(self.desk, self.cards, self.files)
        """What bots sent, and what came twice."""
        self.updates = Updates(self.desk, self.cards)
        """The tokens that come with the presses of buttons."""
        self.files.find = self.messages.find
        self._routes = Routes(
            {
                BOT: self._bot,
                **self.tokens.routes(),
                **self.messages.routes(),
                **self.cards.routes(),
                **self.files.routes(),
                **self.updates.routes(),
                **(more or {}),
            }
        )

    @property
    def calls(self) -> Counter[str]:
        """Calls by method and route, refused ones included."""
        return self.desk.calls

    @property
    def sent(self) -> list[Sent]:
        """What clients had sent, in order; a card when it first rests."""
        return self.desk.sent

    @property
    def reworded(self) -> list[Sent]:
        """What of ``sent`` got another text afterwards, in order: each as it was from then on."""
        return self.desk.reworded

    @property
    def repeated(self) -> list[Sent]:
        """What came with the ``uuid`` of an earlier message, and was not sent again."""
        return self.messages.repeated

    def answer(self, call: Call, now: float) -> Answer:
        """Carry out the call, unless a script says otherwise, and say what the client gets."""
        found = self._routes.find(call)
        if found is None:
            return Answer(status=404, body="404 page not found", content_type="text/plain")
        call = found.call
        self.calls[call.route] += 1
        script = self.scripts.next_for(attrs.evolve(call, path=call.route.partition(" ")[2]))
        usual = partial(self._carry_out, found.route, call, now)
        answer = usual() if script is None else script.answer_to(usual)
        log_id = f"{self.desk.milliseconds(now)}{self.calls.total():019d}"
        return attrs.evolve(answer, headers={"X-Tt-Logid": log_id, **answer.headers})

    def answered(self, callback: Callback, now: float) -> None:
        """Heed the answer to a press: from now on its token is good, and the card that it brings stands there."""
        press = self.updates.presses.get(callback.pushed.letter.token)
        if press is None or callback.code != FINE:
            return
        press.answered = True
        card = callback.answer.get("card", {})
        if card.get("type") == "raw":
            self.cards.answered(press.message_id, card["data"], now)

    def _carry_out(self, route: Route, call: Call, now: float) -> Answer:
        try:
            reply = route(call, now)
        except Refused as refusal:
            return refused(refusal.code, refusal.message, status=refusal.status, wait=refusal.wait)
        return reply if isinstance(reply, Answer) else done(reply)

    def _bot(self, call: Call, now: float) -> Answer:
        app = self.desk.app(call, now)
        bot = {"activate_status": 2, "app_name": app.name, "avatar_url": "", "ip_white_list": []}
        return Answer(body=encode({"code": 0, "msg": "ok", "bot": {**bot, "open_id": app.bot_open_id}}))


def refused(code: int, message: str = "refused", *, status: int = 400, wait: int | None = None) -> Answer:
    """The answer to a call that is refused with this code. ``wait``: the seconds that it asks for."""
    headers = {} if wait is None else {RETRY_AFTER: str(wait)}
    return Answer(status=status, body=encode({"code": code, "msg": message}), headers=headers)


def throttled(seconds: int | None = 1, *, status: int = 429) -> Answer:
    """The answer to a call too many; the platform sends it with status 429 or 400."""
    return refused(CALLS_THROTTLED, "request trigger frequency limit", status=status, wait=seconds)


def chat_throttled() -> Answer:
    """The answer to a message too many: it does not say how long to wait."""
    return refused(MESSAGES_THROTTLED, "This operation triggers the frequency limit.")
