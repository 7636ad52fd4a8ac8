"""Workers: take a delivery, pass the gate, run the handler behind a wall, mark it.

The wall is one of two places where every exception is caught: whatever a handler raises is the failure of its
delivery and of nothing else. Cancellation and a real Ctrl-C are not the handler's, and pass through.
"""

from __future__ import annotations

import inspect
import logging
import math
import traceback
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

import trio

from ..backoff import Backoff
from ..config import AccountConfig
from ..errors import BridgeError, Postponed, StoreUnavailable
from ..messages import Message, Reply
from ..wire.protocol import Delivery
from .context import HandlerContext, Holding
from .environment import Environment
from .held import Held
from .inbox import Inbox
from .memory import Memory
from .outbox import Outbox
from .platform import Platform
from .policy import honour_hint
from .statistics import Counters
from .store import AccountStore, Completion

T = TypeVar("T")

Handler = Callable[[Message], Any]
"""``async def handler(message)`` returning ``None``, a text or a Reply, or an async generator of pieces of text."""

RETRIES = Backoff(first=1.0, factor=2.0, cap=60.0, floor=0.25)
POSTPONED = Backoff(first=2.0, factor=1.0, cap=2.0, floor=1.0)
"""Before a message is tried again that its handler postponed, where the handler did not say."""
INTERRUPTIONS = 3
"""A delivery that was interrupted this often may drain for as long as a handler may run."""
TOLERANCE = 0.01
"""Share of the time that a handler may have by which it may be too short."""
STUCK_AFTER = 5.0
"""A worker that is still busy so long after its cancellation does not heed it."""

logger = logging.getLogger(__name__)


class HandlerFailed(Exception):
    """A handler raised, or returned what no handler may return. The cause is attached."""


class InHand:
    """A worker and its delivery. Whatever limits its time moves the deadline of the worker's scope."""

    def __init__(self, held: Held, context: HandlerContext, scope: trio.CancelScope, handler_timeout: float) -> None:
        self.held = held
        self.context = context
        limit = held.taken_at + handler_timeout
        # To move a deadline takes longer than a quick handler does: the one before may stay if it is nearly right.
        if not 0 <= limit - scope.deadline <= handler_timeout * TOLERANCE:
            scope.deadline = limit
        self.time_limit = scope.deadline
        """When the handler has had all the time that it may have."""
        self._scope = scope

    def drain(self, deadline: float) -> None:
        """Have it end by ``deadline``, unless it was interrupted too often: then it has its time."""
        if deadline < self._scope.deadline and self.held.claim.interrupted < INTERRUPTIONS:
            self._scope.deadline = deadline

    @property
    def deadline(self) -> float:
        return self._scope.deadline

    @property
    def overran(self) -> bool:
        """It was cut off by its time limit, and not by a drain or from outside."""
        return self._scope.cancelled_caught and self._scope.deadline >= self.time_limit


class Crew:
    """The workers of one generation. They take deliveries until they are dismissed, and finish what they hold."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._in_hand: set[InHand] = set()
        self._deadline = float("inf")
        self._dismissed = False

    @property
    def busy(self) -> int:
        """Workers with a delivery in hand."""
        return len(self._in_hand)

    def dismiss(self) -> None:
        """Take nothing more. Idle workers go home at once."""
        if not self._dismissed:
            self._dismissed = True
            self._dispatcher.inbox.dismiss(self)

    def drain(self, deadline: float) -> None:
        """Take nothing more, and have what is in hand end by ``deadline``."""
        self.dismiss()
        self._deadline = min(self._deadline, deadline)
        for work in self._in_hand:
            work.drain(self._deadline)

    # Ctrl-C while a handler runs must not land in the handler: it ends the program, not the delivery.
    @trio.lowlevel.enable_ki_protection
    async def work(self) -> None:
        """One worker."""
        while not self._dismissed:
            await self._shift()

    async def _shift(self) -> None:
        """Deliveries one after another, until the crew is dismissed or one is cut off."""
        dispatcher = self._dispatcher
        work: InHand | None = None
        # One for many deliveries: to open one for each would cost more than a quick handler does.
        scope = trio.CancelScope()
        try:
            with scope:
                while not self._dismissed and (held := await dispatcher.inbox.next(self)) is not None:
                    work = dispatcher.begin(held, scope)
                    if self._deadline < math.inf:  # The claim may be a moment older than the dismissal.
                        work.drain(self._deadline)
                    self._in_hand.add(work)
                    await dispatcher.handle(work)
                    self._in_hand.discard(work)
                    dispatcher.end(work)
                    work = None
                    if not dispatcher.inbox.anything_at_hand:
                        scope.deadline = math.inf
        finally:
            if work is not None:
                self._in_hand.discard(work)
                if scope.cancelled_caught or is_cut_off():
                    dispatcher.cut_off(work)
                dispatcher.end(work)


class Dispatcher:
    """How this account handles one delivery."""

    def __init__(
        self,
        config: AccountConfig,
        platform: Platform,
        handler: Handler | None,
        inbox: Inbox,
        outbox: Outbox,
        store: AccountStore,
        environment: Environment,
        counters: Counters,
    ) -> None:
        self.config = config
        self.inbox = inbox
        self.working: set[InHand] = set()
        self.interrupted_often: set[int] = set()
        """Seqs of deliveries that never get the time they need."""
        self.given_up = 0
        self._platform = platform
        self._handler = handler
        self._outbox = outbox
        self._store = store
        self._memory = Memory(store, shared=platform.shares_memory)
        self._environment = environment
        self._counters = counters

    def context(self, delivery: Delivery, holding: Holding | None = None) -> HandlerContext:
        """What one run of the handler over a delivery can do; ``holding`` is where the delivery goes back to."""
        return HandlerContext(delivery, self._platform, self._outbox, self._store, self._memory, holding)

    def begin(self, held: Held, scope: trio.CancelScope) -> InHand:
        """A worker takes a delivery in hand; ``scope`` is where its time is limited."""
        context = self.context(held.claim.delivery, Holding(held, self.inbox))
        work = InHand(held, context, scope, self.config.handler_timeout)
        self.working.add(work)
        return work

    async def handle(self, work: InHand) -> None:
        """Handle one delivery and have its completion committed, unless it is cut off."""
        held, context = work.held, work.context
        try:
            completion = await walled(self._complete, held, context)
        except HandlerFailed as failure:
            error = failure.__cause__ or failure
            if isinstance(error, Postponed) and not context.completed:
                self._submit(work, self._postponed(held, context, error))
                return
            if is_cut_off():
                # It was cut off in the middle of something, and may say so: that is no failure of its message.
                fields = {**self.config.labels, "key": held.claim.delivery.key}
                logger.warning("a handler raised while it was cut off", exc_info=error, extra=fields)
                await trio.lowlevel.checkpoint()
            completion = self._failed(held, context, error)
        self._submit(work, completion)

    def end(self, work: InHand) -> None:
        """The worker is through with it."""
        self.working.discard(work)
        self.inbox.let_go(work.held)

    def cut_off(self, work: InHand) -> None:
        """The worker was cut off: by its time limit, by the end of a drain, or of the account."""
        if work.overran:
            reason = f"the handler ran longer than {self.config.handler_timeout:g} s"
            self._submit(work, self._failed(work.held, work.context, TimeoutError(reason)))
        else:
            self._interrupted(work.held, work.context)

    def _submit(self, work: InHand, completion: Completion) -> None:
        if completion.result != "retry":
            self.interrupted_often.discard(completion.seq)
        work.context.complete(completion)

    def revoke_stuck(self, now: float) -> None:
        """Take deliveries away from workers that ignore their cancellation."""
        for work in self.working:
            if now > work.deadline + STUCK_AFTER and not work.held.revoked:
                fields = {**self.config.labels, "key": work.held.claim.delivery.key}
                logger.error("a handler ignores its cancellation: its slot is lost until it returns", extra=fields)
                self.inbox.revoke(work.held)
                work.context.revoked()

    async def _complete(self, held: Held, context: HandlerContext) -> Completion:
        if context.again:
            await context.take_up_streams()
        answer = await self.process(held.claim.delivery, context)
        return await context.end(answer)

    async def process(self, delivery: Delivery, context: HandlerContext) -> Any:
        """Have a delivery pass the gate and the handler; return what it wants to reply.

        A delivery that is no message has its own callback, which returns the answer that its acknowledgement carries.
        """
        if (callback := self._platform.callback(delivery)) is not None:
            context.begun = True
            answer = await callback()
            self._counters.handled += 1
            return answer
        message = self._platform.message(delivery, context)
        if message is not None:
            context.attach(message)
        if self._handler is None or message is None or not await self._platform.admits(message):
            self._counters.gated += 1
            return None
        context.begun = True
        if notice := self._platform.notices.begun:
            await self._say_begun(context, notice)
        if (attending := self._platform.attending(message)) is None:
            reply = await call_handler(self._handler, message)
        else:
            async with attending:
                reply = await call_handler(self._handler, message)
        self._counters.handled += 1
        return reply

    async def _say_begun(self, context: HandlerContext, notice: str) -> None:
        try:
            await context.notify("begun", notice)
        except StoreUnavailable as error:  # A courtesy is not worth an attempt.
            logger.warning("could not tell that a handler began", extra={**self.config.labels, "cause": str(error)})

    def _failed(self, held: Held, context: HandlerContext, error: BaseException) -> Completion:
        claim = held.claim
        fields = {**self.config.labels, "key": claim.delivery.key, "attempt": claim.attempts}
        if context.completed:
            self._counters.handled += 1
            logger.error("a handler failed after its message was completed", exc_info=error, extra=fields)
            return context.done()
        self._counters.failed += 1
        reason = "".join(traceback.format_exception_only(error)).strip()[:500]  # even where its __str__ raises
        if claim.attempts >= self.config.max_attempts:
            logger.error("a message was given up", exc_info=error, extra=fields)
            self.given_up += 1
            return context.buried(reason)
        logger.warning("a handler failed", exc_info=error, extra=fields)
        rand = self._environment.rand
        delay = honour_hint(RETRIES.delay(claim.attempts - 1, rand), hint_of(error), rand)
        return Completion(claim.seq, claim.fence, "retry", not_before=self._environment.wall() + delay, error=reason)

    def _postponed(self, held: Held, context: HandlerContext, error: Postponed) -> Completion:
        """Back to its lane, at no attempt's cost. A reply that has begun makes it an interruption: it is to go on."""
        claim, rand = held.claim, self._environment.rand
        delay = honour_hint(POSTPONED.delay(0, rand), error.retry_after, rand)
        fields = {**self.config.labels, "key": claim.delivery.key, "cause": str(error), "again_in": round(delay, 2)}
        logger.debug("a message waits", extra=fields)
        not_before = self._environment.wall() + delay
        unstarted = not context.has_open_reply
        return Completion(claim.seq, claim.fence, "release", not_before=not_before, unstarted=unstarted)

    def _interrupted(self, held: Held, context: HandlerContext) -> None:
        claim = held.claim
        if context.completed:
            self._counters.handled += 1
            return
        if context.begun:
            self._counters.interrupted += 1
            if claim.interrupted + 1 >= INTERRUPTIONS:
                self.interrupted_often.add(claim.seq)
        self.inbox.mark_nowait(held, Completion(claim.seq, claim.fence, "release", unstarted=not context.begun))


def hint_of(error: BaseException) -> float | None:
    """In how many seconds whoever the handler asked will hear it again; only our own errors are known to mean that."""
    hint: object = getattr(error, "retry_after", None) if isinstance(error, BridgeError) else None
    return hint if isinstance(hint, int | float) else None


async def call_handler(handler: Handler, message: Message) -> str | Reply | None:
    """Run a handler; return what it wants to reply.

    Raises:
      TypeError: it is no handler, or returned what no handler may return.
    """
    result = handler(message)
    if inspect.isasyncgen(result):
        async with aclosing(result) as pieces, message.stream() as out:
            async for piece in pieces:
                if not isinstance(piece, str):
                    raise TypeError(f"a handler yields pieces of text, not {type(piece).__name__}")
                await out.write(piece)
        return None
    if not inspect.isawaitable(result):
        raise TypeError(f"a handler is an async function, not one that returns {type(result).__name__}")
    answer = await result
    if answer is None or isinstance(answer, str | Reply):
        return answer
    raise TypeError(f"a handler returns None, a text or a Reply, not {type(answer).__name__}")


async def walled(process: Callable[..., Awaitable[T]], *args: Any) -> T:
    """Call ``process``; whatever it raises, be it an Exception or not, becomes the cause of HandlerFailed.

    SystemExit and KeyboardInterrupt raised in here are the handler's own: real signals arrive elsewhere.
    """
    try:
        return await process(*args)
    except trio.Cancelled as stray:
        if is_cut_off():
            raise
        raise HandlerFailed("the handler raised a cancellation that was not its own") from stray
    except BaseExceptionGroup as group:
        cancelled, failed = group.split(trio.Cancelled)
        if cancelled is None or not is_cut_off():
            raise HandlerFailed("the handler raised") from group
        if failed is not None:
            logger.warning("a handler raised while it was cut off", exc_info=failed)
        raise cancelled from None
    except BaseException as error:
        raise HandlerFailed("the handler raised") from error


def is_cut_off() -> bool:
    """Whether this task is cancelled: a cancellation that a handler raises without that is only an error of its own."""
    return trio.current_effective_deadline() == -math.inf
