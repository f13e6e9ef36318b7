"""Log viewers over a log in memory: a test writes chunks, archives some of them, ends the job, and watches."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from core.eventlog.topics import LOGS_TOPIC, TopicSpec, Topology
from core.ports import LogReader, OutgoingRecord
from core.protocol.logs import LogChunk, encode_chunk
from core.protocol.segments import encode_segment, segment_key
from gateway.realtime.log_gap import GapReader
from gateway.realtime.log_tail import LogTail
from gateway.realtime.log_viewer import LogSources, LogViewer, Piece
from infra.memory.log import MemoryLog
from infra.memory.producer import MemoryProducer
from infra.memory.reader import MemoryLogReader
from projections.queries.attempts import AttemptState
from projections.queries.types import ArchivedLog, LogGap, LogSegment

RUN = "us-east-0123456789abcdef"
KEY = f"{RUN}/build/1"
TOPOLOGY = Topology(("us-east", "eu-west"))
PARTITION = TOPOLOGY.partition("us-east", KEY)


class Objects:
    """ObjectStore in a dict."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}

    def put(self, key: str, data: bytes) -> None:
        self.data[key] = data

    def get(self, key: str) -> bytes:
        return self.data[key]

    def holds(self, key: str) -> bool:
        return key in self.data

    def keys(self, prefix: str) -> list[str]:
        return sorted(key for key in self.data if key.startswith(prefix))

    def delete(self, key: str) -> None:
        self.data.pop(key, None)


class LogBench:
    """Close it at the end."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.log.on_idle = self.log.wait_for_change
        self.log.create(TopicSpec(LOGS_TOPIC, TOPOLOGY.partitions, {}))
        self.objects = Objects()
        self.segments: list[LogSegment] = []
        self.gaps: list[LogGap] = []
        self.rereads = 0
        self.readers = 0
        self.attempt = AttemptState(
            key=KEY,
            run_id=RUN,
            job_id="build",
            attempt=1,
            queued_at=datetime(2026, 1, 1, tzinfo=UTC),
            finished=False,
            log_chunks=0,
        )
        self._producer = MemoryProducer(self.log, "agent")
        self.tail = LogTail(self._reader, TOPOLOGY, lambda seconds: None)
        self.sources = LogSources(
            TOPOLOGY,
            self._archived,
            self._newest,
            self.objects,
            GapReader(self._reader),
            self.tail,
            self._count_reread,
            idle_seconds=0.02,
        )

    async def close(self) -> None:
        await self.tail.close()
        await self.sources.gaps.close()

    @property
    def watching(self) -> int:
        """How many viewers follow the live log."""
        return self.tail.viewers

    def viewer(self) -> LogViewer:
        return LogViewer(self.sources, self.attempt)

    def write(self, *chunks: LogChunk, key: str = KEY) -> None:
        records = [OutgoingRecord(LOGS_TOPIC, PARTITION, key.encode(), encode_chunk(chunk)) for chunk in chunks]
        self._producer.send_all(records)

    def archive(self, chunks: Sequence[LogChunk], next_offset: int) -> None:
        """As the log archive does; `next_offset` is behind the record of the last chunk."""
        first, last = chunks[0], chunks[-1]
        object_key = segment_key(KEY, first.seq)
        self.objects.put(object_key, encode_segment(map(encode_chunk, chunks)))
        self.segments.append(
            LogSegment(
                attempt_key=KEY,
                first_seq=first.seq,
                last_seq=last.seq,
                first_line=first.first_line,
                last_line=last.first_line + len(last.lines) - 1,
                bytes=1,
                object_key=object_key,
                partition=PARTITION,
                next_offset=next_offset,
                last=last.last,
            )
        )

    def finish(self, chunks: int) -> None:
        """The job ended; its agent said how many chunks there are (0: it never said)."""
        self.attempt = msgspec.structs.replace(self.attempt, finished=True, log_chunks=chunks)

    async def all_available(self, from_line: int = 0) -> list[Piece]:
        return [piece async for piece in self.viewer().available(from_line)]

    async def followed(self, from_line: int = 0) -> list[Piece]:
        return [piece async for piece in self.viewer().follow(from_line)]

    async def _archived(self, key: str) -> ArchivedLog:
        last = self.segments[-1] if self.segments else None
        return ArchivedLog(
            attempt_key=key,
            segments=tuple(self.segments),
            gaps=tuple(self.gaps),
            next_seq=last.last_seq + 1 if last else 0,
            complete=last.last if last else False,
        )

    async def _newest(self, attempt: AttemptState) -> AttemptState:
        return self.attempt

    def _reader(self) -> LogReader:
        self.readers += 1
        return MemoryLogReader(self.log)

    def _count_reread(self) -> None:
        self.rereads += 1


def seqs(pieces: Sequence[Piece]) -> list[int]:
    """The chunks' numbers, in the order they came; what is missing is left out."""
    return [piece.seq for piece in pieces if isinstance(piece, LogChunk)]
