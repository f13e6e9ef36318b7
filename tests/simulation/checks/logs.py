"""Logs of jobs: chunks come without gaps, a repeated one is the same, and a finished job's log is whole."""

from core.ports import Record
from core.protocol.logs import LogChunk
from tests.simulation.checks.observer import Check, Seen


class LogsCheck(Check):
    """Safety: asked with every chunk, and with every job that its agent says has ended."""

    def __init__(self) -> None:
        super().__init__()
        self._chunks: dict[str, list[bytes]] = {}
        self._lines: dict[str, int] = {}

    def chunk(self, record: Record, chunk: LogChunk) -> None:
        key, value = chunk.attempt_key, record.value or b""
        known = self._chunks.setdefault(key, [])
        if chunk.seq < len(known):
            if known[chunk.seq] != value:
                self.wrong(f"chunk {chunk.seq} of {key} is there twice, and differs")
            return
        if chunk.seq > len(known):
            self.wrong(f"chunks {len(known)} to {chunk.seq - 1} of {key} are missing")
        if chunk.first_line != self._lines.get(key, 0):
            self.wrong(f"chunk {chunk.seq} of {key} begins with line {chunk.first_line}, not {self._lines.get(key, 0)}")
        known.append(value)
        self._lines[key] = chunk.first_line + len(chunk.lines)

    def event(self, seen: Seen) -> None:
        if seen.event.type != "job.finished" or "log" not in seen.data:
            return
        run = seen.event.stream.partition("/")[2]
        key = f"{run}/{seen.data['job_id']}/{seen.data['attempt']}"
        wanted, there = seen.data["log"].get("chunks", 0), len(self._chunks.get(key, []))
        if there < wanted:
            self.wrong(f"{key} has finished with {wanted} chunks of log, and {there} are there")
