"""Typed calls: a request, and what its answer says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeVar

import attrs

from ....errors import OutcomeUnknown, RemoteProtocolError, RequestFailed
from ..hello import Hello
from ..reading import Fields, Unreadable
from .unsupported import Unsupported

T = TypeVar("T")

UNSUPPORTED: Final = "unsupported"
"""The code of a call that this gateway has not. It is ours: gateways have no code for it."""
NOT_DONE: Final = "not_done"
"""The code of an answer that says yes to the request and no to what was asked. It is ours, too."""
WORDS: Final = 300
"""Characters of a gateway's own words that are repeated."""


class Request(Protocol):
    """Asks the gateway, and returns the payload of its answer."""

    async def __call__(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        when_ready: bool = False,
        idempotent: bool = False,
        answer_within: float | None = None,
    ) -> Any: ...


@attrs.frozen
class Caller:
    """Makes requests, and reads what they answer."""

    request: Request
    hello: Callable[[], Hello | None]
    """What the gateway said of itself; ``None`` while there is no connection."""
    last_hello: Callable[[], Hello | None]
    """The same of the last connection: sessions are called what they were called."""
    unsupported: Unsupported

    async def ask(self, method: str, params: Mapping[str, Any], read: Callable[[Any], T]) -> T:
        """What the answer says. It is a question: it is asked again where a connection is lost meanwhile.

        Raises:
          RemoteProtocolError: the answer can't be read.
          RequestFailed: the gateway says no, even if only in the payload.
        """
        payload = _granted(method, await self.request(method, params, idempotent=True))
        try:
            return read(payload)
        except Unreadable as unreadable:
            raise RemoteProtocolError(f"{method}: {unreadable}") from None

    async def tell(self, method: str, params: Mapping[str, Any], read: Callable[[Any], T]) -> T:
        """The same for what changes something: it is said once.

        Raises:
          OutcomeUnknown: nobody knows whether it was carried out; or it was, and the answer can't be read.
          RequestFailed: the gateway says no, even if only in the payload.
        """
        payload = _granted(method, await self.request(method, params))
        try:
            return read(payload)
        except Unreadable as unreadable:
            raise OutcomeUnknown(f"{method} was carried out, but {unreadable}") from None

    def lacks(self, method: str) -> bool:
        """Whether the gateway is known not to have a method. Nothing is known without a connection."""
        hello = self.hello()
        if hello is None:
            return False
        # An older gateway may name no method at all.
        unnamed = bool(hello.methods) and method not in hello.methods
        return unnamed or self.unsupported.knows(hello.server_version, method)

    def insist(self, method: str) -> None:
        """Return unless the gateway is known not to have a method.

        Raises:
          RequestFailed: it has not. Had it been asked, it might have complained of a missing scope instead.
        """
        if self.lacks(method):
            raise RequestFailed(f"this gateway has no {method}", code=UNSUPPORTED, method=method)


def given(**params: Any) -> dict[str, Any]:
    """The parameters that are not ``None``, by the names that the gateway has for them."""
    return camel({name: value for name, value in params.items() if value is not None})


def camel(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters by the names that the gateway has for them: ``session_key`` is ``sessionKey``."""
    return {_camel(name): value for name, value in params.items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _granted(method: str, payload: Any) -> Any:
    """The payload, unless it says no while the answer says yes."""
    if isinstance(payload, Mapping) and payload.get("ok") is False:
        fields = Fields.of(payload)
        reason = fields.text("reason") or fields.text("error") or "the gateway did not say why"
        raise RequestFailed(f"{method}: {reason[:WORDS]}", code=NOT_DONE, method=method, payload=payload)
    return payload
