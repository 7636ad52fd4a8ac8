"""What is known of one question and its answer. What the gateway says goes in, a text and an end come out.

1. The text of an answer is what was said last: deltas carry all of it, and the final text stands.
2. The first end counts. One that fails may be told twice, and a late word changes nothing.
3. A gateway may answer under another name: it takes a run up again after its own death, or has the text answered with
   that of another run. So once it is known that this may be (``follows``), every run of the session is listened to.
   One that the gateway named as ours ends the answer; what another says to its end may be the answer (``claim``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final, Literal

from ....errors import BridgeError, RequestFailed
from ....wire.jsontext import word
from ..sessions import canonical

Status = Literal["running", "final", "aborted", "silent", "failed"]

METHOD: Final = "chat.send"
LONGEST: Final = 16 * 2**20
"""Characters of an answer: a frame holds more, but an answer may come in pieces without an end."""
MOST_RUNS: Final = 100
"""Names that one answer goes by."""


class Tracker:
    """One question, by its key."""

    def __init__(self, key: str, session_key: str) -> None:
        self.key = key
        self.session_key = session_key
        self.runs = {key}
        """The names that the answer goes by."""
        self.text = ""
        self.status: Status = "running"
        self.failure: BridgeError | None = None
        self.default_agent = "main"
        self.follows = False
        """Any run of the session may be the answer."""
        self.ended_without_text = False
        """Our run ended and said nothing: it was silent, or another run answers."""
        self.claim: str | None = None
        """What a run said to its end that may be the answer: the history will tell."""
        self.signs = 0
        """Grows with every sign of life."""

    @property
    def over(self) -> bool:
        """Whether the answer has come to its end."""
        return self.status != "running"

    def hear(self, name: str, payload: Mapping[str, Any]) -> bool:
        """Take an event in. True if it was about this answer."""
        if self.over or name not in ("chat", "agent") or not self._is_ours(payload):
            return False
        self.signs += 1
        if name == "chat":
            self._take(payload)
        return True

    def adopt(self, runs: Iterable[str], text: str = "") -> None:
        """The answer is being written under one of these names, and is so far ``text``."""
        self.runs.update(islice(runs, MOST_RUNS - len(self.runs)))
        if text:
            self.text = text

    def disown(self) -> None:
        """What a run said that nobody named was no answer to this."""
        self.claim, self.text = None, ""

    def end(self, status: Status, text: str | None = None) -> None:
        """This is the end, if it was not over before; without ``text`` what was said stands."""
        if self.over:
            return
        self.status = status
        if text is not None:
            self.text = text

    def fail(self, error: BridgeError) -> None:
        """It failed, if it was not over before."""
        if not self.over:
            self.status, self.failure = "failed", error

    def _is_ours(self, payload: Mapping[str, Any]) -> bool:
        run_id, session = payload.get("runId"), payload.get("sessionKey")
        if isinstance(run_id, str) and run_id in self.runs:
            return True
        if not self.follows or not isinstance(session, str):
            return False
        return canonical(session, self.default_agent) == canonical(self.session_key, self.default_agent)

    def _take(self, payload: Mapping[str, Any]) -> None:
        said = text_of(payload.get("message"))
        if payload.get("runId") not in self.runs:
            self._take_of_another(payload, said)
            return
        match payload.get("state"):
            case "delta":
                self._grow(payload, said)
            case "final" if said is None:
                self.ended_without_text = self.follows = True
            case "final":
                self.end("final", said)
            case "aborted" if said is None and payload.get("stopReason") == "stop":
                self.end("silent")  # nobody stopped it: the model was asked twice, and would not say anything
            case "aborted":
                self.end("aborted", said)
            case "error":
                self.fail(failure_of(payload))

    def _take_of_another(self, payload: Mapping[str, Any], said: str | None) -> None:
        """A run that nobody named shows itself. It may be the answer; that another one fails means nothing."""
        match payload.get("state"):
            case "delta":
                self._grow(payload, said)
            case "final" if said:
                self.text = self.claim = said

    def _grow(self, payload: Mapping[str, Any], said: str | None) -> None:
        if said is not None:
            self.text = said
        elif isinstance(delta := payload.get("deltaText"), str):
            self.text = delta if payload.get("replace") is True else self.text + delta
        if len(self.text) > LONGEST:
            self.text = ""
            self.fail(RequestFailed(f"{METHOD}: the answer does not end", code="too_long", method=METHOD))


def text_of(message: Any) -> str | None:
    """The text of a message, whatever form it has; ``None`` where there is no message."""
    if not isinstance(message, Mapping):
        return None
    content = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return word(message.get("text"))
    blocks = (block for block in content if isinstance(block, Mapping) and block.get("type") == "text")
    return "".join(word(block.get("text")) for block in blocks)


def failure_of(payload: Mapping[str, Any]) -> RequestFailed:
    """Why a run failed, by its own words."""
    reason = word(payload.get("errorMessage")) or "the run failed, and the gateway did not say why"
    return RequestFailed(
        f"{METHOD}: {reason[:500]}",
        code=word(payload.get("errorKind")) or "run_failed",
        details=payload.get("errorDetail"),
        method=METHOD,
    )
