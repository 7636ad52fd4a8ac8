"""A client of our gateway without a network or a clock of its own: it calls, and reads what it is told."""

import json
from typing import Any

from trio_bridge.platforms.openclaw.gateway.connecting import Caller
from trio_bridge.platforms.openclaw.gateway.gateway import Gateway
from trio_bridge.platforms.openclaw.gateway.methods import HttpAnswer, HttpCall
from trio_bridge.platforms.openclaw.gateway.settings import Settings

TOKEN = "a-token"
PLACE = "127.0.0.1:18789"
ALL = ("operator.admin", "operator.read", "operator.write", "operator.approvals", "operator.pairing")


class World:
    """A gateway and its time."""

    def __init__(self, protocol: int) -> None:
        self.gateway = Gateway(Settings(protocol=protocol, token=TOKEN, tells_health=False))
        self.gateway.start(0.0)
        self.now = 0.0
        self.rooms = self.gateway.rooms
        self.turns = self.gateway.rooms.turns

    def client(self, scopes: tuple[str, ...] = ALL, caps: tuple[str, ...] = ()) -> "Client":
        return Client(self, scopes, caps)

    def wait(self, seconds: float) -> None:
        """Let time pass; everything happens at its own time."""
        until = self.now + seconds
        while (due := self.gateway.deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            self.gateway.tick(self.now)
        self.now = until

    def answering(self, *replies: Any) -> None:
        """Have the agent answer with these, one after another; then with an echo."""
        left = list(replies)
        self.turns.responder = lambda question: left.pop(0) if left else f"you said {question.text}"

    def release(self) -> None:
        self.gateway.now = self.now
        for run in list(self.turns.held()):
            self.turns.release(run)
        self.wait(0)

    def restart(self, *, killed: bool = True) -> None:
        """Every client is gone after this."""
        if killed:
            self.gateway.kill(self.now)
        else:
            self.gateway.stop(self.now)
            self.wait(1000)
        for connection in self.gateway.connections():
            self.gateway.lost(connection)
        self.gateway.start(self.now)

    def post(self, path: str, body: Any, *, method: str = "POST", **headers: str) -> HttpAnswer:
        """An HTTP request with the token, unless another one is given."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        call = HttpCall(
            method=method,
            path=path,
            headers={"authorization": f"Bearer {TOKEN}", **named},
            body=json.dumps(body).encode(),
            address="127.0.0.1",
        )
        answer = HttpAnswer(lambda: None)
        self.gateway.answer_http(call, answer, self.now)
        return answer


class Client:
    """One connection that has said hello."""

    def __init__(self, world: World, scopes: tuple[str, ...], caps: tuple[str, ...]) -> None:
        self.world = world
        self.events: list[tuple[float, str, Any]] = []
        """Time, name and payload of what was told, since :meth:`heard` was last called."""
        self.answers: dict[str, Any] = {}
        self.methods: dict[str, str] = {}
        """What was asked, by the ids of the requests."""
        self._asked = 0
        self._connection = world.gateway.upgrade(Caller(host=PLACE), world.now)
        client = {"id": "gateway-client", "mode": "backend", "version": "1", "platform": "linux"}
        params = {"minProtocol": 3, "maxProtocol": 4, "client": client, "scopes": list(scopes), "caps": list(caps)}
        hello = self.send("connect", **params, auth={"token": TOKEN})
        assert self.answers[hello]["ok"], self.answers[hello]
        self.events.clear()

    def send(self, method: str, **params: Any) -> str:
        """Say what may be answered later; returns its id."""
        self._asked += 1
        own_id = f"q{self._asked}"
        self.methods[own_id] = method
        frame = {"type": "req", "id": own_id, "method": method, "params": params}
        self.world.gateway.receive(self._connection, [json.dumps(frame)], self.world.now)
        self.read()
        return own_id

    def call(self, method: str, **params: Any) -> Any:
        """The payload of what is answered at once."""
        answer = self.answers[self.send(method, **params)]
        assert answer["ok"], answer
        return answer["payload"]

    def refused(self, method: str, **params: Any) -> Any:
        """The error that is answered at once."""
        answer = self.answers[self.send(method, **params)]
        assert not answer["ok"], answer
        return answer["error"]

    def say(self, text: str, key: str, session: str = "main", **more: Any) -> Any:
        return self.call("chat.send", sessionKey=session, message=text, idempotencyKey=key, **more)

    def wait(self, seconds: float) -> None:
        """Let time pass, and read what is told meanwhile."""
        until = self.world.now + seconds
        while (due := self.world.gateway.deadline()) is not None and due <= until:
            self.world.wait(max(0.0, due - self.world.now))
            self.read()
        self.world.wait(until - self.world.now)
        self.read()

    def read(self) -> None:
        for text in self._connection.take():
            text.encode()  # as it would be written
            frame = json.loads(text)
            if frame["type"] == "res":
                self.answers[frame["id"]] = frame
            else:
                self.events.append((round(self.world.now, 6), frame["event"], frame.get("payload")))

    def heard(self, event: str) -> list[tuple[float, Any]]:
        """When and what was told under this name so far; it is told once."""
        self.read()
        found = [(at, payload) for at, name, payload in self.events if name == event]
        self.events = [each for each in self.events if each[1] != event]
        return found

    def chats(self) -> list[tuple[Any, ...]]:
        """Run, state and text of what was told of runs, without what is only progress."""
        return [
            (payload["runId"], payload["state"], text_of(payload))
            for _, payload in self.heard("chat")
            if payload["state"] != "status"
        ]

    def ends(self) -> list[tuple[Any, ...]]:
        """The same without deltas."""
        return [each for each in self.chats() if each[1] != "delta"]

    def history(self, session: str = "main", **more: Any) -> Any:
        return self.call("chat.history", sessionKey=session, **more)

    def rows(self, session: str = "main") -> list[tuple[str, str]]:
        return [(row["role"], text_of({"message": row})) for row in self.history(session)["messages"]]


def text_of(payload: Any) -> str | None:
    """The text of a message; ``None`` where there is none."""
    if "message" not in payload:
        return None
    content = payload["message"]["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
