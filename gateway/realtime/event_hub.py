"""The gateway's one subscription to the live events, handed on to whoever waits for a stream or for all of it.

Watchers of a stream get only its latest position (they read the views); listeners get every event through a
bounded queue and are told when they were too slow, so that nobody's pace costs memory.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from core.eventlog.envelope import EventEnvelope, Position
from core.eventlog.topics import EVENTS_TOPICS
from core.ports import EventTail

LISTENER_EVENTS = 1000
REMEMBERED_BEGINNINGS = 2000
_RETRY_SECONDS = 1.0
_log = logging.getLogger(__name__)


class StreamWatch:
    """The newest events of some streams, as positions to catch up with."""

    def __init__(self, watches: "Watches") -> None:
        self._watches = watches
        self._streams: set[str] = set()
        self._changed = asyncio.Event()
        self._positions: dict[tuple[str, int], Position] = {}

    def follow(self, streams: Iterable[str]) -> bool:
        """These streams too. Whether there are new ones: what was read before may have missed something of theirs."""
        new = set(streams) - self._streams
        for stream in new:
            self._streams.add(stream)
            self._watches.setdefault(stream, set()).add(self)
        return bool(new)

    def close(self) -> None:
        for stream in self._streams:
            watches = self._watches[stream]
            watches.discard(self)
            if not watches:
                del self._watches[stream]

    def notify(self, position: Position) -> None:
        self._positions[position.topic, position.partition] = position
        self._changed.set()

    def newest(self) -> tuple[Position, ...]:
        """The last one of each partition that was not asked for before."""
        found, self._positions = self._positions, {}
        return tuple(found.values())

    async def wait(self, timeout_seconds: float) -> bool:
        """Whether something happened since the last call, waiting for it if need be."""
        try:
            await asyncio.wait_for(self._changed.wait(), timeout_seconds)
        except TimeoutError:
            return False
        self._changed.clear()
        return True


Watches = dict[str, set[StreamWatch]]


class Listener:
    """All events, in order, as long as the reader keeps up; `overrun` is set when some were dropped."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[tuple[Position, EventEnvelope]] = asyncio.Queue(LISTENER_EVENTS)
        self.overrun = False

    def offer(self, position: Position, event: EventEnvelope) -> None:
        try:
            self._queue.put_nowait((position, event))
        except asyncio.QueueFull:
            self.overrun = True

    async def next(self, timeout_seconds: float) -> tuple[Position, EventEnvelope] | None:
        """The next event, or None when none came in time."""
        try:
            return await asyncio.wait_for(self._queue.get(), timeout_seconds)
        except TimeoutError:
            return None


class EventHub:
    """Run `run()` as a task. `observers` see every event first (the authenticator's revocations, for one).

    `newest` is the offset of the last event seen of each (topic, partition), since the start.
    """

    def __init__(self, tail: EventTail, observers: tuple[Callable[[EventEnvelope], None], ...]) -> None:
        self._tail = tail
        self._observers = observers
        self._watches: Watches = {}
        self._listeners: set[Listener] = set()
        self._begun: OrderedDict[str, Position] = OrderedDict()
        self.lag_seconds = 0.0
        self.newest: dict[tuple[str, int], int] = {}

    async def run(self) -> None:
        """For ever: an interrupted tail is taken up again."""
        while True:
            try:
                async for position, event in self._events():
                    self._dispatch(position, event)
            except Exception:
                _log.exception("the live events were interrupted; trying again")
            await asyncio.sleep(_RETRY_SECONDS)

    @contextmanager
    def watch(self, stream: str) -> Iterator[StreamWatch]:
        """Follow one stream (`run/us-east-...`), and those that are added, for the time of the block."""
        watch = StreamWatch(self._watches)
        watch.follow((stream,))
        try:
            yield watch
        finally:
            watch.close()

    async def beginning(self, stream: str, timeout_seconds: float) -> Position | None:
        """Where the first event is of a stream that was asked for just now; None when it was not seen in time."""
        with self.watch(stream) as watch:
            if stream not in self._begun:
                await watch.wait(timeout_seconds)
            return self._begun.get(stream)

    @contextmanager
    def listen(self) -> Iterator[Listener]:
        """Hear every event for the time of the block."""
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def _events(self) -> AsyncIterator[tuple[Position, EventEnvelope]]:
        return self._tail.subscribe(frozenset(EVENTS_TOPICS))

    def _dispatch(self, position: Position, event: EventEnvelope) -> None:
        self.newest[position.topic, position.partition] = position.offset
        self.lag_seconds = max(0.0, (datetime.now(UTC) - event.recorded_at).total_seconds())
        if event.stream_version == 1:
            self._remember_beginning(event.stream, position)
        for observe in self._observers:
            observe(event)
        for watch in self._watches.get(event.stream, ()):
            watch.notify(position)
        for listener in self._listeners:
            listener.offer(position, event)

    def _remember_beginning(self, stream: str, position: Position) -> None:
        self._begun[stream] = position
        if len(self._begun) > REMEMBERED_BEGINNINGS:
            self._begun.popitem(last=False)
