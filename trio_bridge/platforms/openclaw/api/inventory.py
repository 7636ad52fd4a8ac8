"""What a gateway has: agents, models, and an identity of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from ..reading import Fields


@attrs.frozen(kw_only=True)
class GatewayAgent:
    """An agent of the gateway."""

    id: str
    name: str = ""
    workspace: str = ""
    """Its folder, on the gateway's machine."""
    model: str = ""
    """The model that it begins with: ``provider/model``."""
    default: bool = False
    """Whether it is meant where none is named."""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """The gateway's own description, whole."""

    @classmethod
    def list_of(cls, payload: Any) -> tuple[GatewayAgent, ...]:
        """From the answer to ``agents.list``.

        Raises:
          RemoteProtocolError: there is no list in it, or an agent without an id.
        """
        fields = Fields.of(payload)
        return tuple(cls._of(each, fields.text("defaultId")) for each in fields.need_objects("agents"))

    @classmethod
    def _of(cls, fields: Fields, default: str) -> GatewayAgent:
        return cls(
            id=(own := fields.need("id")),
            name=fields.text("name"),
            workspace=fields.text("workspace"),
            model=fields.text("model") or fields.inner("model").text("primary"),
            default=own == default,
            raw=fields.raw,
        )


@attrs.frozen(kw_only=True)
class Model:
    """A model that agents of the gateway may use."""

    id: str
    provider: str = ""
    name: str = ""
    context_window: int | None = None
    """Tokens that it can take in."""
    reasoning: bool | None = None
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """The gateway's own description, whole."""

    @classmethod
    def list_of(cls, payload: Any) -> tuple[Model, ...]:
        """From the answer to ``models.list``.

        Raises:
          RemoteProtocolError: there is no list in it, or a model without an id.
        """
        return tuple(cls._of(each) for each in Fields.of(payload).need_objects("models"))

    @classmethod
    def _of(cls, fields: Fields) -> Model:
        return cls(
            id=fields.need("id"),
            provider=fields.text("provider"),
            name=fields.text("name"),
            context_window=fields.whole("contextWindow"),
            reasoning=fields.flag("reasoning"),
            raw=fields.raw,
        )


@attrs.frozen(kw_only=True)
class GatewayIdentity:
    """Which gateway it is: the same under whatever URL."""

    device_id: str
    public_key: str = ""
    """Ed25519, the raw 32 bytes as base64url."""

    @classmethod
    def of(cls, payload: Any) -> GatewayIdentity:
        """From the answer to ``gateway.identity.get``.

        Raises:
          RemoteProtocolError: there is no id in it.
        """
        fields = Fields.of(payload)
        return cls(device_id=fields.need("deviceId"), public_key=fields.text("publicKey"))
