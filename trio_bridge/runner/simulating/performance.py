"""One run of a simulator: whoever speaks on its stage, when it is over, and whether all was as it should be."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import attrs
import trio

from ...transport.network import Network
from ..wording import shown
from .news import News, Tell
from .platforms import Simulated, Stage, Unmet
from .script import Script


@attrs.define(kw_only=True)
class Performance:
    """What is to happen. ``typed`` are lines for the bot; they are read where the script has no steps."""

    simulated: Simulated
    script: Script
    typed: AsyncGenerator[str]
    greet: Callable[[Stage], None]
    tell: Tell
    until_done: bool = False
    """End by itself, when everything was said and answered, and be strict about that."""
    _wrong: list[str] = attrs.field(factory=list, init=False)
    _done: bool = attrs.field(default=False, init=False)

    async def run(self, port: int, network: Network, finish: trio.Event) -> bool:
        """Play until ``finish`` is set, or all is done; then say whether nothing is wrong.

        Raises:
          OSError: the port can't be had.
        """
        async with self.simulated.open(self.script, port, network, self.tell) as stage:
            self.greet(stage)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._act, stage, finish)
                await finish.wait()
                nursery.cancel_scope.cancel("it is over")
        if self.until_done:
            self._judge(stage)
        summary = stage.summary()
        told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in summary.items())
        self.tell(News("summary", told, {**summary, "ok": not self._wrong, "wrong": self._wrong}))
        return not self._wrong

    async def _act(self, stage: Stage, finish: trio.Event) -> None:
        await (self._play(stage) if self.script.steps else self._pass_on(stage))
        if self.until_done:
            if not self._wrong:
                await stage.settle()
            self._done = True
            finish.set()

    async def _play(self, stage: Stage) -> None:
        """Play one step after another; what lasts longer goes on beside them, and is waited for in the end."""
        async with trio.open_nursery() as beside:
            for number, step in enumerate(self.script.steps):
                await trio.sleep(step.after)
                verb = next(verb for verb, cls in self.simulated.verbs.items() if isinstance(step, cls))
                place = f"steps[{number}]: {verb} = {shown(getattr(step, verb))}"
                self.tell(News("step", place, {"step": number, "verb": verb}))
                try:
                    await stage.play(step, beside)
                except Unmet as unmet:
                    self._complain("unmet", f"{place}: {unmet}")
                    beside.cancel_scope.cancel("the script ends here")
                    return
        self.tell(News("played", "the script is at its end", {"steps": len(self.script.steps)}))

    async def _pass_on(self, stage: Stage) -> None:
        async with aclosing(self.typed) as lines:
            async for line in lines:
                await stage.hear(line)

    def _judge(self, stage: Stage) -> None:
        if not self._done:
            self._complain("missing", "it was ended before all was done")
        for line in stage.missing():
            self._complain("missing", line)

    def _complain(self, event: str, what: str) -> None:
        self._wrong.append(what)
        self.tell(News(event, f"not as it should be: {what}", {"what": what}))
