"""Texts as messages: in pieces that Feishu takes at a time, a post or plain as the account wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import attrs

from ....bots.cutting import cut
from ....bots.markdown import is_markdown
from ....messages import Reply
from ....wire.jsontext import encodable
from ..config import Feishu
from ..settings.sending import ReplyMode
from .contents import Content, post, text
from .markdown import for_post, without_everybody

TEXT_BYTES: Final = 140_000
"""Of the 150 KB of a call that sends a text: names and a mention take the rest."""

POST_BYTES: Final = 24_000
"""Of the 30 KB of a call that sends a post: Feishu counts the styles that it makes of markdown, too."""

TITLE: Final = 200
"""Characters of a title."""


@attrs.frozen
class Piece(Reply):
    """A piece of a longer reply. Only the first one quotes or mentions anybody."""

    first: bool = True


def pieces(reply: Reply, config: Feishu) -> list[Piece]:
    """The text of a reply in pieces that Feishu takes at a time; always one at least."""
    said, title = encodable(reply.text), encodable(reply.title).strip()[:TITLE]
    if not config.at_all:
        said = without_everybody(said)
    if config.reply_modes == {"text"}:
        bodies = _bodies(said, TEXT_BYTES, text)
    else:
        bodies = _bodies(said, POST_BYTES, lambda body: post(for_post(body)))
    return [Piece(body, title="" if index else title, first=not index) for index, body in enumerate([*bodies] or [""])]


def written(piece: Reply, mode: ReplyMode, mention: str = "") -> Content:
    """One piece, in the form in which it is sent. ``mention`` is whoever it mentions before all else."""
    if not is_post(piece, mode):
        return plain(piece, mention)
    called = f"{_at(mention)}\n" if mention else ""
    return post(called + for_post(piece.text), piece.title)


def plain(piece: Reply, mention: str = "") -> Content:
    """The same as plain text."""
    return text(f"{_at(mention)} {piece.text}" if mention else piece.text)


def is_post(piece: Reply, mode: ReplyMode) -> bool:
    """Whether a piece goes as a post."""
    return mode == "post" or (mode != "text" and (bool(piece.title) or is_markdown(piece.text)))


def _bodies(said: str, most: int, content: Callable[[str], Content], halved: int = 0) -> Iterator[str]:
    """The text in parts of at most ``most`` bytes each, as they are written.

    Writing makes a text a few times as long at most, so what is too long is cut by half, and again if need be.
    """
    for part in cut(said, most, most >> halved):
        if not part.body.strip():
            continue
        if content(part.shown).size <= most:
            yield part.shown
        else:
            yield from _bodies(part.shown, most, content, halved + 1)


def _at(open_id: str) -> str:
    return f'<at user_id="{open_id}"></at>'
