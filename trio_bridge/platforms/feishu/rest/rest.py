"""Feishu's API, called with the token of the app, and no faster than it may be. :mod:`.codes` reads the answers.

A path is written as Feishu documents it, ``/im/v1/messages/:message_id/reply``; ``ids`` fill its gaps in order. So the
route is known for what it is, and an id is never more than an id.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote

import attrs

from ....bots.calls import given, harmless_to_repeat
from ....errors import RequestFailed
from ....transport.http import HttpClient, HttpReply, HttpStream
from ....wire.jsontext import encodable
from ..config import Feishu
from .codes import Outcome, outcome_of
from .failures import failure
from .limits import Limits
from .standing import Standing
from .tokens import TenantToken

Files = Mapping[str, tuple[str, bytes, str]]
"""Uploads: file name, content and media type by field name."""

ERROR_SIZE: Final = 64 * 1024
"""Bytes of an error that comes in place of a file."""

NO_IDS: Final = frozenset({"", ".", ".."})
"""What would make another path of a path."""

_GAP = re.compile(r"(?<=/):[a-z_]+")


@attrs.define(eq=False)
class Rest:
    """Feishu's API for one app."""

    _config: Feishu
    _http: HttpClient
    token: TenantToken
    limits: Limits
    standing: Standing = attrs.field(factory=Standing)

    async def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        ids: Sequence[str] = (),
        params: Mapping[str, str | int] | None = None,
        data: Mapping[str, str] | None = None,
        files: Files | None = None,
        chat: str = "",
    ) -> Outcome:
        """What came of a call. It is made once, and once more if its token turns out to be bad.

        ``chat`` is the conversation that gets a message by it: each has a pace of its own.

        Raises:
          RequestFailed: one of the ids is none.
          AccountRefused, RateLimited, NotSent, ConnectionLost: it was not made, or not taken.
          ConfigError: the secret can't be read.
          OutcomeUnknown: it was made, and no answer came.
        """
        url = self._url(path, ids)
        handed = given(json=body, params=params, data=data, files=files)

        async def made(token: str) -> Outcome:
            await self.limits.take(method, path, chat)
            reply = await self._http.request(method, url, headers=_bearer(token), **handed)
            return self._heeded(outcome_of(method, path, reply).without(token), chat)

        first = await self.token.get()
        outcome = await made(first)
        if outcome.category == "token":
            self.token.refuse(first)
            outcome = await made(await self.token.get())
        return outcome

    @asynccontextmanager
    async def download(
        self, path: str, *, ids: Sequence[str] = (), params: Mapping[str, str | int] | None = None
    ) -> AsyncIterator[HttpStream]:
        """A file, piece by piece. Its token is replaced like that of every call.

        Raises:
          RequestFailed: there is no such file.
          AccountRefused, RateLimited, NotSent, ConnectionLost: not now.
          ConfigError: the secret can't be read.
          OutcomeUnknown: no answer came, or it broke off.
        """
        url = self._url(path, ids)
        refused = False
        while True:
            token = await self.token.get()
            await self.limits.take("GET", path)
            async with self._http.stream("GET", url, headers=_bearer(token), **given(params=params)) as answer:
                if _is_file(answer):
                    yield answer
                    return
                reply = HttpReply(answer.status, answer.headers, await answer.read(ERROR_SIZE))
            outcome = self._heeded(outcome_of("GET", path, reply).without(token))
            if outcome.category != "token" or refused:
                raise failure(outcome)
            self.token.refuse(token)
            refused = True

    def _url(self, path: str, ids: Sequence[str]) -> str:
        if len(_GAP.findall(path)) != len(ids):
            raise ValueError(f"{path}: expected as many ids as there are gaps, not {len(ids)}")
        for id_ in ids:
            if id_ in NO_IDS:
                raise RequestFailed(f"{path}: {id_!r} is no id", code="bad_id", method=path)
        remaining = iter(ids)
        filled = _GAP.sub(lambda gap: quote(encodable(next(remaining)), safe=""), path)
        return f"{self._config.domain}/open-apis{filled}"

    def _heeded(self, outcome: Outcome, chat: str = "") -> Outcome:
        return self.standing.note(self.limits.note(outcome, chat))


def _bearer(token: str) -> list[tuple[str, str]]:
    return [("Authorization", f"Bearer {token}")]


def _is_file(answer: HttpStream) -> bool:
    """Whether an answer is what was asked for. Files of JSON have a name; errors have none, and may come inside 200."""
    ok = 200 <= answer.status < 300
    is_json = answer.headers.get("content-type", "").startswith("application/json")
    return ok and (not is_json or "content-disposition" in answer.headers)


async def answer_of(call: Awaitable[Outcome], *, repeatable: bool = False) -> Mapping[str, Any]:
    """The ``data`` that a call was answered with, if it succeeded. Raises what :func:`accepted` does."""
    return (await accepted(call, repeatable=repeatable)).data


async def accepted(call: Awaitable[Outcome], *, repeatable: bool = False) -> Outcome:
    """What came of a call that succeeded. A ``repeatable`` one may be made again.

    Raises:
      ConnectionLost: there was no answer to a repeatable call, or none that anybody could read.
      OutcomeUnknown: the same for any other.
      RequestFailed, RateLimited, NotSent, AccountRefused: it was not made, or answered with a no.
    """
    with harmless_to_repeat(repeatable):
        outcome = await call
    if outcome.category != "ok":
        raise failure(outcome)
    return outcome
