"""The log of one attempt: output of its steps in, numbered chunks in its spool out, with a limit that is on record."""

import asyncio
from collections.abc import Callable

from agents.log_chunker import LineSplitter, Piece
from agents.log_spool import LogSpool, SpoolFull
from agents.spool_store import SpoolStore
from core.pace import Pace
from core.protocol.logs import LogChunk, LogLine, StreamName, encode_chunk
from core.protocol.messages import LogWritten, encode
from core.runs.spec import LogSummary

CHUNK_BYTES = 64 * 1024
FLUSH_SECONDS = 0.05
# So many after a pause do not wait: a short step has shown what it says before it ends.
FLUSHED_AT_ONCE = 4
PARTIAL_FLUSHES = 20
LINE_OVERHEAD_BYTES = 16


class JobLog:
    """`clock_us` tells microseconds since 1970; `on_full` is called once, when the spool takes no more."""

    def __init__(
        self,
        spool: LogSpool,
        max_bytes: int,
        clock_us: Callable[[], int],
        store: SpoolStore,
        on_full: Callable[[str], None],
    ) -> None:
        self._spool = spool
        self._max_bytes = max_bytes
        self._clock_us = clock_us
        self._store = store
        self._on_full = on_full
        self._splitters: dict[StreamName, LineSplitter] = {"stdout": LineSplitter(), "stderr": LineSplitter()}
        self._lines: list[LogLine] = []
        self._lines_bytes = 0
        self._step = -1
        self._chunks = self._first_line = self._kept_bytes = self._dropped_bytes = 0
        self._idle_flushes = 0
        self._pace = Pace(FLUSH_SECONDS, FLUSHED_AT_ONCE)
        self._timer: asyncio.TimerHandle | None = None
        self._full = self._is_cut = False

    def begin_step(self, index: int) -> None:
        """What follows belongs to step `index`; -1 for set-up and clean-up."""
        self.end_streams()
        self.flush()
        self._step = index

    def system(self, text: str) -> None:
        """A line of the agent's own."""
        for line in text.split("\n"):
            self._add("system", line.encode("utf-8", "replace"), False, self._clock_us())
        self._schedule()

    def write(self, stream: StreamName, data: bytes) -> None:
        """Output of a step, as it arrived. Over the limit it is counted and dropped."""
        room = self._max_bytes - self._kept_bytes
        if self._full or self._is_cut:
            self._dropped_bytes += len(data)
            return
        self._kept_bytes += min(room, len(data))
        self._add_pieces(stream, self._splitters[stream].feed(data[:room]))
        if len(data) > room:
            self._cut(len(data) - room)
        self._idle_flushes = 0
        self._schedule()

    def has_room(self) -> bool:
        """Whether more output should be read now."""
        return self._store.has_room(self._spool)

    async def wait_for_room(self) -> None:
        await self._store.wait_for_room(self._spool)

    def end_streams(self) -> None:
        """A step's output ended: what has no newline yet is its last line."""
        for stream, splitter in self._splitters.items():
            self._add_pieces(stream, splitter.end())

    def flush(self) -> None:
        """Put what is collected into the spool."""
        if self._lines:
            self._append(self._chunk(), self._spool.append)

    def close(self) -> LogSummary:
        """The last chunk, and what the whole log amounts to."""
        self.end_streams()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._append(self._chunk(last=True), self._spool.append_last)
        return LogSummary(self._chunks, self._first_line, self._kept_bytes, self._dropped_bytes)

    def _cut(self, dropped: int) -> None:
        self._is_cut = True
        self._dropped_bytes += dropped
        self.end_streams()
        self.system(f"The log limit of {self._max_bytes} bytes is reached: further output of this job is not kept.")
        self.flush()

    def _add_pieces(self, stream: StreamName, pieces: list[Piece]) -> None:
        at_us = self._clock_us()
        for data, partial in pieces:
            if self._full:
                # Behind the hole it would look as if it followed what was kept.
                self._lose(len(data))
            else:
                self._add(stream, data, partial, at_us)

    def _add(self, stream: StreamName, data: bytes, partial: bool, at_us: int) -> None:
        self._lines.append(LogLine(at_us, stream, data, partial))
        self._lines_bytes += len(data) + LINE_OVERHEAD_BYTES
        if self._lines_bytes >= CHUNK_BYTES:
            self.flush()

    def _chunk(self, last: bool = False) -> LogChunk:
        return LogChunk(
            attempt_key=self._spool.attempt_key,
            epoch=self._spool.epoch,
            seq=self._chunks,
            first_line=self._first_line,
            step=self._step,
            lines=tuple(self._lines),
            dropped_bytes=self._dropped_bytes if last else 0,
            last=last,
        )

    def _append(self, chunk: LogChunk, append: Callable[[Callable[[int], bytes]], int]) -> None:
        self._lines = []
        self._lines_bytes = 0
        try:
            append(lambda number: _frame(number, chunk))
        except SpoolFull as error:
            self._lose(sum(len(line.data) for line in chunk.lines if line.stream != "system"))
            if not self._full:
                self._full = True
                self._on_full(str(error))
            return
        self._chunks += 1
        self._first_line += len(chunk.lines)
        self._store.written()

    def _lose(self, size: int) -> None:
        self._dropped_bytes += size
        self._kept_bytes -= size

    def _schedule(self) -> None:
        """The first output after a pause goes out at once, what follows it every FLUSH_SECONDS."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._pace.seconds_to_wait(loop.time()), self._on_timer)

    def _on_timer(self) -> None:
        """Send what there is; a line that got no newline for a second is shown as far as it goes."""
        self._timer = None
        self._idle_flushes += 1
        held = [stream for stream, splitter in self._splitters.items() if splitter.holds]
        if held and self._idle_flushes >= PARTIAL_FLUSHES:
            self._idle_flushes = 0
            for stream in held:
                self._add_pieces(stream, self._splitters[stream].flush())
        elif held:
            self._schedule()
        self.flush()


def _frame(number: int, chunk: LogChunk) -> bytes:
    return encode(
        LogWritten(number=number, attempt_key=chunk.attempt_key, epoch=chunk.epoch, chunk=encode_chunk(chunk))
    )
