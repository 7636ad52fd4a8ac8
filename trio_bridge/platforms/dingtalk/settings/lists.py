"""Lists of ids and names, as people write them."""

from __future__ import annotations

from ....lists import hosts, texts, texts_or_none, verbatim

__all__ = ["hosts", "texts", "texts_or_none", "verbatim"]
