"""Which partitions this processor owns, what it holds for them in memory, and how far each of them is.

A partition is waiting (to be restored), live, or halted (its log can't be understood; nothing is done with it
until it is assigned again).
"""

import logging
from collections.abc import Iterable, Mapping, Set

from core.ports import GroupConsumer, Record, TopicPartition
from processors.fold import Halted
from processors.metrics import ProcessorMetrics
from processors.partition_state import PartitionState
from processors.restore import Restorer

log = logging.getLogger("sealane.processors")

Work = list[tuple[PartitionState, Record]]


class Ownership:
    """Keyed by the commands partition. `contexts` maps a commands topic to its context."""

    def __init__(self, contexts: Mapping[str, str], restorer: Restorer, metrics: ProcessorMetrics) -> None:
        self._contexts = contexts
        self._restorer = restorer
        self._metrics = metrics
        # The value says whether commands were skipped meanwhile, so that the consumer must go back.
        self._waiting: dict[TopicPartition, bool] = {}
        self.live: dict[TopicPartition, PartitionState] = {}

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        for where in partitions:
            self._waiting[where] = False
            log.info("assigned %s:%d", *where)

    def release(self, partitions: Iterable[TopicPartition]) -> None:
        for where in partitions:
            self._waiting.pop(where, None)
            self.live.pop(where, None)
            self._metrics.halted.pop(_name(where), None)
            log.info("released %s:%d", *where)
        self._metrics.partitions = len(self.live)

    def release_all(self) -> None:
        self.release([*self._waiting, *self.live])
        self._metrics.halted.clear()

    def give_up(self, partitions: Iterable[TopicPartition]) -> None:
        """Forget the memory of these: it may be ahead of the log. They are restored before anything else happens."""
        for where in partitions:
            if self.live.pop(where, None) is not None:
                self._waiting[where] = True

    def match(self, records: Iterable[Record], moved: Set[TopicPartition]) -> Work:
        """The live state of each command. Those of waiting partitions are noted: they must be read again."""
        work: Work = []
        topic, partition, state = "", -1, None
        for record in records:
            if record[1] != partition or record[0] != topic:
                topic, partition = record[0], record[1]
                where = TopicPartition(topic, partition)
                state = None if where in moved else self.live.get(where)
                if where in self._waiting:
                    self._waiting[where] = True
            if state is not None:
                work.append((state, record))
        return work

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    def restore(self, consumer: GroupConsumer, moved: set[TopicPartition]) -> None:
        """Restore what waits. Notes in `moved` whose position was moved, although the next one may fail: what was
        polled of them before is void.

        Committed offsets first: the answer comes only when no transaction of a former owner is undecided.
        """
        committed = consumer.committed(sorted(self._waiting))
        for where in sorted(self._waiting):
            try:
                state = self._restorer.restore(self._contexts[where.topic], where.partition, committed[where])
            except Halted as halt:
                self._halt(where, str(halt))
                continue
            if self._waiting[where]:
                consumer.seek(where, state.commands_next)
                moved.add(where)
            del self._waiting[where]
            self.live[where] = state
            self._metrics.partitions = len(self.live)
            log.info("restored %s:%d: %d streams, next event %d", *where, len(state.streams), state.events_next)
        self._restorer.release()

    def _halt(self, where: TopicPartition, reason: str) -> None:
        del self._waiting[where]
        self._metrics.halted[_name(where)] = reason
        log.critical("halted %s:%d: %s", *where, reason, extra={"code": "partition-halted"})


def _name(where: TopicPartition) -> str:
    return f"{where.topic}:{where.partition}"
