"""Which streams must be asked again, and when: a heap with lazy deletion."""

import heapq
from datetime import datetime


class Deadlines:
    """The earliest due first; equal times in the order of the stream's name, so that replays agree."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, str]] = []
        self._due: dict[str, datetime] = {}

    def set(self, stream: str, due: datetime | None) -> None:
        if due is None:
            self._due.pop(stream, None)
            return
        if self._due.get(stream) == due:
            return
        self._due[stream] = due
        if len(self._heap) > 64 + 4 * len(self._due):
            self._heap = [(when, name) for name, when in self._due.items()]
            heapq.heapify(self._heap)
        else:
            heapq.heappush(self._heap, (due, stream))

    def get(self, stream: str) -> datetime | None:
        return self._due.get(stream)

    def earliest(self) -> datetime | None:
        heap = self._heap
        while heap:
            due, stream = heap[0]
            if self._due.get(stream) == due:
                return due
            heapq.heappop(heap)
        return None

    def take(self, now: datetime) -> tuple[str, datetime] | None:
        """The next stream that is due, removed; None when nothing is due at `now`."""
        due = self.earliest()
        if due is None or due > now:
            return None
        _, stream = heapq.heappop(self._heap)
        del self._due[stream]
        return stream, due
