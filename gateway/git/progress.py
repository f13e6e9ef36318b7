"""RunProgress over the views: the live tail says that something happened, the views say what.

So a tail that was interrupted, or a view that lags, makes lines late, never wrong.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from core.delivery import Delivery
from core.eventlog.envelope import Position
from gateway.git.progress_lines import Line, lines_of, told_enough
from gateway.realtime.event_hub import StreamWatch
from projections.queries.run_types import RunDetail
from projections.queries.types import DeliveryResult

# Asked again without news, because news can be lost while the tail is interrupted.
POLL_SECONDS = 2.0
DECIDE_SECONDS = 30.0


class _Stopping(Exception):
    """The gateway stops, and nobody can be told more."""


@dataclass(frozen=True, kw_only=True)
class ViewProgress:
    """`watch(stream)` is EventHub.watch. `results(delivery_id)` is what became of a delivery so far, `run(run_id)` the
    run's document; `caught_up(position)` waits until the views have passed a position, and not for ever. `closing` is
    set when the gateway stops.
    """

    watch: Callable[[str], AbstractContextManager[StreamWatch]]
    results: Callable[[str], Awaitable[Sequence[DeliveryResult]]]
    run: Callable[[str], Awaitable[RunDetail | None]]
    caught_up: Callable[[Position], Awaitable[None]]
    closing: Callable[[], asyncio.Event]
    public_url: str
    poll_seconds: float = POLL_SECONDS
    decide_seconds: float = DECIDE_SECONDS

    async def follow(self, app: str, deliveries: Sequence[Delivery]) -> AsyncIterator[str]:
        """One delivery after the other: a run's lines stay together, and the next one's are there at once."""
        try:
            for delivery in deliveries:
                async for line in self._delivery(app, delivery):
                    yield line
        except _Stopping:
            yield f"sealane: this gateway stops now; all goes on without it: sealane runs --app {app}"

    async def _delivery(self, app: str, delivery: Delivery) -> AsyncIterator[str]:
        result = await self._decided(app, delivery)
        if result is None:
            yield f"sealane: delivery {delivery.delivery_id} is safe in the log, but nothing has decided about it yet."
            yield "sealane: is the processor running? `sealane status` says so; the run starts when it does."
        elif result.run_id is None or result.code:
            yield f"sealane: no run: {result.detail or result.code}"
        else:
            async for line in self._run(result.run_id):
                yield line

    async def _decided(self, app: str, delivery: Delivery) -> DeliveryResult | None:
        deadline = time.monotonic() + self.decide_seconds
        with self.watch(f"app/{app}") as watch:
            while True:
                for result in await self.results(delivery.delivery_id):
                    if result.app == app:
                        return result
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                await self._news(watch, min(left, self.poll_seconds))

    async def _run(self, run_id: str) -> AsyncIterator[str]:
        said: set[tuple[str | int, ...]] = set()
        with self.watch(f"run/{run_id}") as watch:
            while True:
                run = await self.run(run_id)
                if run is not None:
                    for line in self._new(run, said):
                        yield line.text
                    last_words = told_enough(run)
                    if last_words is not None:
                        if last_words:
                            yield last_words
                        return
                await self._news(watch, self.poll_seconds)

    def _new(self, run: RunDetail, said: set[tuple[str | int, ...]]) -> list[Line]:
        lines = [line for line in lines_of(run, self.public_url) if line.key not in said]
        said.update(line.key for line in lines)
        return lines

    async def _news(self, watch: StreamWatch, timeout_seconds: float) -> None:
        """Raises _Stopping."""
        news = asyncio.ensure_future(watch.wait(timeout_seconds))
        stopping = asyncio.ensure_future(self.closing().wait())
        try:
            await asyncio.wait({news, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            stopping.cancel()
        if self.closing().is_set():
            raise _Stopping
        for position in watch.newest():
            await self.caught_up(position)
