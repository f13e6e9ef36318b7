"""The stream processor: consumes commands, decides, and writes the outcome exactly once.

One thread, one transaction per batch. Memory runs ahead of the log within a batch only; whatever goes wrong, the
partitions of the batch are dropped and restored from what is committed.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from core.aggregate import Aggregate, Policy
from core.eventlog.topics import Topology, commands_topic
from core.ports import (
    Clock,
    Fenced,
    GroupConsumer,
    LogReader,
    LogUnavailable,
    Record,
    TopicPartition,
    TransactionalProducer,
)
from processors.batches import Batches
from processors.kinds import Kinds
from processors.lookup import StreamLookup
from processors.metrics import ProcessorMetrics
from processors.options import ProcessorOptions
from processors.ownership import Ownership
from processors.partition_state import PartitionState
from processors.restore import Restorer

log = logging.getLogger("sealane.processors")


class StopSignal(Protocol):
    """A threading.Event, for one."""

    def is_set(self) -> bool: ...


class Processor:
    """Decides for the partitions that its consumer group gives it. The factories are called again after fencing.

    `new_reader` must make readers whose bounds() wait until nothing below the end is undecided.
    """

    def __init__(
        self,
        aggregates: Sequence[Aggregate],
        policies: Mapping[str, Sequence[Policy]],
        topology: Topology,
        new_consumer: Callable[[], GroupConsumer],
        new_producer: Callable[[], TransactionalProducer],
        new_reader: Callable[[], LogReader],
        clock: Clock,
        options: ProcessorOptions | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._new_consumer = new_consumer
        self._new_producer = new_producer
        self._clock = clock
        self._options = options or ProcessorOptions()
        self._sleep = sleep
        self.metrics = ProcessorMetrics()
        kinds = Kinds(aggregates, policies)
        self.restorer = Restorer(kinds, topology, new_reader, clock, self._options, self.metrics)
        topics = {commands_topic(context): context for context in kinds.contexts}
        self._topics = tuple(topics)
        self._ownership = Ownership(topics, self.restorer, self.metrics)
        lookup = StreamLookup(kinds, topology, self.restorer)
        self._batches = Batches(kinds, topology, lookup, self._ownership, self.metrics, clock, self._options)
        self._consumer: GroupConsumer | None = None
        self._producer: TransactionalProducer | None = None
        self._fenced: Fenced | None = None
        self._failures = 0
        self._busy = False
        self._retry_at = clock.now()

    @property
    def partitions(self) -> Mapping[TopicPartition, PartitionState]:
        """The live partitions, for inspection."""
        return self._ownership.live

    @property
    def waiting(self) -> bool:
        """Whether a partition is owned but not restored yet."""
        return self._ownership.waiting

    def run(self, stop: StopSignal, turn_seconds: float = 1.0) -> None:
        """Work until `stop` is set (it is asked at least every `turn_seconds`), then close()."""
        try:
            while not stop.is_set():
                self.run_once(turn_seconds)
        finally:
            self.close()

    def run_once(self, timeout_seconds: float) -> int:
        """One batch: the number of commands it committed. Waits at most `timeout_seconds` for the first of them."""
        pause = (self._retry_at - self._clock.now()).total_seconds()
        if pause > 0:
            self._sleep(min(pause, timeout_seconds))
            if self._clock.now() < self._retry_at:
                return 0
        try:
            count = self._turn(timeout_seconds)
        except Fenced as error:
            self.metrics.fenced += 1
            self._start_over()
            return self._back_off("fenced", error)
        except LogUnavailable as error:
            self.metrics.log_failures += 1
            return self._back_off("log-unavailable", error)
        if count:
            self._failures = 0
        return count

    def close(self) -> None:
        """Hand the partitions over, with a last checkpoint, and leave the group."""
        for closing in (self._consumer, self._producer, self.restorer):
            if closing is not None:
                closing.close()
        self._consumer = self._producer = None

    def _turn(self, timeout_seconds: float) -> int:
        consumer, producer = self._clients()
        wait = 0.0 if self._ownership.waiting else self._batches.wait_seconds(timeout_seconds)
        records = self._poll(consumer, wait)
        if self._fenced is not None:
            raise self._fenced
        moved: set[TopicPartition] = set()
        failure: LogUnavailable | None = None
        if self._ownership.waiting:
            try:
                self._ownership.restore(consumer, moved)
            except LogUnavailable as error:
                failure = error
        count = self._batches.run(self._ownership.match(records, moved), consumer, producer)
        if failure is not None:
            raise failure
        return count

    def _poll(self, consumer: GroupConsumer, wait: float) -> list[Record]:
        """Small batches while there is little to do, large ones under load."""
        options = self._options
        if self._busy:
            self._sleep(options.gather_seconds)
        records = consumer.poll(options.max_batch, wait)
        self._busy = options.busy_commands <= len(records) < options.max_batch // 2
        return records

    def _clients(self) -> tuple[GroupConsumer, TransactionalProducer]:
        if self._producer is None:
            self._producer = self._new_producer()
        if self._consumer is None:
            self._consumer = self._new_consumer()
            self._consumer.subscribe(self._topics, self._assigned, self._revoked, self._lost)
        return self._consumer, self._producer

    def _assigned(self, partitions: frozenset[TopicPartition]) -> None:
        self.metrics.rebalances += 1
        self._ownership.assign(sorted(partitions))

    def _revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Batches are complete between polls: all that is left to do is to make it easy for the next owner."""
        self.metrics.rebalances += 1
        try:
            if self._consumer is not None and self._producer is not None:
                self._batches.hand_over(partitions, self._consumer, self._producer)
        except (Fenced, LogUnavailable) as error:
            log.warning("no last checkpoint before handing over: %s", error)
            self._fenced = error if isinstance(error, Fenced) else None
        self._ownership.release(sorted(partitions))

    def _lost(self, partitions: frozenset[TopicPartition]) -> None:
        self.metrics.rebalances += 1
        self._ownership.release(sorted(partitions))

    def _start_over(self) -> None:
        """Nothing in memory can be trusted, and neither client may be used again."""
        self._ownership.release_all()
        for closing in (self._producer, self._consumer):
            try:
                if closing is not None:
                    closing.close()
            except (Fenced, LogUnavailable) as error:
                log.warning("closing after fencing: %s", error)
        self._consumer = self._producer = self._fenced = None

    def _back_off(self, code: str, error: Exception) -> int:
        seconds = min(self._options.backoff_seconds * 2**self._failures, self._options.backoff_max_seconds)
        self._failures += 1
        self._retry_at = self._clock.now() + timedelta(seconds=seconds)
        log.warning("%s; again in %.1f s: %s", code, seconds, error, extra={"code": code})
        return 0
