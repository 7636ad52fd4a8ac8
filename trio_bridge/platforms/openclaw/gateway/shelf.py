"""What can be looked up, and what is sent without an agent: agents, models, commands, channels, skills, ``send``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from .methods import INVALID_REQUEST, READ, WRITE, Catalogue, Entry, House, Peer, Refusal
from .params import Shape
from .room import QuietRoom
from .sessions import MAIN_KEY, MODEL, PROVIDER, Sessions

MAX_FOUND = 100
OFFLINE = "fetch failed"
"""What a gateway says whose skill directory is out of reach."""

AGENTS = Shape("agents.list")
MODELS = Shape("models.list", optional={"view": str})
COMMANDS = Shape("commands.list", optional={"agentId": str, "provider": str, "scope": str, "includeArgs": bool})
CHANNELS = Shape("channels.status", optional={"probe": bool, "timeoutMs": int})
TOOLS = Shape("tools.catalog", optional={"agentId": str, "includePlugins": bool})
STATUS = Shape("skills.status", optional={"agentId": str})
SEARCH = Shape("skills.search", optional={"query": str, "limit": int})
DETAIL = Shape("skills.detail", {"slug": str})
SEND = Shape(
    "send",
    {"to": str, "idempotencyKey": str},
    {"channel": str, "accountId": str, "message": str, "mediaUrl": str, "mediaUrls": list, "sessionKey": str},
)


@attrs.frozen
class Skill:
    """A skill in the directory."""

    slug: str
    name: str
    summary: str
    version: str = "1.0.0"


@attrs.frozen
class Outgoing:
    """A message that was sent to a channel."""

    channel: str
    to: str
    text: str
    key: str


class Shelf(QuietRoom):
    """Lists. ``skills`` is the directory of skills; ``None``: it is out of reach. ``channels`` are those there are."""

    def __init__(self, house: House, sessions: Sessions) -> None:
        super().__init__(house)
        self._sessions = sessions
        self.skills: list[Skill] | None = None
        self.channels: list[str] = []
        self.outgoing: list[Outgoing] = []
        """What was sent, once for each idempotency key."""
        self._answers: dict[str, Mapping[str, Any]] = {}

    def methods(self) -> Catalogue:
        return {
            "agents.list": Entry(self._agents, READ),
            "models.list": Entry(self._models, READ),
            "commands.list": Entry(self._commands, READ),
            "channels.status": Entry(self._channels, READ),
            "tools.catalog": Entry(self._tools, READ),
            "skills.status": Entry(self._status, READ),
            "skills.search": Entry(self._search, READ),
            "skills.detail": Entry(self._detail, READ),
            "send": Entry(self._send, WRITE),
        }

    def _agents(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        AGENTS.check(params)
        names = self._sessions.agents
        agents = [{"id": name, "model": {"primary": f"{PROVIDER}/{MODEL}"}} for name in names]
        return {"defaultId": names[0], "mainKey": MAIN_KEY, "scope": "per-sender", "agents": agents}

    def _models(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        MODELS.check(params)
        model = {"id": MODEL, "name": "Simulated 1", "provider": PROVIDER, "contextWindow": 128_000, "reasoning": False}
        return {"models": [{**model, **({"available": True} if self._modern else {"input": ["text", "image"]})}]}

    def _commands(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        COMMANDS.check(params)
        known = {"new": "Start a new session.", "stop": "Stop the current run.", "status": "Show the status."}
        about = {"category": "session", "source": "native", "scope": "both", "acceptsArgs": False}
        commands = [
            {"name": name, "nativeName": name, "textAliases": [f"/{name}"], "description": description, **about}
            for name, description in known.items()
        ]
        return {"commands": commands}

    def _channels(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        CHANNELS.check(params)
        channels = {name: {"configured": True, "running": True} for name in self.channels}
        labels = {name: name.title() for name in self.channels}
        order = {"channelOrder": list(self.channels), "channelLabels": labels}
        return {"ts": self._house.now_ms(), **order, "channels": channels, "channelAccounts": {}}

    def _tools(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        TOOLS.check(params)
        return {"agentId": params.get("agentId", self._sessions.agents[0]), "profiles": [], "groups": []}

    def _status(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        STATUS.check(params)
        place = {"workspaceDir": "/home/user/ws", "managedSkillsDir": "/home/user/.openclaw/skills"}
        return {**place, "skills": []}

    def _search(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        SEARCH.check(params)
        limit = params.get("limit", MAX_FOUND)
        if not 1 <= limit <= MAX_FOUND:
            bound = "must be >= 1" if limit < 1 else f"must be <= {MAX_FOUND}"
            raise Refusal(INVALID_REQUEST, f"invalid skills.search params: at /limit: {bound}")
        query = params.get("query", "").lower()
        found = [each for each in self._directory() if query in f"{each.slug} {each.name} {each.summary}".lower()]
        return {"results": [{"score": 1.0, **_shape(each)} for each in found[:limit]]}

    def _detail(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        DETAIL.check(params)
        for skill in self._directory():
            if skill.slug == params["slug"]:
                return {"skill": _shape(skill), "latestVersion": {"version": skill.version}}
        raise Refusal("UNAVAILABLE", f"skill not found: {params['slug']}")

    def _directory(self) -> list[Skill]:
        if self.skills is None:
            raise Refusal("UNAVAILABLE", OFFLINE)
        return self.skills

    def _send(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        SEND.check(params)
        key, channel = params["idempotencyKey"], params.get("channel") or next(iter(self.channels), None)
        if key in self._answers:
            return self._answers[key]
        if channel not in self.channels:
            raise Refusal(INVALID_REQUEST, f"unsupported channel: {channel}")
        if not params.get("message") and not params.get("mediaUrl") and not params.get("mediaUrls"):
            raise Refusal(INVALID_REQUEST, "invalid send params: text or media is required")
        self.outgoing.append(Outgoing(channel, params["to"], params.get("message", ""), key))
        answer = {"runId": key, "messageId": self._house.new_id(), "channel": channel, "chatId": params["to"]}
        self._answers[key] = answer
        return answer


def _shape(skill: Skill) -> Mapping[str, Any]:
    names = {"slug": skill.slug, "displayName": skill.name}
    return {**names, "summary": skill.summary, "version": skill.version}
