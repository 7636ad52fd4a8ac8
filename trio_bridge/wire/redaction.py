"""What may be shown of messages and calls: everything but secrets, within bounds.

1. A value under a name that speaks of a secret is not shown, whatever it is.
2. Of an address only scheme and host are: tickets, sessions and signatures live in the rest.
3. Data inside a text is looked into, as deep as there is any. What can't be read as data is counted, not shown.
4. A secret that was met once is not shown anywhere else later, in whatever text it is repeated.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

HIDDEN: Final = "***"
LARGEST: Final = 64 * 1024
"""Characters of data that are looked into: to read more would hold everybody up."""
LINE: Final = 1800
"""Characters of one message or call: what a line of the log has room for."""
TEXT: Final = 500
"""Characters of one text in it."""
DEEPEST: Final = 12
REMEMBERED: Final = 512
SHORTEST: Final = 6
"""Characters of what is worth remembering: a shorter one would be found in everything."""

_SECRET: Final = re.compile(
    r"secret|token|ticket|passw|credential|authorization|signature|apikey|webhook|session$|downloadcode|downloadurl"
)
"""In names, in lower case, without what is neither letter nor digit."""
_URL: Final = re.compile(r"\b(https?|wss?)://[^\s\"'<>\\]+", re.IGNORECASE)


class Redactor:
    """Makes texts fit to be shown. ``masks`` take the secrets out that were known before."""

    def __init__(self, masks: Iterable[Callable[[str], str]] = ()) -> None:
        self._masks = tuple(masks)
        self._met: OrderedDict[str, None] = OrderedDict()

    def data(self, text: str | bytes) -> str:
        """JSON as it may be shown; of everything else only its size."""
        if len(text) > LARGEST:
            return f"({len(text)} characters)"
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return f"(no JSON, {len(text)} characters)" if text else ""
        return self.value(value)

    def value(self, value: Any) -> str:
        """The same for data that was read already."""
        shown = json.dumps(self._shown(value, DEEPEST), ensure_ascii=False, default=lambda _: HIDDEN)
        return self.text(shown, LINE)

    def text(self, text: str, limit: int = TEXT) -> str:
        """A text that is no data, without addresses and the secrets that are known."""
        text = _URL.sub(self._host, text)
        for mask in self._masks:
            text = mask(text)
        for secret in self._met:
            text = text.replace(secret, HIDDEN)
        return text if len(text) <= limit else f"{text[:limit]}…"

    def url(self, url: str, *, path: bool) -> str:
        """An address; with its path if that is known to say nothing, and never with its query."""
        self._learn_from(url)
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return f"{parts.scheme}://{host}{parts.path if path else '/' + HIDDEN}"

    def _shown(self, value: Any, depth: int) -> Any:
        match value:
            case dict() | list() if not depth:
                return "…"
            case Mapping():
                return {str(key)[:TEXT]: self._of(str(key), inner, depth - 1) for key, inner in value.items()}
            case list() | tuple():
                return [self._shown(inner, depth - 1) for inner in value]
            case str():
                return self._read(value, depth)
        return value

    def _of(self, key: str, value: Any, depth: int) -> Any:
        if not _SECRET.search(re.sub(r"[^a-z0-9]", "", key.lower())) or isinstance(value, bool):
            return self._shown(value, depth)
        self._learn(value, depth)
        return HIDDEN

    def _read(self, text: str, depth: int) -> Any:
        """A text, or the data in it."""
        if text[:1] in ("{", "[") and depth and len(text) <= LARGEST:
            try:
                inner = json.loads(text)
            except (ValueError, RecursionError):
                inner = None
            if isinstance(inner, dict | list):
                return json.dumps(self._shown(inner, depth - 1), ensure_ascii=False)
        return self.text(text)

    def _host(self, found: re.Match[str]) -> str:
        self._learn_from(found.group())
        try:
            parts = urlsplit(found.group())
        except ValueError:
            return HIDDEN
        rest = parts.path.strip("/") or parts.query or parts.fragment
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" + (f"/{HIDDEN}" if rest else "")

    def _learn(self, value: Any, depth: int) -> None:
        """Remember every text in a secret."""
        match value:
            case dict() if depth > 0:
                for inner in value.values():
                    self._learn(inner, depth - 1)
            case list() if depth > 0:
                for inner in value:
                    self._learn(inner, depth - 1)
            case str() if len(value) >= SHORTEST:
                if "://" in value:
                    self._learn_from(value)
                self._met[value[:LARGEST]] = None
                while len(self._met) > REMEMBERED:
                    self._met.popitem(last=False)

    def _learn_from(self, url: str) -> None:
        """Remember the secrets in the query of an address."""
        try:
            query = parse_qsl(urlsplit(url).query)
        except ValueError:
            return
        for name, value in query:
            if _SECRET.search(re.sub(r"[^a-z0-9]", "", name.lower())):
                self._learn(value, 1)
