"""The server side of documents: spaces, documents in them, and the paragraphs of a document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from ....gateways.calls import Call
from .desk import Desk, Reply, Route, body_of, invalid
from .model import Refused
from .users import Users

DOC = "/v1.0/doc/spaces/{space}/docs/{doc}"
DOCS = "/v1.0/doc/spaces/{space}/docs"
DENTRIES = "/v1.0/doc/spaces/{space}/dentries"
BLOCKS = "/v1.0/doc/documents/{doc}/blocks/root/children"
SEARCH = "/v1.0/doc/docs/search"
NODE = "/v2.0/wiki/nodes/{node}"


@attrs.define
class StoredDoc:
    """A document, or a folder."""

    id: str
    space: str
    name: str
    parent: str = ""
    kind: str = "alidoc"
    paragraphs: list[str] = attrs.Factory(list)


class Docs:
    """All documents. What anybody may see, everybody may."""

    def __init__(self, desk: Desk, users: Users) -> None:
        self.spaces: set[str] = set()
        """Spaces that there are."""
        self.stored: dict[str, StoredDoc] = {}
        """Documents by id, the oldest first."""
        self._desk = desk
        self._users = users

    def add(
        self, space: str, name: str, *paragraphs: str, doc_id: str = "", parent: str = "", kind: str = "alidoc"
    ) -> StoredDoc:
        """A document is there, in a space that is made if need be."""
        self.spaces.add(space)
        doc = StoredDoc(doc_id or f"doc{len(self.stored) + 1:04d}", space, name, parent, kind, list(paragraphs))
        self.stored[doc.id] = doc
        return doc

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Who carries out which call."""
        return {
            ("GET", DOC): self._info,
            ("POST", DOCS): self._create,
            ("GET", DENTRIES): self._list,
            ("POST", BLOCKS): self._append,
            ("POST", SEARCH): self._search,
            ("GET", NODE): self._node,
        }

    def _info(self, call: Call, now: float) -> Reply:
        self._desk.app(call, now)
        doc = self._doc(call.names["doc"])
        if doc.space != self._space(call.names["space"]):
            raise _missing("document")
        return {"docId": doc.id, "title": doc.name, "docType": doc.kind, "updatedAt": "2026-01-01T00:00Z"}

    def _create(self, call: Call, now: float) -> Reply:
        self._desk.app(call, now)
        body, space = body_of(call), self._space(call.names["space"])
        name = body.get("name")
        if body.get("spaceId") != space or not isinstance(name, str) or not name or body.get("docType") != "alidoc":
            raise Refused(400, "invalidParameter", "expected spaceId as in the path, a name and docType alidoc")
        doc = self.add(space, name, parent=str(body.get("parentDentryId", "")))
        return {"docId": doc.id, "docType": doc.kind}

    def _list(self, call: Call, now: float) -> Reply:
        self._desk.app(call, now)
        space, parent = self._space(call.names["space"]), call.query.get("parentDentryId", "")
        found = [doc for doc in self.stored.values() if (doc.space, doc.parent) == (space, parent)]
        return {"items": _items(found, call.query.get("maxResults"), "dentryUuid", "dentryType")}

    def _append(self, call: Call, now: float) -> Reply:
        self._desk.app(call, now)
        doc, body = self._doc(call.names["doc"]), body_of(call)
        content = body.get("body")
        text = content.get("text") if isinstance(content, dict) else None
        if body.get("blockType") != "PARAGRAPH" or body.get("index") != -1 or not isinstance(text, str) or not text:
            raise invalid("body", "expected a paragraph with a text, at index -1")
        doc.paragraphs.append(text)
        return {"blockId": f"{doc.id}-{len(doc.paragraphs)}"}

    def _search(self, call: Call, now: float) -> Reply:
        self._desk.app(call, now)
        body = body_of(call)
        keyword, space = str(body.get("keyword", "")), body.get("spaceId")
        if space is not None:
            self._space(str(space))
        found = [
            doc
            for doc in self.stored.values()
            if space in (None, doc.space) and any(keyword in text for text in (doc.name, *doc.paragraphs))
        ]
        return {"items": _items(found, body.get("maxResults"), "docId", "docType")}

    def _node(self, call: Call, now: float) -> Reply:
        self._desk.app(call, now)
        if not self._users.has_union_id(call.query.get("operatorId", "")):
            raise Refused(400, "paramError.operatorId", "operatorId: expected the union id of a person")
        doc = self._doc(call.names["node"])
        url = f"https://alidocs.dingtalk.com/i/nodes/{doc.id}"
        node = {"nodeId": doc.id, "name": doc.name, "category": doc.kind.upper(), "url": url, "workspaceId": doc.space}
        return {"node": node}

    def _space(self, name: str) -> str:
        if name not in self.spaces:
            raise _missing("space")
        return name

    def _doc(self, name: str) -> StoredDoc:
        if name not in self.stored:
            raise _missing("document")
        return self.stored[name]


def _items(docs: Iterable[StoredDoc], most: object, id_field: str, kind_field: str) -> list[dict[str, Any]]:
    """Descriptions of documents. What an id and a kind are called differs from call to call."""
    if not str(most).isdecimal():
        raise invalid("maxResults", "expected a number")
    return [{id_field: doc.id, "name": doc.name, kind_field: doc.kind} for doc in docs][: int(str(most))]


def _missing(what: str) -> Refused:
    return Refused(404, "resource.notFound", f"there is no such {what}")
