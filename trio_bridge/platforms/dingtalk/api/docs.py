"""Documents of the organisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import attrs

from ....engine.ratelimit import TokenBucket
from ....errors import OutcomeUnknown, RemoteProtocolError, RequestFailed
from ....wire.jsontext import encodable, word
from ..codes import DOC_SEARCH
from ..rest import Rest, answer_of
from .users import Users

MOST_LISTED: Final = 50
MOST_FOUND: Final = 20


@attrs.frozen(kw_only=True)
class Doc:
    """A document, or a folder, as DingTalk describes it. What it does not say is empty."""

    id: str
    name: str = ""
    type: str = ""
    """DingTalk's word for what it is: ``alidoc`` is a text."""
    creator_id: str = ""
    updated_at: str = ""
    """As DingTalk writes it."""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """DingTalk's own description, whole."""


@attrs.frozen(kw_only=True)
class Node:
    """A document in a knowledge base: what it is and where to find it, not what it says."""

    id: str
    name: str = ""
    category: str = ""
    url: str = ""
    workspace_id: str = ""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """DingTalk's own description, whole."""


@attrs.define(eq=False, repr=False)
class Docs:
    """Documents: what they are, where they are, and adding to them. Every call is made once.

    Each method raises:
      RequestFailed: DingTalk says no: there is no such document, or the app lacks a permission, which is then named.
      RateLimited, NotSent, AccountRefused: it was not carried out.
      ConnectionLost: there was no answer to a question; ask again.
      OutcomeUnknown: :meth:`create` or :meth:`append` may have been carried out.
    """

    _rest: Rest
    _users: Users
    _turns: TokenBucket

    async def info(self, space_id: str, doc_id: str) -> Doc:
        """A document of a space."""
        return _doc(await self._ask(f"/v1.0/doc/spaces/{_name(space_id)}/docs/{_name(doc_id)}"), id=doc_id)

    async def read(self, node_id: str, *, operator: str) -> Node:
        """What a document of a knowledge base is called, and its URL. DingTalk tells apps nothing of its text.

        ``operator`` is the staff id of the person on whose behalf it is asked, and who must be allowed to see it.
        """
        path = f"/v2.0/wiki/nodes/{_name(node_id)}"
        answer = await self._ask(path, operatorId=await self._users.union_id(operator))
        node = answer.get("node", answer)
        if not isinstance(node, dict):
            raise RemoteProtocolError("the description of a document is not an object")
        return Node(
            id=word(node.get("nodeId")) or node_id,
            name=word(node.get("name")),
            category=word(node.get("category")),
            url=word(node.get("url")),
            workspace_id=word(node.get("workspaceId")),
            raw=node,
        )

    async def create(self, space_id: str, name: str) -> Doc:
        """A new, empty document at the top of a space."""
        path = f"/v1.0/doc/spaces/{_name(space_id)}/docs"
        body = {"spaceId": space_id, "parentDentryId": "", "name": encodable(name), "docType": "alidoc"}
        await self._turns.take()
        doc = _doc(await answer_of(self._rest.call("POST", path, body)), name=encodable(name), type="alidoc")
        if not doc.id:
            raise OutcomeUnknown("DingTalk may have made the document, but did not say which one it is")
        return doc

    async def append(self, doc_id: str, text: str) -> None:
        """A document has one more paragraph at its end."""
        path = f"/v1.0/doc/documents/{_name(doc_id)}/blocks/root/children"
        body = {"blockType": "PARAGRAPH", "body": {"text": encodable(text)}, "index": -1}
        await self._turns.take()
        await answer_of(self._rest.call("POST", path, body))

    async def search(self, keyword: str, *, space_id: str = "") -> tuple[Doc, ...]:
        """The first 20 documents that DingTalk finds, in one space or in all."""
        body = {"keyword": encodable(keyword), "maxResults": MOST_FOUND, **({"spaceId": space_id} if space_id else {})}
        await self._turns.take()
        return _items(await answer_of(self._rest.call("POST", DOC_SEARCH, body), repeatable=True))

    async def list(self, space_id: str, *, parent_id: str = "") -> tuple[Doc, ...]:
        """The first 50 documents and folders of a space, or of a folder in it."""
        path = f"/v1.0/doc/spaces/{_name(space_id)}/dentries"
        return _items(await self._ask(path, maxResults=MOST_LISTED, parentDentryId=parent_id))

    async def _ask(self, path: str, **params: str | int) -> Mapping[str, Any]:
        await self._turns.take()
        return await answer_of(self._rest.call("GET", path, params=params), repeatable=True)


def _name(given: str) -> str:
    """An id as a part of a path. It can't lead to another one."""
    # A quoted slash may be unquoted on the way.
    if given in ("", ".", "..") or "/" in given or "\\" in given:
        raise RequestFailed(f"{given!r} is no id of a document or space", code="bad_target")
    return quote(encodable(given), safe="")


def _items(answer: Mapping[str, Any]) -> tuple[Doc, ...]:
    items = answer.get("items", [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise RemoteProtocolError("a list of documents is none")
    return tuple(_doc(item) for item in items)


def _doc(raw: Mapping[str, Any], **known: str) -> Doc:
    """A document, from a description that calls things now this, now that; the rest is what is ``known`` anyway."""
    return Doc(
        id=word(raw.get("docId")) or word(raw.get("dentryUuid")) or known.get("id", ""),
        name=word(raw.get("name")) or word(raw.get("title")) or known.get("name", ""),
        type=word(raw.get("docType")) or word(raw.get("dentryType")) or known.get("type", ""),
        creator_id=word(raw.get("creatorId")),
        updated_at=word(raw.get("updatedAt")),
        raw=raw,
    )
