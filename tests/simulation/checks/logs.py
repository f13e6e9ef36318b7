"""Logs of jobs: chunks come without gaps, a repeated one is the same, and a finished job's log is whole."""

from core.ports import Record
from core.protocol.logs import LogChunk
from tests.simulation.checks.observer import Check, Seen


class LogsCheck(Check):
    """Safety: asked with every chunk, and with every job that its agent says has ended.

    A chunk may come before its turn where writing the one before it failed: its agent sends both again.
    """

    def __init__(self) -> None:
        super().__init__()
        self._chunks: dict[str, dict[int, bytes]] = {}
        # Where the next chunk of an attempt begins, by the chunk before it.
        self._lines: dict[str, dict[int, int]] = {}

    def chunk(self, record: Record, chunk: LogChunk) -> None:
        key, value = chunk.attempt_key, record.value or b""
        known = self._chunks.setdefault(key, {})
        if known.setdefault(chunk.seq, value) != value:
            self.wrong(f"chunk {chunk.seq} of {key} is there twice, and differs")
        ends = self._lines.setdefault(key, {-1: 0})
        ends[chunk.seq] = chunk.first_line + len(chunk.lines)
        if ends.get(chunk.seq - 1, chunk.first_line) != chunk.first_line:
            self.wrong(f"chunk {chunk.seq} of {key} begins with line {chunk.first_line}, not {ends[chunk.seq - 1]}")

    def event(self, seen: Seen) -> None:
        if seen.event.type != "job.finished" or "log" not in seen.data:
            return
        run = seen.event.stream.partition("/")[2]
        key = f"{run}/{seen.data['job_id']}/{seen.data['attempt']}"
        wanted, there = range(seen.data["log"].get("chunks", 0)), self._chunks.get(key, {})
        missing = [number for number in wanted if number not in there]
        if missing:
            self.wrong(f"{key} has finished with {len(wanted)} chunks of log; {missing} are missing")
