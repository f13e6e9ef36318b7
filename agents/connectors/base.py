"""The loop of every connector: reads events with its own group, acts at least once, answers with commands.

An offset is committed only after the commands that its record made are acknowledged, so a crash repeats work and
never loses any; repeated commands carry the same ids and are recognised.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

from agents.connectors.keyed_pool import KeyedPool
from agents.connectors.metrics import ConnectorMetrics
from agents.connectors.offsets import OffsetTracker
from core.ports import Fenced, GroupConsumer, LogUnavailable, OutgoingRecord, Producer, Record, TopicPartition

POLL_RECORDS = 500
POLL_SECONDS = 0.2
COMMIT_SECONDS = 1.0
STOP_SECONDS = 15.0
FIRST_BACKOFF_SECONDS = 0.2
LAST_BACKOFF_SECONDS = 10.0
ATTEMPTS = 5
_log = logging.getLogger("sealane.connectors")


class Later(NamedTuple):
    """The work could not be done now: again after `seconds`, before anything else of its key."""

    seconds: float


Result = Sequence[OutgoingRecord] | Later


class Work(NamedTuple):
    """What one record asks for. Works of the same `key` are done in the order of the log, others in parallel.

    `run(attempt)` counts attempts from 1; what it raises counts as a failure. `give_up(error)` says what is to be
    sent when it failed ATTEMPTS times: a connector that can't act says so.
    """

    key: str
    run: Callable[[int], Result]
    give_up: Callable[[Exception], Sequence[OutgoingRecord]]


class Handler(Protocol):
    """A connector. Its group is `sealane-<name>`; None from `work` is a record that does not concern it."""

    name: str
    topics: tuple[str, ...]

    def work(self, record: Record) -> Work | None: ...


@dataclass(frozen=True, kw_only=True)
class Connector:
    """`threads` bounds what is done in parallel, `max_open` and `max_open_bytes` what is read ahead.

    `consumer` makes a member of the connector's group; it is asked again when the old one was fenced.
    """

    handler: Handler
    consumer: Callable[[], GroupConsumer]
    producer: Producer
    metrics: ConnectorMetrics
    threads: int = 1
    max_open: int = 1000
    max_open_bytes: int = 64 << 20

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set. Whatever happens to the log, it goes on when the log is back."""
        backoff = FIRST_BACKOFF_SECONDS
        while not stop.is_set():
            started = time.monotonic()
            try:
                _Session(self, stop).run()
            except (LogUnavailable, Fenced) as error:
                backoff = FIRST_BACKOFF_SECONDS if time.monotonic() - started > 60 else backoff
                _log.warning("%s starts over in %.1f s: %s", self.handler.name, backoff, error)
                stop.wait(backoff)
                backoff = min(backoff * 2, LAST_BACKOFF_SECONDS)


class _Session:
    """One membership in the group, with the work that it took on."""

    def __init__(self, connector: Connector, stop: threading.Event) -> None:
        self._connector = connector
        self._handler = connector.handler
        self._stop = stop
        self._offsets = OffsetTracker()
        self._sending = threading.Lock()
        self._counting = threading.Lock()
        self._open_bytes = 0
        self._pool = KeyedPool(connector.threads, connector.handler.name)
        self._open = connector.metrics.open.labels(connector.handler.name)
        self._last_commit = time.monotonic()

    def run(self) -> None:
        consumer = self._connector.consumer()
        try:
            consumer.subscribe(self._handler.topics, lambda _: None, self._revoked(consumer), self._offsets.forget)
            while not self._stop.is_set():
                self._take(consumer, consumer.poll(POLL_RECORDS, POLL_SECONDS))
                if time.monotonic() - self._last_commit >= COMMIT_SECONDS:
                    self._commit(consumer)
            self._pool.close(STOP_SECONDS)
            self._commit(consumer)
        finally:
            self._pool.close(STOP_SECONDS)
            consumer.close()

    def _revoked(self, consumer: GroupConsumer) -> Callable[[frozenset[TopicPartition]], None]:
        """Hand over what is done; the new owner repeats what is not."""

        def revoked(partitions: frozenset[TopicPartition]) -> None:
            try:
                self._commit(consumer)
            except (LogUnavailable, Fenced) as error:
                _log.info("%s could not commit before a rebalance: %s", self._handler.name, error)
            self._offsets.forget(partitions)

        return revoked

    def _take(self, consumer: GroupConsumer, records: Sequence[Record]) -> None:
        for index, record in enumerate(records):
            if self._is_full():
                self._put_back(consumer, records[index:])
                return
            work = self._work(record)
            self._offsets.seen(record, done=work is None)
            if work is not None:
                self._count(len(record.value or b""))
                self._pool.submit(work.key, _Attempts(self, record, work))
        self._open.set(self._pool.size)

    def _is_full(self) -> bool:
        limits = self._connector
        return self._pool.size >= limits.max_open or self._open_bytes >= limits.max_open_bytes

    def _work(self, record: Record) -> Work | None:
        try:
            return self._handler.work(record)
        except Exception:
            # A record that can't even be looked at must not stop all that follow it.
            self._connector.metrics.failed(self._handler.name)
            where = f"{record.topic}:{record.partition}:{record.offset}"
            _log.exception("%s can't read %s and leaves it out", self._handler.name, where)
            return None

    def _put_back(self, consumer: GroupConsumer, records: Sequence[Record]) -> None:
        """Too much is under way: read these again when some of it is done."""
        first: dict[TopicPartition, int] = {}
        for record in records:
            first.setdefault(TopicPartition(record.topic, record.partition), record.offset)
        for partition, offset in first.items():
            consumer.seek(partition, offset)
        self._stop.wait(POLL_SECONDS)

    def _count(self, size: int) -> None:
        with self._counting:
            self._open_bytes += size

    def _commit(self, consumer: GroupConsumer) -> None:
        offsets = self._offsets.committable()
        if offsets:
            consumer.commit(offsets)
            self._offsets.committed(offsets)
        self._last_commit = time.monotonic()

    def attempt(self, record: Record, work: Work, number: int) -> float | None:
        """One attempt of a work; answers with the seconds until the next one, or None when it is done."""
        started = time.monotonic()
        result = self._result(record, work, number)
        if isinstance(result, Later):
            return result.seconds
        try:
            self._send(result)
        except (LogUnavailable, Fenced) as error:
            _log.warning("%s waits for the log: %s", self._handler.name, error)
            return _backoff(number)
        self._offsets.done(record)
        self._count(-len(record.value or b""))
        self._connector.metrics.done(self._handler.name, time.monotonic() - started)
        return None

    def _result(self, record: Record, work: Work, number: int) -> Result:
        try:
            return work.run(number)
        except Exception as error:
            self._connector.metrics.failed(self._handler.name)
            where = f"{record.topic}:{record.partition}:{record.offset}"
            _log.exception("%s failed at %s", self._handler.name, where)
            return Later(_backoff(number)) if number < ATTEMPTS else work.give_up(error)

    def _send(self, records: Sequence[OutgoingRecord]) -> None:
        if records:
            with self._sending:
                self._connector.producer.send_all(records)


class _Attempts:
    """A work as a task of the pool, with its number of attempts."""

    def __init__(self, session: _Session, record: Record, work: Work) -> None:
        self._attempt = partial(session.attempt, record, work)
        self._number = 0

    def __call__(self) -> float | None:
        self._number += 1
        return self._attempt(self._number)


def _backoff(attempt: int) -> float:
    return float(min(FIRST_BACKOFF_SECONDS * 2 ** min(attempt, 10), LAST_BACKOFF_SECONDS))
