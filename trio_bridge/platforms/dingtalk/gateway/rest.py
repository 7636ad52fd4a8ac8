"""The server side of the REST calls: tokens, session webhooks, direct and group messages. No I/O and no clock.

Rules, as the platform keeps them:

1. A bad or old access token is answered with 400 ``InvalidAuthentication``, not with 401.
2. The robot code of a send must be the one of the app that the token belongs to.
3. A session webhook needs no token and minds none, lives for 90 minutes and takes 20 messages a minute; its errors come
   with status 200.
4. A direct send is answered with 200 although a recipient is unknown or may not be written to now: see the lists.

Any call can be made to end otherwise: :attr:`RestGateway.scripts`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from functools import partial
from typing import Any

import attrs

from ....gateways.calls import Answer, Call, Scripts
from ....gateways.routes import Routes
from .cards import Cards
from .desk import Desk, Errcode, Reply, Route, Sent, body_of, group_of, invalid, no_robot, words_of
from .docs import Docs
from .emotion import Emotions
from .files import Files
from .frames import as_object, encode
from .gateway import Gateway
from .media import Media
from .model import App, Medium, Refused
from .recall import Recalls
from .users import Users

OPEN = "/v1.0/gateway/connections/open"
TOKEN = "/v1.0/oauth2/accessToken"  # noqa: S105 - a path
OLD_TOKEN = "/gettoken"  # noqa: S105 - a path
WEBHOOK = "/robot/sendBySession"
DIRECT = "/v1.0/robot/oToMessages/batchSend"
GROUP = "/v1.0/robot/groupMessages/send"

MAX_USERS = 20
MAX_MSG_PARAM = 15_000
"""Bytes of msgParam in a group message."""

_MSG_KEYS = {
    "sampleText": "content",
    "sampleMarkdown": "text",
    "sampleLink": "text",
    "sampleActionCard": "text",
    "sampleImageMsg": "photoURL",
    "sampleAudio": "mediaId",
    "sampleFile": "mediaId",
    "sampleVideo": "videoMediaId",
}
"""msgKey → the field of msgParam that must not be missing."""
_WEBHOOK_TEXTS = {"text": "content", "markdown": "text", "link": "text", "actionCard": "text", "feedCard": "links"}
_AT_KEYS = {"atUserIds", "atDingtalkIds", "atMobiles", "isAtAll"}


@attrs.frozen(kw_only=True)
class OpenCall:
    """One call for a ticket, and how it was answered."""

    at: float
    client_id: str
    status: int
    body: Mapping[str, Any] = attrs.field(repr=False)


class RestGateway:
    """The REST side of the server, on both API hosts at once. ``socket_url`` is where tickets are for."""

    def __init__(self, gateway: Gateway, socket_url: str) -> None:
        self.gateway = gateway
        self.socket_url = socket_url
        self.scripts = Scripts()
        """How the next calls are to end, by path."""
        self.desk = Desk(gateway)
        self.open_calls: list[OpenCall] = []
        self.invalid_staff: set[str] = set()
        """Staff ids that nobody has."""
        self.flow_controlled: set[str] = set()
        """Staff ids that get nothing for now."""
        self.filtered_staff: set[str] = set()
        """Staff ids that are kept away from robots."""
        self._webhook_uses: dict[str, deque[float]] = {}
        self._first_valid_session = 0
        self.cards = Cards(self.desk)
        """AI cards: which there are, and what their readers saw."""
        self.emotions = Emotions(self.desk)
        """The marks of robots on messages."""
        self.files = Files(self.desk)
        """What people send, by its code, and the host that hands it out."""
        self.media = Media(self.desk)
        """What clients uploaded, by its media id."""
        self.recalls = Recalls(self.desk)
        """What was taken back."""
        self.users = Users(self.desk, self.invalid_staff)
        """People and their union ids."""
        self.docs = Docs(self.desk, self.users)
        """Documents of the organisation."""
        self._routes = Routes({f"{method} {path}": route for (method, path), route in self.routes().items()})

    @property
    def calls(self) -> Counter[str]:
        """Calls by path, refused ones included."""
        return self.desk.calls

    @property
    def sent(self) -> list[Sent]:
        """What clients had sent, in order."""
        return self.desk.sent

    @property
    def reworded(self) -> list[Sent]:
        """Cards in ``sent`` that got another text afterwards, in order: each as it was from then on."""
        return self.desk.reworded

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Who carries out which call."""
        return {
            ("POST", OPEN): self._open,
            ("POST", TOKEN): self._token,
            ("GET", OLD_TOKEN): self._old_token,
            ("POST", WEBHOOK): self._webhook,
            ("POST", DIRECT): self._direct,
            ("POST", GROUP): self._group,
            **self.cards.routes(),
            **self.files.routes(),
            **self.media.routes(),
            **self.emotions.routes(),
            **self.recalls.routes(),
            **self.users.routes(),
            **self.docs.routes(),
        }

    def answer(self, call: Call, now: float) -> Answer:
        """Carry out the call, unless a script says otherwise, and say what the client gets."""
        self.calls[call.path] += 1
        script = self.scripts.next_for(call)
        usual = partial(self._carry_out, call, now)
        answer = usual() if script is None else script.answer_to(usual)
        if call.path == OPEN:
            body = as_object(call.body.decode(errors="replace"))
            status = answer.status if answer.ending == "answer" else 0
            self.open_calls.append(OpenCall(at=now, client_id=str(body.get("clientId", "")), status=status, body=body))
        return answer

    def expire_tokens(self, client_id: str | None = None) -> None:
        """Make every access token invalid that was given out, of one app or of all."""
        self.desk.expire_tokens(client_id)

    def expire_sessions(self) -> None:
        """Make every session webhook invalid that was given out."""
        self._first_valid_session = self.gateway.ledger.summary().pushed

    # The calls.

    def _open(self, call: Call, now: float) -> Reply:
        return {"endpoint": self.socket_url, "ticket": self.gateway.open(body_of(call), now)}

    def _token(self, call: Call, now: float) -> Reply:
        body = body_of(call)
        token = self.desk.new_token(self.gateway.authenticate(body.get("appKey"), body.get("appSecret")), now)
        return {"accessToken": token, "expireIn": int(self.gateway.rules.token_life)}

    def _old_token(self, call: Call, now: float) -> Reply:
        try:
            app = self.gateway.authenticate(call.query.get("appkey"), call.query.get("appsecret"))
        except Refused:
            raise Errcode(40096, "invalid appkey or appsecret") from None
        life = int(self.gateway.rules.token_life)
        return {"errcode": 0, "access_token": self.desk.new_token(app, now), "errmsg": "ok", "expires_in": life}

    def _webhook(self, call: Call, now: float) -> Reply:
        session, rules = call.query.get("session", ""), self.gateway.rules
        pushed = self.gateway.ledger.of_session(session)
        if pushed is None or pushed.number < self._first_valid_session or now >= pushed.at + rules.session_life:
            raise Errcode(300001, "session 不存在")
        body = body_of(call)
        msgtype = body.get("msgtype")
        field = _WEBHOOK_TEXTS.get(msgtype) if isinstance(msgtype, str) else None
        content = body.get(msgtype) if isinstance(msgtype, str) else None
        if field is None or not isinstance(content, dict) or not content.get(field):
            raise Errcode(310000, f"msgtype {msgtype!r}: nothing that a session webhook could send")
        at = body.get("at", {})
        if not isinstance(at, dict) or not at.keys() <= _AT_KEYS:
            raise Errcode(310000, f"at: expected {', '.join(sorted(_AT_KEYS))}")
        self._count_use(session, now)
        text = str(content[field])
        self.gateway.ledger.replied_to(pushed, text, now)
        self.desk.sent.append(
            Sent(
                at=now,
                via="webhook",
                client_id=pushed.client_id,
                target=session,
                text=text,
                body=body,
                answers=pushed,
            )
        )
        return {"errcode": 0, "errmsg": "ok"}

    def _direct(self, call: Call, now: float) -> Reply:
        app, body = self.desk.app(call, now), body_of(call)
        self.desk.check_robot(app, body)
        text, medium = self._said(app, body)
        users = words_of(body, "userIds", most=MAX_USERS, what="staff ids")
        if any(user.startswith(("$:", "cid")) for user in users):
            raise Refused(400, "staffId.notExisted", "sender ids and conversation ids are no staff ids")
        unknown = [user for user in users if user in self.invalid_staff]
        limited = [user for user in users if user in self.flow_controlled]
        filtered = [user for user in users if user in self.filtered_staff]
        for user in users:
            if user not in {*unknown, *limited, *filtered}:
                self.desk.send(app, ("user", user), text, body, now, "direct", medium)
        return {
            "processQueryKey": self.recalls.new_key(app, text, now),
            "invalidStaffIdList": unknown,
            "flowControlledStaffIdList": limited,
            "filteredStaffIdList": filtered,
        }

    def _group(self, call: Call, now: float) -> Reply:
        app, body = self.desk.app(call, now), body_of(call)
        self.desk.check_robot(app, body)
        text, medium = self._said(app, body)
        conversation = group_of(body)
        if conversation in self.gateway.ledger.direct_conversations:
            raise no_robot()
        if len(str(body["msgParam"]).encode()) > MAX_MSG_PARAM:
            raise invalid("msgParam", f"more than {MAX_MSG_PARAM} bytes")
        self.desk.send(app, ("group", conversation), text, body, now, "group", medium)
        return {"processQueryKey": self.recalls.new_key(app, text, now, group=conversation)}

    # Inside.

    def _carry_out(self, call: Call, now: float) -> Answer:
        found = self._routes.find(call)
        try:
            if found is None:
                raise Refused(404, "InvalidAction.NotFound", f"{call.method} {call.path} is not simulated")
            reply = found.route(found.call, now)
        except Refused as refusal:
            number = f"00000000-0000-4000-8000-{self.calls.total():012d}"
            error = {"requestid": number, "code": refusal.code, "message": refusal.message}
            return Answer(status=refusal.status, body=encode(error))
        except Errcode as error_:
            return Answer(body=encode({"errcode": error_.code, "errmsg": error_.message}))
        if isinstance(reply, Answer):
            return reply
        if call.path == OPEN and "json" not in call.headers.get("accept", ""):
            fields = "".join(f"<{name}>{value}</{name}>" for name, value in reply.items())
            return Answer(body=f"<OpenConnectionResponse>{fields}</OpenConnectionResponse>", content_type="text/xml")
        return Answer(body=encode(reply))

    def _said(self, app: App, body: Mapping[str, Any]) -> tuple[str, Medium | None]:
        """What a robot message says, that is as it should be; and what it shows, which its text names then."""
        text = _text(body)
        medium = self.media.shown_by(app, body["msgKey"], as_object(body["msgParam"]))
        return str(medium or text), medium

    def _count_use(self, session: str, now: float) -> None:
        uses = self._webhook_uses.setdefault(session, deque())
        while uses and uses[0] <= now - 60:
            uses.popleft()
        limit = self.gateway.rules.webhook_limit
        if limit is not None and len(uses) >= limit:
            raise Errcode(130101, f"send too fast, exceed {limit} times per minute")
        uses.append(now)


def _text(body: Mapping[str, Any]) -> str:
    """The text of a robot message that is as it should be."""
    key, param = body.get("msgKey"), body.get("msgParam")
    if not isinstance(key, str) or key not in _MSG_KEYS:
        raise invalid("msgKey", f"{key!r} is unknown")
    fields = as_object(param) if isinstance(param, str) else {}
    if not fields.get(_MSG_KEYS[key]):
        raise invalid("msgParam", f"expected a JSON text with {_MSG_KEYS[key]}")
    if key == "sampleMarkdown" and not fields.get("title"):
        raise Refused(400, "miss.param.markdownTotitle", "the title must not be empty")
    return str(fields[_MSG_KEYS[key]])
