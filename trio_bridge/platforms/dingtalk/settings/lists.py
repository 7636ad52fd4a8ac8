"""Lists of ids and names, as people write them."""

from __future__ import annotations

from ....lists import texts, verbatim

__all__ = ["texts", "verbatim"]
