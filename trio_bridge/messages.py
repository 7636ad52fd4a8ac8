"""What an application sees of a conversation: messages in, replies out, receipts for them."""

from __future__ import annotations

import abc
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import attrs

ConversationKind = Literal["direct", "group"]
PathLike = str | os.PathLike[str]
ReceiptState = Literal["open", "pending", "sending", "sent", "unknown", "dead"]


@attrs.frozen
class Conversation:
    """Where a message was said."""

    id: str
    """What :meth:`Account.send` takes: the id of the group, or of the person."""
    kind: ConversationKind = "direct"
    """``"direct"`` or ``"group"``."""
    title: str = ""
    """The name of the group, where the platform tells."""


@attrs.frozen
class Sender:
    """Who said it."""

    id: str
    """The platform's: the only thing to decide by who may do what."""
    name: str = ""
    """Whatever the person chose."""
    known_as: tuple[str, ...] = ()
    """Further ids that the platform has for the same person."""


@attrs.frozen
class Attachment:
    """A picture, a recording, a video or a file: ``path`` on the way out, ``source`` on the way in."""

    path: Path | None = attrs.field(default=None, converter=attrs.converters.optional(Path))
    """The file to send."""
    kind: Literal["image", "audio", "video", "file"] = "file"
    name: str = ""
    """What the sender called it. Never to be used as a path."""
    source: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    """The platform's own reference to what was received."""


def _to_tuple(attachments: Sequence[Attachment]) -> tuple[Attachment, ...]:
    return tuple(attachments)


@attrs.frozen
class Reply:
    """Something to send."""

    text: str = ""
    attachments: tuple[Attachment, ...] = attrs.field(default=(), converter=_to_tuple)
    title: str = ""
    """Used where the platform shows one."""


class Receipt(abc.ABC):
    """A reply that is durable. It is sent in the order of its conversation, through restarts."""

    key: str
    """The idempotency key: stable over retries and restarts."""

    @property
    @abc.abstractmethod
    def state(self) -> ReceiptState:
        """Where the reply is now.

        ``open`` (a stream that is being written), ``pending``, ``sending``, then ``sent``, ``dead`` (given up) or
        ``unknown`` (nobody knows whether it arrived).
        """

    @abc.abstractmethod
    async def wait_sent(self) -> None:
        """Return when the platform took the reply.

        Raises:
          RequestFailed: if the platform refused it, or every attempt failed (state ``dead``).
          OutcomeUnknown: if it may have been sent, and sending again might show it twice (state ``unknown``).
        """


class ReplyStream(Protocol):
    """A reply that grows while it is written."""

    @property
    def text(self) -> str:
        """What was written so far."""

    @property
    def committed(self) -> str | None:
        """What an earlier run of the handler said here, to its end: it stands, and what is written now is not seen.

        ``None`` nearly always: nothing was committed yet.
        """

    @property
    def receipt(self) -> Receipt:
        """What becomes of the reply: it is sent when the block has ended."""

    async def write(self, delta: str) -> None:
        """Append to the reply. Waits for nobody; the newest text wins on its way to the platform."""

    async def replace(self, text: str) -> None:
        """Let another text stand in place of all that was written: what answers took something back."""


class Transaction(Protocol):
    """Replies and small state that are committed together with the completion of the message."""

    state: dict[str, Any]
    """Small state of the conversation, loaded on entry. JSON values only; changes are saved when the block ends."""


class MessageContext(Protocol):
    """What the engine does for a message. Platforms pass it through, applications don't see it."""

    async def reply(self, reply: Reply) -> Receipt: ...

    def stream(self) -> AbstractAsyncContextManager[ReplyStream]: ...

    def transaction(self) -> AbstractAsyncContextManager[Transaction]: ...

    async def load_state(self) -> dict[str, Any]: ...

    @property
    def again(self) -> bool: ...

    async def download(self, attachment: Attachment, to: PathLike | None) -> Path: ...


@attrs.frozen(kw_only=True)
class Message:
    """One message from a platform, stored before the handler sees it."""

    platform: str
    """``"dingtalk"``."""
    account: str
    """The name of the account that received it."""
    id: str
    """The platform's, the same on every redelivery."""
    conversation: Conversation
    """Where it was said. Messages of one conversation are handled in order, one at a time."""
    sender: Sender
    text: str = attrs.field(repr=False)
    """What was said, without the mention of the bot. Empty where a message has no text."""
    attachments: tuple[Attachment, ...] = attrs.field(default=(), repr=False)
    mentioned: bool = True
    """The bot was addressed; always true in a direct conversation."""
    reply_to: Quote | None = attrs.field(default=None, repr=False)
    """The message that this one answers, where the platform tells."""
    sent_at: datetime | None = None
    """By the platform's clock; ``None`` where it said nothing."""
    system_prompt: str = attrs.field(default="", repr=False, eq=False)
    """What the configuration has for whoever answers here; a platform that knows groups may have one for each."""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """The platform's own data, whole."""
    _context: MessageContext | None = attrs.field(default=None, repr=False, eq=False)

    @property
    def again(self) -> bool:
        """Whether a handler has seen this message before: it failed, was interrupted, or its process died.

        What it did then may have had its effects, which matters to whoever asks others to do something.
        """
        return self._engine.again

    async def reply(self, reply: str | Reply) -> Receipt:
        """Answer in the same conversation. Returns when the answer is durable; it is sent soon, in order.

        The n-th reply of a handler to this message has the key ``ID/n``. When a handler runs again after a crash or a
        failure, the text that was committed first wins, and nothing is sent twice.
        """
        return await self._engine.reply(Reply(reply) if isinstance(reply, str) else reply)

    def stream(self) -> AbstractAsyncContextManager[ReplyStream]:
        """Answer with a reply that grows: ``async with message.stream() as out: await out.write(delta)``.

        The final text is durable when the block has ended. An exception in the block closes the reply with an error
        mark once the message will not be handled again.
        """
        return self._engine.stream()

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Commit replies, small state and the completion of this message together, when the block ends.

        Inside, :meth:`reply` only notes the reply, and ``tx.state["key"] = value`` the state of the conversation. What
        the handler raises afterwards is logged; the message is not handled again. An exception inside the block
        discards everything.
        """
        return self._engine.transaction()

    async def load_state(self) -> dict[str, Any]:
        """The small state of the conversation as the last transaction left it: to be read before one's own begins.

        It is a copy. Messages of one conversation are handled one at a time, so it does not change meanwhile; where
        conversations share their state, another one may change it, and what counts is read in the transaction.
        """
        return await self._engine.load_state()

    async def download(self, attachment: Attachment, to: PathLike | None = None) -> Path:
        """Fetch a received file, and return the path where it is now: whole, and readable by its owner alone.

        ``to`` is a file, which is replaced if it is there, or a folder. Without it the file lands in the bridge's own
        folder, and stays there until you delete it. In a folder it gets a random name that ends in a harmless form of
        ``attachment.name``. Platforms keep files for a while only: fetch soon. Attachments of :attr:`reply_to` are
        fetched in the same way.

        Raises:
          RequestFailed: there is no such file any more, it is too large, or its address is none to call.
          RateLimited, NotSent, ConnectionLost, AccountRefused: it could not be fetched now.
          StoreUnavailable: the disk would not have it.
        """
        return await self._engine.download(attachment, to)

    @property
    def _engine(self) -> MessageContext:
        if self._context is None:
            raise RuntimeError("this message was not delivered by a bridge: it can't be answered")
        return self._context


@attrs.frozen
class Quote:
    """The message that this one answers, as far as the platform told us."""

    id: str | None = None
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    kind: str = ""
    """The platform's word for what kind of message it was."""
