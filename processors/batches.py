"""One batch: checkpoints that are due, commands, deadlines; all of it in one transaction or none.

Memory runs ahead of the log within a batch only. Whatever goes wrong, the partitions of the batch are given up
and restored from what is committed.
"""

import logging
import time
from collections.abc import Iterable

from core.eventlog.topics import Topology
from core.ports import Clock, GroupConsumer, TopicPartition, TransactionalProducer
from processors import snapshots
from processors.decisions import Decider, Poisoned
from processors.emitter import Emitter
from processors.kinds import Kinds
from processors.lookup import StreamLookup
from processors.metrics import ProcessorMetrics
from processors.options import ProcessorOptions
from processors.ownership import Ownership, Work
from processors.partition_state import PartitionState
from processors.timing import Timing

log = logging.getLogger("sealane.processors")

_Touched = dict[TopicPartition, PartitionState]


class Batches:
    """Raises Fenced or LogUnavailable; the partitions concerned have been given up by then."""

    def __init__(
        self,
        kinds: Kinds,
        topology: Topology,
        lookup: StreamLookup,
        ownership: Ownership,
        metrics: ProcessorMetrics,
        clock: Clock,
        options: ProcessorOptions,
    ) -> None:
        self._kinds = kinds
        self._topology = topology
        self._ownership = ownership
        self._metrics = metrics
        self._clock = clock
        self._options = options
        self._timing = Timing(options)
        self._decider = Decider(lookup, options)

    def wait_seconds(self, longest: float) -> float:
        """How long the loop may wait for commands without missing a deadline."""
        return self._timing.wait_seconds(self._ownership.live.values(), self._clock.now(), longest)

    def run(self, work: Work, consumer: GroupConsumer, producer: TransactionalProducer) -> int:
        """The number of commands committed."""
        started = time.perf_counter()
        out = self._emitter(producer)
        touched: _Touched = {state.commands: state for state, _ in work}
        try:
            self._fill(out, work, touched)
            if not touched:
                return 0
            self._commit(out, touched, consumer)
        except Poisoned as poison:
            log.error("a command broke its batch: %s", poison, extra={"code": "decision-failed"})
            self._metrics.poisoned_batches += 1
            self._metrics.aborted_batches += 1
            self._ownership.give_up(touched)
            producer.abort()
            return 0
        except Exception:
            self._metrics.aborted_batches += 1
            self._ownership.give_up(touched)
            raise
        self._count(work, out, time.perf_counter() - started)
        return len(work)

    def hand_over(
        self, partitions: Iterable[TopicPartition], consumer: GroupConsumer, producer: TransactionalProducer
    ) -> None:
        """A last checkpoint of partitions that go to another owner, so that it restores quickly."""
        live = self._ownership.live
        leaving = {where: live[where] for where in sorted(partitions) if where in live}
        changed = {where: state for where, state in leaving.items() if state.dirty or state.evicted}
        if not changed:
            return
        out = self._emitter(producer)
        started = time.perf_counter()
        for state in changed.values():
            self._checkpoint(state, out)
        self._commit(out, changed, consumer)
        self._count([], out, time.perf_counter() - started)

    def _emitter(self, producer: TransactionalProducer) -> Emitter:
        return Emitter(producer, self._kinds, self._topology, self._clock.now())

    def _fill(self, out: Emitter, work: Work, touched: _Touched) -> None:
        live = self._ownership.live
        for where, state in live.items():
            if self._timing.checkpoint_due(state, out.now):
                touched[where] = state
                self._checkpoint(state, out)
        decide = self._decider.decide
        for state, record in work:
            state.commands_next = record.offset + 1
            decide(state, record, out)
        for where, state in live.items():
            for stream, due in self._timing.due(state, out.now):
                touched[where] = state
                self._decider.tick(state, stream, due, out)

    def _commit(self, out: Emitter, touched: _Touched, consumer: GroupConsumer) -> None:
        highest = out.commit({where: state.commands_next for where, state in touched.items()}, consumer)
        for state in touched.values():
            if state.events in out.written:
                state.events_next = highest[state.events] + 1
            if state.snapshots in highest:
                state.snapshots_next = highest[state.snapshots] + 1
        self._decider.committed()

    def _checkpoint(self, state: PartitionState, out: Emitter) -> None:
        """Everything in `state` is committed at this point: the batch has not decided anything yet."""
        snapshots.include_oldest(state, self._options)
        fingerprint = self._kinds.fingerprint(state.context, self._options.code_version)
        records = list(snapshots.checkpoint_records(state, fingerprint))
        largest = max(records, key=lambda record: len(record.value or b""))
        if len(largest.value or b"") > self._options.max_snapshot_bytes:
            self._metrics.skipped_checkpoints += 1
            log.error("no checkpoint of %s:%d: %r is too large; restores take longer", *state.events, largest.key)
            return snapshots.postpone_checkpoint(state, out.now)
        snapshots.mark_checkpointed(state, out.now)
        out.send_snapshots(records)
        out.tally.checkpoints += 1
        out.tally.snapshots += len(records) - 1
        return None

    def _count(self, work: Work, out: Emitter, seconds: float) -> None:
        metrics, states = self._metrics, self._ownership.live.values()
        metrics.add(out.tally, seconds)
        metrics.decided([record.timestamp_ms for _, record in work], self._clock.now().timestamp())
        metrics.streams = sum(len(state.streams) for state in states)
        oldest = work[0][1].timestamp_ms / 1000 if work else 0.0
        metrics.lag_seconds = max(out.now.timestamp() - oldest, 0.0) if oldest else 0.0
