"""HTTP beside the WebSocket: ``/v1/chat/completions``, ``/v1/models``, ``/health`` and ``/ready``."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from .completions import Completion, say
from .methods import House, HttpAnswer, HttpCall
from .runs import Run
from .sessions import Sessions
from .turns import Turns

AGENT_PREFIXES = ("openclaw/", "openclaw:", "agent:")
RESERVED = ("subagent:", "cron:", "acp:")
"""Namespaces of session keys that the gateway (of protocol 4) keeps for itself."""
NO_MESSAGE = "Missing user message in `messages`."
BAD_MODEL = "Invalid `model`. Use `openclaw` or `openclaw/<agentId>`."


class _Bad(Exception):
    """The request is answered with 400."""


class HttpDoor:
    """Answers requests that have arrived whole."""

    COMPLETIONS = "/v1/chat/completions"
    MODELS = "/v1/models"

    def __init__(self, house: House, sessions: Sessions, turns: Turns) -> None:
        self._house = house
        self._sessions = sessions
        self._turns = turns
        self.ready: Callable[[], bool] = lambda: True
        """Whether the gateway has started."""
        self.completions_enabled = True
        """Whether it answers on ``/v1/chat/completions``: a real one must be told to."""

    def __call__(self, call: HttpCall, answer: HttpAnswer) -> None:
        match call.path:
            case "/health" | "/healthz":
                say(answer, 200, {"ok": True, "status": "live"})
            case "/ready" | "/readyz":
                ready = self.ready()
                say(answer, 200 if ready else 503, {"ready": ready})
            case HttpDoor.COMPLETIONS if self.completions_enabled:
                self._admit("POST", call, answer, self._complete)
            case HttpDoor.MODELS if self.completions_enabled:
                self._admit("GET", call, answer, self._models)
            case _:
                _say_text(answer, 404, "Not Found")

    def _admit(
        self, method: str, call: HttpCall, answer: HttpAnswer, then: Callable[[HttpCall, HttpAnswer], None]
    ) -> None:
        if call.method != method:
            _say_text(answer, 405, "Method Not Allowed", ("Allow", method))
            return
        kind, _, secret = call.headers.get("authorization", "").partition(" ")
        found = self._house.admit(secret if kind.lower() == "bearer" else None, call.address)
        if found.ok:
            then(call, answer)
        elif found.retry_after is not None:
            error = {"message": "Too many failed authentication attempts.", "type": "rate_limited"}
            say(answer, 429, {"error": error}, [("Retry-After", str(math.ceil(found.retry_after)))])
        else:
            refusal = {"error": {"message": "Unauthorized", "type": "unauthorized"}}
            self._house.after(found.refuse_after, partial(say, answer, 401, refusal))

    def _models(self, call: HttpCall, answer: HttpAnswer) -> None:
        names = ["openclaw", "openclaw/default", *(f"openclaw/{agent}" for agent in self._sessions.agents)]
        model = {"object": "model", "created": 0, "owned_by": "openclaw", "permission": []}
        say(answer, 200, {"object": "list", "data": [{"id": name, **model} for name in names]})

    def _complete(self, call: HttpCall, answer: HttpAnswer) -> None:
        try:
            body = self._body(call)
            text, agent = self._question(body), self._agent(body, call)
            key = self._session_key(body, call, agent)
        except _Bad as bad:
            say(answer, 400, {"error": {"message": str(bad), "type": "invalid_request_error"}})
            return
        now_ms = self._house.now_ms()
        options = body.get("stream_options")
        completion = Completion(
            house=self._house,
            turns=self._turns,
            answer=answer,
            id=f"chatcmpl_{self._house.new_id()}",
            model=body.get("model", "openclaw"),
            created=now_ms // 1000,
            streamed=body.get("stream") is True,
            with_usage=isinstance(options, dict) and options.get("include_usage") is True,
        )
        session = self._sessions.open(key, inventing=True)
        run_id = completion.id
        run = Run(id=run_id, session=session, text=text, key=run_id, teller=completion, sent_ms=now_ms, resumable=False)
        completion.submit(run)

    # Inside: what a body says.

    def _body(self, call: HttpCall) -> Mapping[str, Any]:
        try:
            body = json.loads(call.body)
        except (ValueError, RecursionError) as error:
            raise _Bad("Invalid JSON body.") from error
        if not isinstance(body, dict):
            kind = "array" if isinstance(body, list) else type(body).__name__
            expected = f": Invalid input: expected object, received {kind}"
            raise _Bad(expected if self._house.protocol == 4 else NO_MESSAGE)
        return body

    def _question(self, body: Mapping[str, Any]) -> str:
        """What the user said last."""
        messages = body.get("messages")
        for message in reversed(messages) if isinstance(messages, list) else ():
            if isinstance(message, dict) and message.get("role") == "user":
                text = _text_of(message.get("content"))
                if text.strip():
                    return text
        raise _Bad(NO_MESSAGE)

    def _agent(self, body: Mapping[str, Any], call: HttpCall) -> str:
        model, default = body.get("model", "openclaw"), self._sessions.agents[0]
        if not isinstance(model, str):
            raise _Bad(BAD_MODEL)
        named = next((model.removeprefix(each) for each in AGENT_PREFIXES if model.startswith(each)), None)
        if named is None and model != "openclaw":
            raise _Bad(BAD_MODEL)
        agent = (
            call.headers.get("x-openclaw-agent-id") or (named if named not in (None, "default") else None) or default
        )
        if self._house.protocol == 4 and agent not in self._sessions.agents:
            raise _Bad(f"Unknown agent '{agent}'.")
        return agent

    def _session_key(self, body: Mapping[str, Any], call: HttpCall, agent: str) -> str:
        given = call.headers.get("x-openclaw-session-key", "")
        if given:
            if self._house.protocol == 4 and given.startswith(RESERVED):
                raise _Bad("`x-openclaw-session-key` cannot use reserved internal session namespaces.")
            return given
        user = body.get("user")
        if isinstance(user, str) and user:
            return f"agent:{agent}:openai-user:{user}"
        return f"agent:{agent}:openai:{self._house.new_id()}"


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(
        str(part.get("text", "")) for part in parts if isinstance(part, dict) and part.get("type") == "text"
    )


def _say_text(answer: HttpAnswer, status: int, text: str, *headers: tuple[str, str]) -> None:
    answer.begin(status, [("Content-Type", "text/plain; charset=utf-8"), *headers])
    answer.write(text.encode())
    answer.end()
