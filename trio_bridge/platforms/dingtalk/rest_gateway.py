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

import json
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from .gateway import Gateway
from .gateway_calls import Answer, Call, Scripts
from .gateway_frames import Place, as_object, encode
from .gateway_model import App, Refused
from .ledger import Pushed, Via

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


@attrs.frozen(kw_only=True)
class Sent:
    """One message that a client had the server send. ``answers``: the message it is a reply to."""

    at: float
    via: Via
    client_id: str
    target: str
    text: str = attrs.field(repr=False)
    body: Mapping[str, Any] = attrs.field(repr=False)
    answers: Pushed | None


class RestGateway:
    """The REST side of the server, on both API hosts at once. ``socket_url`` is where tickets are for."""

    def __init__(self, gateway: Gateway, socket_url: str) -> None:
        self.gateway = gateway
        self.socket_url = socket_url
        self.scripts = Scripts()
        """How the next calls are to end, by path."""
        self.calls: Counter[str] = Counter()
        """Calls by path, refused ones included."""
        self.open_calls: list[OpenCall] = []
        self.sent: list[Sent] = []
        self.invalid_staff: set[str] = set()
        """Staff ids that nobody has."""
        self.flow_controlled: set[str] = set()
        """Staff ids that get nothing for now."""
        self._tokens: dict[str, tuple[str, float]] = {}
        self._webhook_uses: dict[str, deque[float]] = {}
        self._first_valid_session = 0
        self._routes: dict[tuple[str, str], Callable[[Call, float], Mapping[str, Any]]] = {
            ("POST", OPEN): self._open,
            ("POST", TOKEN): self._token,
            ("GET", OLD_TOKEN): self._old_token,
            ("POST", WEBHOOK): self._webhook,
            ("POST", DIRECT): self._direct,
            ("POST", GROUP): self._group,
        }

    def answer(self, call: Call, now: float) -> Answer:
        """Carry out the call, unless a script says otherwise, and say what the client gets."""
        self.calls[call.path] += 1
        script = self.scripts.next_for(call.path)
        if script is None or script.carried_out:
            answer = self._carry_out(call, now)
        if script is not None:
            answer = script.answer
        if call.path == OPEN:
            body = as_object(call.body.decode(errors="replace"))
            status = answer.status if answer.ending == "answer" else 0
            self.open_calls.append(OpenCall(at=now, client_id=str(body.get("clientId", "")), status=status, body=body))
        return answer

    def expire_tokens(self, client_id: str | None = None) -> None:
        """Make every access token invalid that was given out, of one app or of all."""
        self._tokens = {
            token: grant for token, grant in self._tokens.items() if client_id is not None and grant[0] != client_id
        }

    def expire_sessions(self) -> None:
        """Make every session webhook invalid that was given out."""
        self._first_valid_session = self.gateway.ledger.summary().pushed

    # The calls.

    def _open(self, call: Call, now: float) -> Mapping[str, Any]:
        return {"endpoint": self.socket_url, "ticket": self.gateway.open(_body(call), now)}

    def _token(self, call: Call, now: float) -> Mapping[str, Any]:
        body = _body(call)
        token = self._new_token(self.gateway.authenticate(body.get("appKey"), body.get("appSecret")), now)
        return {"accessToken": token, "expireIn": int(self.gateway.rules.token_life)}

    def _old_token(self, call: Call, now: float) -> Mapping[str, Any]:
        try:
            app = self.gateway.authenticate(call.query.get("appkey"), call.query.get("appsecret"))
        except Refused:
            raise _Errcode(40096, "invalid appkey or appsecret") from None
        life = int(self.gateway.rules.token_life)
        return {"errcode": 0, "access_token": self._new_token(app, now), "errmsg": "ok", "expires_in": life}

    def _webhook(self, call: Call, now: float) -> Mapping[str, Any]:
        session, rules = call.query.get("session", ""), self.gateway.rules
        pushed = self.gateway.ledger.of_session(session)
        if pushed is None or pushed.number < self._first_valid_session or now >= pushed.at + rules.session_life:
            raise _Errcode(300001, "session 不存在")
        body = _body(call)
        msgtype = body.get("msgtype")
        field = _WEBHOOK_TEXTS.get(msgtype) if isinstance(msgtype, str) else None
        content = body.get(msgtype) if isinstance(msgtype, str) else None
        if field is None or not isinstance(content, dict) or not content.get(field):
            raise _Errcode(310000, f"msgtype {msgtype!r}: nothing that a session webhook could send")
        at = body.get("at", {})
        if not isinstance(at, dict) or not at.keys() <= _AT_KEYS:
            raise _Errcode(310000, f"at: expected {', '.join(sorted(_AT_KEYS))}")
        self._count_use(session, now)
        text = str(content[field])
        self.gateway.ledger.replied_to(pushed, text, now)
        self._note(now, "webhook", pushed.client_id, session, text, body, pushed)
        return {"errcode": 0, "errmsg": "ok"}

    def _direct(self, call: Call, now: float) -> Mapping[str, Any]:
        app, body = self._app(call, now), _body(call)
        self._check_robot(app, body)
        text = _text(body)
        users = body.get("userIds")
        if (
            not isinstance(users, list)
            or not 1 <= len(users) <= MAX_USERS
            or not all(isinstance(u, str) for u in users)
        ):
            raise Refused(400, "invalidParameter.userIds.invalid", f"userIds: expected 1 to {MAX_USERS} staff ids")
        if any(user.startswith(("$:", "cid")) for user in users):
            raise Refused(400, "staffId.notExisted", "sender ids and conversation ids are no staff ids")
        invalid = [user for user in users if user in self.invalid_staff]
        limited = [user for user in users if user in self.flow_controlled]
        for user in users:
            if user not in invalid and user not in limited:
                self._send(app, ("user", user), text, body, now)
        return {
            "processQueryKey": self._query_key(),
            "invalidStaffIdList": invalid,
            "flowControlledStaffIdList": limited,
        }

    def _group(self, call: Call, now: float) -> Mapping[str, Any]:
        app, body = self._app(call, now), _body(call)
        self._check_robot(app, body)
        text = _text(body)
        conversation = body.get("openConversationId")
        if not isinstance(conversation, str) or not conversation.startswith("cid"):
            raise Refused(400, "invalidParameter.openConversationId.invalid", "openConversationId: expected cid…")
        if conversation in self.gateway.ledger.direct_conversations:
            raise _no_robot()
        if len(str(body["msgParam"]).encode()) > MAX_MSG_PARAM:
            raise Refused(400, "invalidParameter.msgParam.invalid", f"msgParam: more than {MAX_MSG_PARAM} bytes")
        self._send(app, ("group", conversation), text, body, now)
        return {"processQueryKey": self._query_key()}

    # Inside.

    def _carry_out(self, call: Call, now: float) -> Answer:
        route = self._routes.get((call.method, call.path))
        try:
            if route is None:
                raise Refused(404, "InvalidAction.NotFound", f"{call.method} {call.path} is not simulated")
            reply = route(call, now)
        except Refused as refusal:
            number = f"00000000-0000-4000-8000-{self.calls.total():012d}"
            error = {"requestid": number, "code": refusal.code, "message": refusal.message}
            return Answer(status=refusal.status, body=encode(error))
        except _Errcode as error_:
            return Answer(body=encode({"errcode": error_.code, "errmsg": error_.message}))
        if call.path == OPEN and "json" not in call.headers.get("accept", ""):
            fields = "".join(f"<{name}>{value}</{name}>" for name, value in reply.items())
            return Answer(body=f"<OpenConnectionResponse>{fields}</OpenConnectionResponse>", content_type="text/xml")
        return Answer(body=encode(reply))

    def _app(self, call: Call, now: float) -> App:
        client_id, expires_at = self._tokens.get(call.headers.get("x-acs-dingtalk-access-token", ""), ("", 0.0))
        app = self.gateway.apps.get(client_id)
        if app is None or now >= expires_at:
            raise Refused(400, "InvalidAuthentication", "不合法的access_token")
        return app

    def _check_robot(self, app: App, body: Mapping[str, Any]) -> None:
        robot = body.get("robotCode")
        if robot == app.robot_code:
            return
        if any(other.robot_code == robot for other in self.gateway.apps.values()):
            raise Refused(400, "invalidParameter.robotCode.auth", "the robot belongs to another app")
        raise _no_robot()

    def _new_token(self, app: App, now: float) -> str:
        token = f"token-{len(self._tokens)}-{self.calls.total()}-{app.client_id}"
        self._tokens[token] = (app.client_id, now + self.gateway.rules.token_life)
        return token

    def _query_key(self) -> str:
        return f"pqk-{self.calls.total():08d}"

    def _count_use(self, session: str, now: float) -> None:
        uses = self._webhook_uses.setdefault(session, deque())
        while uses and uses[0] <= now - 60:
            uses.popleft()
        limit = self.gateway.rules.webhook_limit
        if limit is not None and len(uses) >= limit:
            raise _Errcode(130101, f"send too fast, exceed {limit} times per minute")
        uses.append(now)

    def _send(self, app: App, place: Place, text: str, body: Mapping[str, Any], now: float) -> None:
        answers = self.gateway.ledger.replied_to_place(app.client_id, place, text, now)
        self._note(now, "direct" if place[0] == "user" else "group", app.client_id, place[1], text, body, answers)

    def _note(
        self,
        now: float,
        via: Via,
        client_id: str,
        target: str,
        text: str,
        body: Mapping[str, Any],
        answers: Pushed | None,
    ) -> None:
        sent = Sent(at=now, via=via, client_id=client_id, target=target, text=text, body=body, answers=answers)
        self.sent.append(sent)


class _Errcode(Exception):
    """An error of the older API: status 200 with a number inside."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message


def _no_robot() -> Refused:
    return Refused(
        400, "invalidParameter.robotCode.notExsit", "错误描述: robot 不存在；"
    )  # spelt like this by the platform


def _body(call: Call) -> Mapping[str, Any]:
    try:
        body = json.loads(call.body)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Refused(400, "invalidParameter", "expected a JSON object")
    return body


def _text(body: Mapping[str, Any]) -> str:
    """The text of a robot message that is as it should be."""
    key, param = body.get("msgKey"), body.get("msgParam")
    if not isinstance(key, str) or key not in _MSG_KEYS:
        raise Refused(400, "invalidParameter.msgKey.invalid", f"msgKey {key!r} is unknown")
    fields = as_object(param) if isinstance(param, str) else {}
    if not fields.get(_MSG_KEYS[key]):
        raise Refused(400, "invalidParameter.msgParam.invalid", f"msgParam: expected a JSON text with {_MSG_KEYS[key]}")
    if key == "sampleMarkdown" and not fields.get("title"):
        raise Refused(400, "miss.param.markdownTotitle", "the title must not be empty")
    return str(fields[_MSG_KEYS[key]])
