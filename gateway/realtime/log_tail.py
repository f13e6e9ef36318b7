"""One live reader of `sealane.logs` for all viewers of this gateway. It runs only while somebody watches.

A thread polls (readers are synchronous) and hands the chunks of watched attempts to the event loop, one batch
at a time. A viewer that can't keep up is cut off at `QUEUE_BYTES` and goes on from the archive and the log.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from core.eventlog.topics import LOGS_TOPIC, Topology
from core.ports import LogReader, TopicPartition
from core.protocol.logs import LogChunk
from gateway.realtime.log_tail_thread import LogTailThread, TailBatch

QUEUE_BYTES = 1 << 20
LINGER_SECONDS = 10.0
_LINE_OVERHEAD_BYTES = 100


class LiveChunks:
    """The chunks of one attempt that come from now on, for as long as the viewer keeps up."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.broken = False
        self._chunks: deque[tuple[int, LogChunk]] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()

    def offer(self, chunk: LogChunk) -> None:
        """Keep the chunk for the viewer, or break when too much is kept already."""
        size = sum(len(line.data) + _LINE_OVERHEAD_BYTES for line in chunk.lines)
        self.broken = self.broken or (self._bytes + size > QUEUE_BYTES and bool(self._chunks))
        if not self.broken:
            self._chunks.append((size, chunk))
            self._bytes += size
        self._arrived.set()

    def break_off(self) -> None:
        """Nothing more will come: the reader failed."""
        self.broken = True
        self._arrived.set()

    async def next(self, timeout_seconds: float) -> LogChunk | None:
        """The next chunk. None when none came in time, or when it is `broken` and what was kept is read."""
        if not self._chunks and not self.broken:
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), timeout_seconds)
            except TimeoutError:
                return None
        if not self._chunks:
            return None
        size, chunk = self._chunks.popleft()
        self._bytes -= size
        return chunk


class LogTail:
    """Use it within one event loop. `on_lag` is told the age in seconds of the newest record, as it is seen."""

    def __init__(self, readers: Callable[[], LogReader], topology: Topology, on_lag: Callable[[float], None]) -> None:
        self._readers = readers
        self._partitions = tuple(TopicPartition(LOGS_TOPIC, number) for number in range(topology.partitions))
        self._on_lag = on_lag
        self._viewers: dict[bytes, set[LiveChunks]] = {}
        self._thread: LogTailThread | None = None
        self._retirement: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def follow(self, key: str) -> AsyncIterator[LiveChunks]:
        """The live chunks of an attempt, for the time of the block: all that are not in the log when it begins.

        Raises LogUnavailable.
        """
        live = LiveChunks(key)
        self._viewers.setdefault(key.encode(), set()).add(live)
        self._keep()
        try:
            await self._running().placed()
            yield live
        finally:
            self._leave(live)

    @property
    def viewers(self) -> int:
        return sum(map(len, self._viewers.values()))

    async def close(self) -> None:
        """Stop reading; whoever still watches is cut off."""
        self._keep()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop()
            self._break_all()
            await asyncio.to_thread(thread.join)

    def _running(self) -> LogTailThread:
        if self._thread is None or not self._thread.is_alive():
            self._thread = LogTailThread(
                self._readers, self._partitions, self._viewers.keys(), asyncio.get_running_loop(), self._deliver
            )
            self._thread.start()
        return self._thread

    def _deliver(self, thread: LogTailThread, batch: TailBatch) -> None:
        if thread is not self._thread:
            return  # Retired meanwhile: its successor has all from where it began, and order matters.
        for key, chunk in batch.chunks:
            for live in self._viewers.get(key, ()):
                live.offer(chunk)
        if batch.failed:
            self._break_all()
        if batch.newest_age_seconds is not None:
            self._on_lag(batch.newest_age_seconds)

    def _break_all(self) -> None:
        for live in [live for viewers in self._viewers.values() for live in viewers]:
            live.break_off()

    def _leave(self, live: LiveChunks) -> None:
        viewers = self._viewers.get(live.key.encode(), set())
        viewers.discard(live)
        if not viewers:
            self._viewers.pop(live.key.encode(), None)
        if not self._viewers and self._thread is not None:
            self._retirement = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._retire)

    def _keep(self) -> None:
        if self._retirement is not None:
            self._retirement.cancel()
            self._retirement = None

    def _retire(self) -> None:
        self._retirement = None
        if not self._viewers and self._thread is not None:
            self._thread.stop()
            self._thread = None
