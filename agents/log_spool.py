"""The spool of one attempt: everything its agent has to report, on disk until the hub has acknowledged it.

Appending never waits; who produces much asks SpoolStore for room first. The sender reads with a cursor that
rewind() sets back after a reconnect. When the disk refuses, the last words go to memory instead.
"""

import shutil
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agents.disk import explain
from agents.spool_segment import HEADER_BYTES, SUFFIX, Segment

SEGMENT_BYTES = 8 << 20


class SpoolFull(Exception):
    """The disk took no more. The frame was not kept."""


class LogSpool:
    """Frames from number 1. `unacked_bytes` counts all that is kept, `in_flight_bytes` what was sent of it."""

    def __init__(self, directory: Path, attempt_key: str, epoch: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.directory = directory
        self.attempt_key = attempt_key
        self.epoch = epoch
        self.last_number = 0
        self.acked = 0
        self.unacked_bytes = 0
        self.in_flight_bytes = 0
        self.finished = False
        self.dirty = False
        self._segment_bytes = segment_bytes
        self._segments: list[Segment] = []
        self._memory: deque[bytes] = deque()
        self._in_flight: deque[tuple[int, int]] = deque()
        self._next = 1
        self._reading: tuple[int, Segment, int] | None = None
        self._removed = False

    def open(self) -> None:
        """Take up what an earlier process left in the directory. Raises OSError."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        for path in sorted(self.directory.glob(f"*{SUFFIX}")):
            segment = Segment(self.directory, int(path.stem))
            segment.recover()
            if self._segments and segment.first != self.last_number + 1:
                segment.remove()
                continue
            self._segments.append(segment)
            self.last_number = segment.last
            self.unacked_bytes += segment.size - HEADER_BYTES * segment.count
        if self._segments:
            self.acked = self._segments[0].first - 1
            self._next = self._segments[0].first

    @property
    def pending(self) -> bool:
        """Whether there is something to send."""
        return self._next <= self.last_number

    @property
    def settled(self) -> bool:
        """Whether everything was said and acknowledged."""
        return self.finished and self.acked == self.last_number

    def append(self, make_frame: Callable[[int], bytes]) -> int:
        """Keep `make_frame(number)`. Raises SpoolFull. A spool that was removed keeps nothing, and says nothing."""
        if self._removed:
            return self.last_number
        if self._memory:
            raise SpoolFull(f"{self.directory}: the disk was full before")
        frame = make_frame(self.last_number + 1)
        try:
            self._writable_segment().append(frame)
        except OSError as error:
            raise SpoolFull(f"{self.directory}: {explain(error)}") from error
        self.dirty = True
        return self._count(frame)

    def append_last(self, make_frame: Callable[[int], bytes]) -> int:
        """The same for the few frames that must get through although the disk is full."""
        try:
            return self.append(make_frame)
        except SpoolFull:
            frame = make_frame(self.last_number + 1)
            self._memory.append(frame)
            return self._count(frame)

    def next_frame(self) -> bytes | None:
        """The next frame to send, or None; counts as in flight from now on."""
        if not self.pending:
            return None
        frame = self._read(self._next)
        self._in_flight.append((self._next, len(frame)))
        self.in_flight_bytes += len(frame)
        self._next += 1
        return frame

    def rewind(self) -> None:
        """The connection is gone: send again from the first frame that was not acknowledged."""
        self._in_flight.clear()
        self.in_flight_bytes = 0
        self._next = self.acked + 1
        self._reading = None

    def acknowledge(self, number: int) -> None:
        """Everything up to `number` is safe elsewhere. Numbers that were not sent, or are known, change nothing."""
        while self._in_flight and self._in_flight[0][0] <= number:
            self.acked, size = self._in_flight.popleft()
            self.in_flight_bytes -= size
            self.unacked_bytes -= size
        while len(self._segments) > 1 and self._segments[0].last <= self.acked:
            self._segments.pop(0).remove()
        if self._memory:
            self._forget_memory()

    def last_frame(self) -> bytes | None:
        """The newest frame on disk."""
        return self._read(self.last_number) if self.last_number > self.acked else None

    def sync(self) -> None:
        """Bring it to the disk. Called from a thread, so a segment may be closed meanwhile: it is not needed then."""
        self.dirty = False
        for segment in self._segments[-2:]:
            with suppress(OSError):
                segment.sync()

    def remove(self) -> None:
        self._removed = True
        for segment in self._segments:
            segment.close()
        self._segments.clear()
        self._memory.clear()
        self._reading = None
        self.unacked_bytes = self.in_flight_bytes = 0
        self._next = self.last_number + 1
        shutil.rmtree(self.directory, ignore_errors=True)

    def _forget_memory(self) -> None:
        """When its last frame is acknowledged, all are: what is appended next begins a segment of its own."""
        while self._memory and self.last_number - len(self._memory) < self.acked:
            self._memory.popleft()
        if not self._memory:
            for segment in self._segments:
                segment.remove()
            self._segments.clear()
            self._reading = None

    def _count(self, frame: bytes) -> int:
        self.last_number += 1
        self.unacked_bytes += len(frame)
        return self.last_number

    def _writable_segment(self) -> Segment:
        if not self._segments or self._segments[-1].size >= self._segment_bytes:
            self._segments.append(Segment(self.directory, self.last_number + 1))
        return self._segments[-1]

    def _read(self, number: int) -> bytes:
        in_memory_from = self.last_number - len(self._memory) + 1
        if number >= in_memory_from:
            return self._memory[number - in_memory_from]
        segment, offset = self._place(number)
        frame = segment.read(offset)
        if frame is None:
            raise OSError(5, f"frame {number} can't be read back from {segment.path}")
        self._reading = (number + 1, segment, offset + HEADER_BYTES + len(frame))
        return frame

    def _place(self, number: int) -> tuple[Segment, int]:
        """Where frame `number` begins: where the cursor stands, or found from its segment's start."""
        if self._reading is not None and self._reading[0] == number and self._reading[2] < self._reading[1].size:
            return self._reading[1:]
        segment = next(one for one in self._segments if one.first <= number <= one.last)
        offset = 0
        for _ in range(number - segment.first):
            offset += HEADER_BYTES + len(segment.read(offset) or b"")
        return segment, offset
