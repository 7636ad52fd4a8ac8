"""Sessions: conversations with an agent that have a key, an id that changes when they begin anew, and rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

import attrs

from .methods import INVALID_REQUEST, House, Refusal
from .settings import MAIN_AGENT

MAIN_KEY = "main"
PROVIDER = "simulated"
MODEL = "simulated-1"
"""The model behind every agent here."""


@attrs.frozen
class Row:
    """One message of a session, as it stands in the history."""

    id: str
    role: Literal["user", "assistant", "system"]
    text: str
    at_ms: int
    seq: int
    run_id: str | None = None
    key: str | None = None
    """What protocol 4 knows it by: ``KEY:user`` is the message that was sent with this idempotency key."""
    stop_reason: str = "stop"


@attrs.frozen
class Checkpoint:
    """What a session was before it was compacted."""

    id: str
    session_id: str
    at_ms: int
    rows: tuple[Row, ...]
    summary: str


@attrs.define(eq=False)
class Session:
    """A conversation. Its rows are in their order."""

    key: str
    id: str
    agent: str
    created_ms: int
    updated_ms: int
    label: str | None = None
    provider: str = PROVIDER
    model: str = MODEL
    rows: list[Row] = attrs.Factory(list)
    checkpoints: list[Checkpoint] = attrs.Factory(list)
    branches: list[list[Row]] = attrs.Factory(list)
    """Other ways that it went from some row on (protocol 4)."""
    status: Literal["running", "done", "failed"] | None = None


class Notices(Protocol):
    """Who is told of what happens in sessions."""

    def message(self, session: Session, row: Row) -> None:
        """There is a row more."""


class Sessions:
    """All sessions of a gateway. ``agents`` are those that its configuration knows, the default one first."""

    def __init__(self, house: House, notices: Notices, agents: Sequence[str] = (MAIN_AGENT,)) -> None:
        self._house = house
        self._notices = notices
        self.agents = list(agents)
        self._known: dict[str, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        """The sessions, the one that changed last first."""
        return iter(sorted(self._known.values(), key=lambda each: each.updated_ms, reverse=True))

    @property
    def main_key(self) -> str:
        """The key of the session that is used where none is named."""
        return self.key_of(MAIN_KEY)

    def key_of(self, given: str) -> str:
        """The whole key, in lower case and without blanks around it: a short one is about the default agent."""
        key = given.strip().lower()
        return key if key.startswith("agent:") else f"agent:{self.agents[0]}:{key}"

    def find(self, given: str) -> Session | None:
        """The session of this key, if there is one."""
        return self._known.get(self.key_of(given))

    def open(self, given: str, *, inventing: bool = False) -> Session:
        """The session of this key, which is made where there is none. ``inventing``: for any agent.

        Raises:
          Refusal: its agent does not exist, or it has an empty part (protocol 4).
        """
        key = self.key_of(given)
        parts = key.split(":")
        if self._house.protocol == 4 and not all(parts):
            raise Refusal(INVALID_REQUEST, f'malformed session key "{given}"')
        agent = parts[1]
        if agent not in self.agents and not inventing:
            raise Refusal(INVALID_REQUEST, f'Agent "{agent}" no longer exists in configuration')
        session = self._known.get(key)
        if session is None:
            now = self._house.now_ms()
            session = self._known[key] = Session(key, self._house.new_id(), agent, now, now)
        return session

    def adopt(self, session: Session) -> None:
        """Know this session from now on."""
        self._known[session.key] = session

    def forget(self, session: Session) -> None:
        """Know this session no more."""
        del self._known[session.key]

    def write(
        self,
        session: Session,
        role: Literal["user", "assistant", "system"],
        text: str,
        *,
        run_id: str | None = None,
        key: str | None = None,
        at_ms: int | None = None,
        stop_reason: str = "stop",
    ) -> Row:
        """Add a row to a session."""
        now, row_id = self._house.now_ms(), self._house.new_id()
        seq = session.rows[-1].seq + 1 if session.rows else 1
        if self._house.protocol == 3:
            row_id = row_id[:8]
        row = Row(row_id, role, text, now if at_ms is None else at_ms, seq, run_id, key, stop_reason)
        session.rows.append(row)
        session.updated_ms = now
        self._notices.message(session, row)
        return row

    def renew(self, session: Session) -> None:
        """Have a session begin anew, empty. Protocol 3 gives it another id, 4 notes it in the history."""
        session.rows.clear()
        session.updated_ms = self._house.now_ms()
        session.status = None
        if self._house.protocol == 3:
            session.id = self._house.new_id()
        else:
            self.write(session, "system", "Reset")


def row_shape(row: Row, *, modern: bool) -> Mapping[str, Any]:
    """A row as the history has it: the content of a user's message is a text on 4 and a list on 3."""
    inner: dict[str, Any] = {"id": row.id, "seq": row.seq}
    shape: dict[str, Any] = {"role": row.role, "content": [{"type": "text", "text": row.text}], "timestamp": row.at_ms}
    if modern:
        inner["recordTimestampMs"] = row.at_ms
        if row.role == "user":
            shape["content"] = row.text
        if row.key is not None:
            shape["idempotencyKey"] = inner["idempotencyKey"] = row.key
        if row.run_id is not None:
            inner["runId"] = row.run_id
    if row.role == "assistant":
        tokens = len(row.text.split())
        usage = {"input": 0, "output": tokens, "totalTokens": tokens, "cacheRead": 0, "cacheWrite": 0}
        shape |= {
            "api": "openai-completions",
            "provider": PROVIDER,
            "model": MODEL,
            "usage": usage,
            "stopReason": row.stop_reason,
        }
    return {**shape, "__openclaw": inner}
