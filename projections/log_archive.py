"""Moves logs from Kafka into the object store: segments of chunks, with an index in Postgres.

Offsets are committed only as far as every chunk before them is archived, so a kill at any point repeats work and
loses nothing: a segment written again replaces itself, and chunks that are known are passed over.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import psycopg

from core.eventlog.topics import LOGS_TOPIC
from core.ports import Fenced, GroupConsumer, LogUnavailable, ObjectStore, Record, TopicPartition
from core.protocol.logs import LogChunk, decode_chunk
from core.protocol.segments import encode_segment, segment_key

SEGMENT_BYTES = 2 << 20
BUFFER_BYTES = 32 << 20
IDLE_SECONDS = 10.0
MAX_BATCH = 200
Connect = Callable[[], psycopg.Connection[tuple[Any, ...]]]
log = logging.getLogger("sealane.log-archive")

_SAVE = """
INSERT INTO log_segments (attempt_key, first_seq, last_seq, first_line, last_line, bytes, object_key, partition,
                          next_offset, last)
SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[],
                     %s::bigint[], %s::bigint[], %s::bool[])
ON CONFLICT (attempt_key, first_seq) DO UPDATE SET last_seq = excluded.last_seq, last_line = excluded.last_line,
  bytes = excluded.bytes, next_offset = excluded.next_offset, last = excluded.last
"""
# In the order of the names, so that two who archive the same logs never wait for each other in a circle.
_LOCK = """
SELECT pg_advisory_xact_lock(hashtextextended('sealane-log/' || key, 0))
FROM (SELECT unnest(%s::text[]) AS key ORDER BY 1) AS wanted
"""
_KNOWN = "SELECT attempt_key, max(last_seq) FROM log_segments WHERE attempt_key = ANY(%s) GROUP BY attempt_key"
_GAP = """
INSERT INTO log_gaps (attempt_key, first_seq, last_seq, reason, recorded_at) VALUES (%s, %s, %s, %s, now())
ON CONFLICT DO NOTHING
"""
_GAPS = "SELECT attempt_key, first_seq, last_seq FROM log_gaps WHERE attempt_key = ANY(%s)"
# What is left of the gap around a chunk that came after all: a piece before it, a piece behind it, or nothing.
_FILL = """
WITH gap AS (DELETE FROM log_gaps WHERE attempt_key = %(key)s AND %(seq)s BETWEEN first_seq AND last_seq RETURNING *)
INSERT INTO log_gaps SELECT attempt_key, piece.first_seq, piece.last_seq, reason, recorded_at
FROM gap, LATERAL (VALUES (first_seq, %(seq)s - 1), (%(seq)s + 1, last_seq)) AS piece (first_seq, last_seq)
WHERE piece.first_seq <= piece.last_seq
"""


@dataclass
class OpenSegment:
    """Chunks of one attempt, without a gap between them, that are read and not archived. `missing` are those before
    them that are on record as gaps."""

    partition: TopicPartition
    next_seq: int
    missing: tuple[range, ...] = ()
    chunks: list[bytes] = field(default_factory=list)
    first: LogChunk | None = None
    last: LogChunk | None = None
    first_offset: int = 0
    last_offset: int = 0
    bytes: int = 0
    since: float = 0.0


class LogArchiver:
    """One thread calls run(). `connect` opens connections whose search_path is the schema of the views."""

    def __init__(self, new_consumer: Callable[[], GroupConsumer], connect: Connect, objects: ObjectStore) -> None:
        self._new_consumer = new_consumer
        self._connect = connect
        self._objects = objects
        self._open: dict[str, OpenSegment] = {}
        self._read_to: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}

    def run(self, stop: threading.Event) -> None:
        """Archive until `stop` is set. Whatever is away is waited for."""
        while not stop.is_set():
            try:
                self._session(stop)
            except (LogUnavailable, Fenced, psycopg.Error, OSError) as error:
                log.warning("the log archive starts over: %s", error)
                stop.wait(2.0)

    def _session(self, stop: threading.Event) -> None:
        self._forget(frozenset(self._read_to))
        self._open.clear()
        consumer = self._new_consumer()
        connection = self._connect()
        try:
            consumer.subscribe((LOGS_TOPIC,), lambda _: None, self._forget, self._forget)
            while not stop.is_set():
                self.step(consumer, connection, 1.0)
            self._close_segments(connection, everything=True)
            self._commit(consumer)
        finally:
            connection.close()
            consumer.close()

    def step(self, consumer: GroupConsumer, connection: psycopg.Connection[tuple[Any, ...]], seconds: float) -> int:
        """One turn: read, archive what is full, ended or old, commit. Answers how many chunks were read."""
        records = consumer.poll(MAX_BATCH, seconds)
        chunks = [(record, chunk) for record in records if (chunk := self._read(record)) is not None]
        self._begin(connection, chunks)
        for record, chunk in chunks:
            self._take(connection, record, chunk)
        if self._close_segments(connection) or records:
            self._commit(consumer)
        return len(records)

    def _forget(self, partitions: frozenset[TopicPartition]) -> None:
        for partition in partitions:
            self._read_to.pop(partition, None)
            self._committed.pop(partition, None)
        self._open = {key: segment for key, segment in self._open.items() if segment.partition not in partitions}

    def _read(self, record: Record) -> LogChunk | None:
        self._read_to[TopicPartition(record.topic, record.partition)] = record.offset + 1
        try:
            return decode_chunk(record.value or b"")
        except msgspec.DecodeError as error:
            log.error("%s:%d:%d is no log chunk and left out: %s", record.topic, record.partition, record.offset, error)
            return None

    def _begin(self, connection: psycopg.Connection[tuple[Any, ...]], chunks: list[tuple[Record, LogChunk]]) -> None:
        """Open a segment for each attempt that has none, behind what is archived of it."""
        new = {chunk.attempt_key: record for record, chunk in chunks if chunk.attempt_key not in self._open}
        if not new:
            return
        known, missing = _next_seqs(connection, new), _missing(connection, new)
        connection.commit()
        now = time.monotonic()
        for key, record in new.items():
            where = TopicPartition(record.topic, record.partition)
            self._open[key] = OpenSegment(where, known[key], missing.get(key, ()), since=now)

    def _take(self, connection: psycopg.Connection[tuple[Any, ...]], record: Record, chunk: LogChunk) -> None:
        segment = self._open.get(chunk.attempt_key)
        if segment is None:
            self._begin(connection, [(record, chunk)])
            segment = self._open[chunk.attempt_key]
        if any(chunk.seq in gap for gap in segment.missing):
            return self._fill_gap(connection, segment, record, chunk)
        if chunk.seq < segment.next_seq:
            return
        if chunk.seq > segment.next_seq:
            segment = self._record_gap(connection, segment, chunk)
        self._append(segment, chunk, record)
        if segment.bytes >= SEGMENT_BYTES:
            self._archive(connection, [chunk.attempt_key])

    def _fill_gap(
        self, connection: psycopg.Connection[tuple[Any, ...]], segment: OpenSegment, record: Record, chunk: LogChunk
    ) -> None:
        """Its agent sent it again, as nobody had acknowledged it: it becomes a segment of its own."""
        connection.execute(_LOCK, ([chunk.attempt_key],))
        alone = OpenSegment(segment.partition, chunk.seq)
        self._append(alone, chunk, record)
        row = self._save(alone, 0)
        assert row is not None
        connection.execute(_SAVE, [[value] for value in row])
        connection.execute(_FILL, {"key": chunk.attempt_key, "seq": chunk.seq})
        segment.missing = _missing(connection, [chunk.attempt_key]).get(chunk.attempt_key, ())
        connection.commit()

    def _append(self, segment: OpenSegment, chunk: LogChunk, record: Record) -> None:
        if segment.first is None:
            segment.first, segment.first_offset = chunk, record.offset
            segment.since = time.monotonic()
        segment.chunks.append(record.value or b"")
        segment.bytes += len(record.value or b"")
        segment.last, segment.last_offset = chunk, record.offset
        segment.next_seq = chunk.seq + 1

    def _record_gap(
        self, connection: psycopg.Connection[tuple[Any, ...]], segment: OpenSegment, chunk: LogChunk
    ) -> OpenSegment:
        """Never silent: the missing chunks are on record, and the segment before them ends. Answers with a new one."""
        log.error("chunks %d to %d of %s are missing", segment.next_seq, chunk.seq - 1, chunk.attempt_key)
        missing = (chunk.attempt_key, segment.next_seq, chunk.seq - 1, "not-received")
        self._archive(connection, [chunk.attempt_key])
        connection.execute(_GAP, missing)
        connection.commit()
        known = (*segment.missing, range(segment.next_seq, chunk.seq))
        opened = OpenSegment(segment.partition, chunk.seq, known, since=time.monotonic())
        self._open[chunk.attempt_key] = opened
        return opened

    def _close_segments(self, connection: psycopg.Connection[tuple[Any, ...]], everything: bool = False) -> int:
        """Archive what has ended or waited long enough, and the oldest ones while too much is held in memory."""
        now = time.monotonic()
        held = sum(segment.bytes for segment in self._open.values())
        due = []
        for key, segment in sorted(self._open.items(), key=lambda item: item[1].since):
            if everything or _ended(segment) or now - segment.since >= IDLE_SECONDS or held > BUFFER_BYTES:
                due.append(key)
                held -= segment.bytes
        if due:
            self._archive(connection, due)
        return len(due)

    def _archive(self, connection: psycopg.Connection[tuple[Any, ...]], keys: list[str]) -> None:
        """Objects first, then their index: what the index names is there. Nothing is open for `keys` afterwards."""
        segments = {key: self._open[key] for key in keys if self._open[key].first is not None}
        if segments:
            # One archiver at a time: one that lost its partition and doesn't know it must not write over the newer.
            connection.execute(_LOCK, (list(segments),))
            known = _next_seqs(connection, segments)
            saved = [row for key, segment in segments.items() if (row := self._save(segment, known[key])) is not None]
            if saved:
                connection.execute(_SAVE, [list(column) for column in zip(*saved, strict=True)])
            connection.commit()
        for key in keys:
            del self._open[key]

    def _save(self, segment: OpenSegment, known: int) -> tuple[Any, ...] | None:
        """Puts all chunks but those before number `known`, which are archived already; answers with the index's row."""
        last = segment.last
        assert segment.first is not None
        assert last is not None
        if known > last.seq:
            return None
        chunks = segment.chunks[max(0, known - segment.first.seq) :]
        first = decode_chunk(chunks[0])
        object_key = segment_key(first.attempt_key, first.seq)
        self._objects.put(object_key, encode_segment(chunks))
        last_line = last.first_line + len(last.lines) - 1
        place = (object_key, segment.partition.partition, segment.last_offset + 1, last.last)
        return (first.attempt_key, first.seq, last.seq, first.first_line, last_line, sum(map(len, chunks)), *place)

    def _commit(self, consumer: GroupConsumer) -> None:
        """Up to the first chunk that is not archived yet, in each partition."""
        low = dict(self._read_to)
        for segment in self._open.values():
            if segment.first is not None:
                low[segment.partition] = min(low.get(segment.partition, segment.first_offset), segment.first_offset)
        moved = {partition: offset for partition, offset in low.items() if self._committed.get(partition) != offset}
        if moved:
            consumer.commit(moved)
            self._committed.update(moved)


def _next_seqs(connection: psycopg.Connection[tuple[Any, ...]], keys: Iterable[str]) -> dict[str, int]:
    """The number of the chunk behind what is archived, for each of the attempts."""
    wanted = list(keys)
    known = {key: int(last) + 1 for key, last in connection.execute(_KNOWN, (wanted,)).fetchall()}
    return {key: known.get(key, 0) for key in wanted}


def _missing(connection: psycopg.Connection[tuple[Any, ...]], keys: Iterable[str]) -> dict[str, tuple[range, ...]]:
    """The numbers of the chunks that are on record as gaps, of those attempts that have some."""
    found: dict[str, tuple[range, ...]] = {}
    for key, first, last in connection.execute(_GAPS, (list(keys),)).fetchall():
        found[key] = (*found.get(key, ()), range(first, last + 1))
    return found


def _ended(segment: OpenSegment) -> bool:
    return segment.last is not None and segment.last.last
