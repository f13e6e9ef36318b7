"""Log -> views: reads all events, deliveries and dead letters, and writes rows and offsets in one transaction.

The offsets live in Postgres only, so each event counts once, whatever dies when. One projector per schema is
active (an advisory lock held by its connection); others stand by and take over when it is gone. A zombie that
still thinks it is active finds the offsets moved and starts over from what is stored.
"""

import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg

from core.eventlog.topics import DEAD_LETTERS_TOPIC, EVENTS_TOPICS, WEBHOOKS_TOPIC, Topology
from core.ports import LogReader, LogUnavailable, Record, TopicPartition
from projections import offsets
from projections.chain_watch import ChainWatch
from projections.changes import Changes
from projections.facts import Unreadable
from projections.store import OpenStore, ViewStore
from projections.views.registry import project

PROJECTED_TOPICS = (*EVENTS_TOPICS, WEBHOOKS_TOPIC, DEAD_LETTERS_TOPIC)
MAX_BATCH = 5000
# A batch costs about 30 statements and a commit however small it is. While a batch had this many records, the next
# one is given some time to grow; a quiet system is projected at once.
BUSY_RECORDS = 50
GATHER_SECONDS = 0.03
STANDBY_SECONDS = 1.0
_BACKOFF_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

log = logging.getLogger("sealane.projector")


class LogMismatch(Exception):
    """The views and the log do not belong together: the log was replaced or cut. The views must be rebuilt."""


class Halt(NamedTuple):
    """Where and why the views can't go on in a partition."""

    offset: int
    reason: str


@dataclass
class ProjectorStatus:
    """What the projector does, for status pages and metrics. `state`: starting | standby | active | retrying."""

    state: str = "starting"
    events: int = 0
    batches: int = 0
    failures: int = 0
    last_error: str = ""
    halted: dict[TopicPartition, Halt] = field(default_factory=dict)
    chains: ChainWatch = field(default_factory=ChainWatch)


def partitions_of(topology: Topology) -> frozenset[TopicPartition]:
    """All partitions the views are made of."""
    return frozenset(TopicPartition(topic, n) for topic in PROJECTED_TOPICS for n in range(topology.partitions))


class Projector:
    """One thread calls run(stop), or run_once() step by step.

    `open_store` opens the schema of the views.
    `limits` are offsets from which on nothing is projected: for comparing views of the same part of the log.
    """

    def __init__(
        self,
        reader: LogReader,
        open_store: OpenStore,
        partitions: Iterable[TopicPartition],
        *,
        max_batch: int = MAX_BATCH,
        limits: Mapping[TopicPartition, int] | None = None,
    ) -> None:
        self.status = ProjectorStatus()
        self._reader = reader
        self._open_store = open_store
        self._partitions = frozenset(partitions)
        self._max_batch = max_batch
        self._limits = limits
        self._store: ViewStore | None = None
        self._next: dict[TopicPartition, int] = {}

    def run(self, stop: threading.Event) -> None:
        """Project until `stop` is set. Postgres or the log being away is waited out."""
        failures = 0
        try:
            while not stop.is_set():
                try:
                    worked = self.run_once(0.5)
                    failures = 0
                    if BUSY_RECORDS <= worked < self._max_batch // 2:
                        stop.wait(GATHER_SECONDS)
                    if not worked and self.status.state == "standby":
                        stop.wait(STANDBY_SECONDS)
                except (psycopg.OperationalError, psycopg.InterfaceError, LogUnavailable) as error:
                    pause = _BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)]
                    failures += 1
                    self._failed(error, pause)
                    stop.wait(pause)
        finally:
            self.close()

    def run_once(self, timeout_seconds: float) -> int:
        """Project what is there, at most one batch; wait for the first record. Answers how many records it was.

        Raises psycopg.OperationalError or LogUnavailable; nothing is lost, call again.
        """
        if self._store is None and not self._start():
            return 0
        try:
            records = self._reader.poll(self._max_batch, timeout_seconds)
            if not records:
                return 0
            return self._project(records)
        except offsets.OffsetsMoved as moved:
            log.warning("starting over from the stored offsets: %s", moved)
            self._drop_store()
            return 0
        except BaseException:
            self._drop_store()
            raise

    def lag(self) -> int:
        """How many offsets the views are behind the end of the log."""
        positions = self._reader.positions()
        return sum(max(0, self._reader.bounds(p)[1] - positions.get(p, 0)) for p in self._partitions)

    def projected(self) -> dict[TopicPartition, int]:
        """The next offset of each partition, once it has started."""
        return dict(self._next)

    def close(self) -> None:
        self._drop_store()
        self._reader.close()

    def _start(self) -> bool:
        """Become the active one, if nobody else is: connect, lock, go to the stored offsets."""
        store = self._open_store()
        try:
            if not store.lock():
                self.status.state = "standby"
                store.close()
                return False
            self._next = store.load(self._partitions)
            self.status.chains.start(store.chain_heads(self._partitions))
            store.commit()
            self._check_bounds()
            # Before it counts as started: a reader that stayed where it was would leave records out.
            self._reader.assign(self._next)
        except BaseException:
            store.close()
            raise
        self._store = store
        self.status.halted.clear()
        self.status.state = "active"
        return True

    def _check_bounds(self) -> None:
        for partition, offset in self._next.items():
            first, end = self._reader.bounds(partition)
            if not first <= offset <= end:
                where = f"{partition.topic}:{partition.partition}"
                raise LogMismatch(
                    f"the views are at offset {offset} of {where}, but the log holds {first}..{end}: "
                    "it is not the log these views were made from. Run `sealane projections rebuild`."
                )

    def _project(self, records: list[Record]) -> int:
        all_wanted = self._limits is None and not self.status.halted
        wanted = records if all_wanted else [record for record in records if self._is_wanted(record)]
        changes, unreadable = _changes_of(wanted)
        if unreadable is not None:
            self._halt(*unreadable)
            return self._project(wanted)
        if wanted:
            self._commit(wanted, changes)
        return len(wanted)

    def _is_wanted(self, record: Record) -> bool:
        partition = TopicPartition(record.topic, record.partition)
        halt = self.status.halted.get(partition)
        if halt is not None and record.offset >= halt.offset:
            return False
        return self._limits is None or record.offset < self._limits.get(partition, 0)

    def _commit(self, records: list[Record], changes: Changes) -> None:
        try:
            self._write(records, changes)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            assert self._store is not None
            self._store.rollback()
            self._isolate(records, error)

    def _isolate(self, records: list[Record], error: psycopg.Error) -> None:
        """Something in these records can't be stored: find out which, keep the others."""
        if len(records) == 1:
            self._halt(records[0], f"can't be stored: {error}")
            return
        half = len(records) // 2
        self._project(records[:half])
        self._project(records[half:])

    def _write(self, records: list[Record], changes: Changes) -> None:
        assert self._store is not None
        last = {(record.topic, record.partition): record.offset for record in records}
        after = {TopicPartition(*where): offset + 1 for where, offset in last.items()}
        try:
            _write_all(self._store, self._next, after, changes, copy=True)
        except psycopg.errors.UniqueViolation as error:
            log.warning("a row that should be new was there already; replacing it: %s", error)
            self._store.rollback()
            _write_all(self._store, self._next, after, changes, copy=False)
        self._next.update(after)
        self.status.chains.see(records)
        self.status.events += len(records)
        self.status.batches += 1

    def _halt(self, record: Record, reason: str) -> None:
        assert self._store is not None
        partition = TopicPartition(record.topic, record.partition)
        text = f"offset {record.offset}: {reason}"
        log.error("halted at %s:%d, %s", record.topic, record.partition, text)
        self._store.halt(partition, text)
        self._store.commit()
        self.status.halted[partition] = Halt(record.offset, text)

    def _failed(self, error: Exception, pause: float) -> None:
        self.status.state = "retrying"
        self.status.failures += 1
        self.status.last_error = str(error)
        log.warning("can't project, trying again in %.1f s: %s", pause, error)

    def _drop_store(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None


def _changes_of(records: list[Record]) -> tuple[Changes, tuple[Record, str] | None]:
    """The changes of all records, or the first that can't be read."""
    changes = Changes()
    for record in records:
        try:
            project(record, changes)
        except (Unreadable, ValueError) as error:
            return changes, (record, str(error))
    return changes, None


def _write_all(
    store: ViewStore,
    before: dict[TopicPartition, int],
    after: dict[TopicPartition, int],
    changes: Changes,
    copy: bool,
) -> None:
    store.advance(before, after)
    store.write(changes, copy)
    store.commit()
