"""File names that strangers chose, made harmless on every system."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_NAME: Final = 180
"""Bytes in UTF-8. File systems take 255, and what makes a name unique needs room too."""

MOST_LOOKED_AT: Final = 1000
"""Characters at either end of a name that are looked at: what lies between would be cut out anyway."""

LONGEST_SUFFIX: Final = 20
"""Bytes of an ending that is kept when a name is cut: a longer one says nothing about the file's kind."""

DEVICES: Final = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?=\.|\Z)", re.IGNORECASE)
"""Names that are devices on Windows, whatever ending they have."""

INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
"""What shows nothing though Unicode does not call it a format character: fillers, selectors, tags."""


def safe_name(name: str, *, otherwise: str = "file") -> str:
    """The last component of a name, fit to be a file's: no path, nothing invisible, no reserved character.

    It is :data:`MAX_NAME` bytes long at most, begins with no dot, and is ``otherwise`` where nothing is left.
    """
    last = name[max(name.rfind("/"), name.rfind("\\")) + 1 :]
    if len(last) > 2 * MOST_LOOKED_AT:
        last = last[:MOST_LOOKED_AT] + last[-MOST_LOOKED_AT:]
    last = INVISIBLE.sub("", last)
    cleaned = "".join(map(_harmless, last)).lstrip(". ").rstrip(". ")
    if DEVICES.match(cleaned):
        cleaned = f"_{cleaned}"
    return _shortened(cleaned) or otherwise


def _harmless(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":  # direction marks turn exe.txt into txt.exe for the eye, joiners and soft hyphens hide
        return ""
    if category.startswith("Z"):
        return " "
    return "_" if category.startswith("C") or character in '<>:"|?*' else character


def _shortened(name: str) -> str:
    """The name, its middle left out where it is too long."""
    encoded = name.encode()
    if len(encoded) <= MAX_NAME:
        return name
    stem, dot, ending = name.rpartition(".")
    suffix = f"{dot}{ending}".encode()
    if not stem or len(suffix) > LONGEST_SUFFIX:
        suffix = b""
    return (encoded[: MAX_NAME - len(suffix)].decode(errors="ignore").rstrip(". ").encode() + suffix).decode()
