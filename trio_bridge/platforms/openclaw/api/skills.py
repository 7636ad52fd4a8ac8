"""Skills of agents: which there are on the gateway, and what its registry has to offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from ..reading import Fields
from .asking import Caller, given


@attrs.frozen(kw_only=True)
class Skill:
    """A skill that the gateway knows, whether an agent can use it or not."""

    name: str
    key: str = ""
    """What the gateway's configuration calls it."""
    description: str = ""
    source: str = ""
    """``openclaw-bundled``, …"""
    eligible: bool = False
    """Whether everything is there that it needs."""
    disabled: bool = False
    """Whether it was switched off."""
    missing: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    """What it lacks, by kind: ``bins``, ``env``, ``config``, ``os``."""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """The gateway's own description, whole."""

    @classmethod
    def list_of(cls, payload: Any) -> tuple[Skill, ...]:
        """From the answer to ``skills.status``.

        Raises:
          RemoteProtocolError: there is no list in it, or a skill without a name.
        """
        return tuple(cls._of(each) for each in Fields.of(payload).need_objects("skills"))

    @classmethod
    def _of(cls, fields: Fields) -> Skill:
        missing = fields.inner("missing")
        return cls(
            name=fields.need("name"),
            key=fields.text("skillKey"),
            description=fields.text("description"),
            source=fields.text("source"),
            eligible=fields.flag("eligible") or False,
            disabled=fields.flag("disabled") or False,
            missing={kind: names for kind in missing.raw if (names := missing.texts(kind))},
            raw=fields.raw,
        )


@attrs.frozen(kw_only=True)
class FoundSkill:
    """A skill that the registry has."""

    slug: str
    """Its name in the registry."""
    name: str = ""
    """What people call it."""
    summary: str = ""
    version: str = ""
    score: float | None = None
    """How well it fits what was looked for."""
    updated_at: float | None = None
    """Seconds since the epoch."""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """The registry's own description, whole."""

    @classmethod
    def list_of(cls, payload: Any) -> tuple[FoundSkill, ...]:
        """From the answer to ``skills.search``.

        Raises:
          RemoteProtocolError: there is no list in it, or a skill without a slug.
        """
        return tuple(cls._of(each) for each in Fields.of(payload).need_objects("results"))

    @classmethod
    def _of(cls, fields: Fields) -> FoundSkill:
        return cls(
            slug=fields.need("slug"),
            name=fields.text("displayName"),
            summary=fields.text("summary"),
            version=fields.text("version"),
            score=fields.number("score"),
            updated_at=fields.moment("updatedAt"),
            raw=fields.raw,
        )


@attrs.frozen(kw_only=True)
class SkillDetail:
    """Everything that the registry says of a skill."""

    slug: str
    """Its name in the registry."""
    name: str = ""
    """What people call it."""
    summary: str = ""
    tags: Mapping[str, str] = attrs.field(factory=dict)
    version: str = ""
    """The latest."""
    changelog: str = attrs.field(default="", repr=False)
    owner: str = ""
    """Who published it."""
    created_at: float | None = None
    """Seconds since the epoch."""
    updated_at: float | None = None
    """Seconds since the epoch."""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """The registry's own answer, whole."""

    @classmethod
    def of(cls, payload: Any) -> SkillDetail | None:
        """From the answer to ``skills.detail``; ``None`` where there is no such skill.

        Raises:
          RemoteProtocolError: the skill has no slug.
        """
        fields = Fields.of(payload)
        if fields.raw.get("skill") is None:
            return None
        skill, latest, owner = fields.need_object("skill"), fields.inner("latestVersion"), fields.inner("owner")
        tags = skill.inner("tags")
        return cls(
            slug=skill.need("slug"),
            name=skill.text("displayName"),
            summary=skill.text("summary"),
            tags={name: tags.text(name) for name in tags.raw if tags.text(name)},
            version=latest.text("version"),
            changelog=latest.text("changelog"),
            owner=owner.text("handle") or owner.text("displayName"),
            created_at=skill.moment("createdAt"),
            updated_at=skill.moment("updatedAt"),
            raw=fields.raw,
        )


@attrs.define(eq=False, repr=False)
class Skills:
    """Skills of agents: ``account.api.skills``. They raise what calls of :class:`Sessions` do.

    :meth:`search` and :meth:`detail` have the gateway ask its registry in the internet. Where it can't, that is a
    :exc:`~trio_bridge.RequestFailed` with the code ``UNAVAILABLE``.
    """

    _caller: Caller

    async def status(self, agent_id: str | None = None) -> tuple[Skill, ...]:
        """The skills that an agent has or could have; the default agent's, where none is named."""
        return await self._caller.ask("skills.status", given(agent_id=agent_id), Skill.list_of)

    async def search(self, query: str = "", *, limit: int | None = None) -> tuple[FoundSkill, ...]:
        """Skills of the registry that fit, the best first. ``limit`` is 1 to 100."""
        return await self._caller.ask("skills.search", given(query=query or None, limit=limit), FoundSkill.list_of)

    async def detail(self, slug: str) -> SkillDetail | None:
        """A skill of the registry; ``None`` where it has none of this name."""
        return await self._caller.ask("skills.detail", {"slug": slug}, SkillDetail.of)
