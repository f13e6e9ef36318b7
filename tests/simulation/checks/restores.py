"""What a processor has in memory is what the log restores, byte for byte: with its snapshots, and without them."""

from collections.abc import Mapping

from core.aggregates import AGGREGATES, POLICIES
from core.eventlog.routing import decode_event
from core.ports import LogUnavailable, TopicPartition
from infra.memory.reader import MemoryLogReader
from processors.fold import Halted
from processors.kinds import Kinds
from processors.metrics import ProcessorMetrics
from processors.partition_state import PartitionState
from processors.restore import Restorer
from tests.simulation.checks.observer import Check
from tests.simulation.world.world import World

CHECKER = "checker"


class RestoresCheck(Check):
    """Asked when a processor dies and at the end."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self.compared = 0
        kinds = Kinds(AGGREGATES, POLICIES)

        def restorer(code_version: str) -> Restorer:
            options = world.processor_options(code_version)
            return Restorer(kinds, world.topology, self._reader, world.log.memory.clock, options, _METRICS)

        self._ways = {"with snapshots": restorer("1"), "from the first event": restorer("another")}

    def compare(self, states: Mapping[TopicPartition, PartitionState]) -> None:
        """Those that have decided nothing that is not committed, and are not behind, are as a successor would be."""
        for state in list(states.values()):
            if self._is_current(state):
                self._compare(state)

    def _compare(self, state: PartitionState) -> None:
        image = state.image()
        for way, restorer in self._ways.items():
            try:
                restored = restorer.restore(state.context, state.partition, state.commands_next)
            except LogUnavailable:
                return  # A transaction is undecided: this partition is being taken over.
            except Halted as halt:
                self.wrong(f"{state.events.topic}:{state.partition} can't be restored {way}: {halt}")
                return
            self.compared += 1
            if restored.image() != image:
                self.wrong(
                    f"{state.events.topic}:{state.partition} restored {way} differs: {_difference(state, restored)}"
                )

    def _is_current(self, state: PartitionState) -> bool:
        partition = self._world.log.memory.partition(state.events)
        offset = partition.stable_end
        while offset > 0:
            offset -= 1
            records, _ = partition.read(offset, 1)
            if records:
                return decode_event(records[0].value or b"").chain == state.head
        return not state.streams

    def _reader(self) -> MemoryLogReader:
        return MemoryLogReader(self._world.log.memory, CHECKER, settled=True)


_METRICS = ProcessorMetrics()


def _difference(live: PartitionState, restored: PartitionState) -> str:
    """The first thing that is not equal, in words."""
    for name in ("head", "recorded_at"):
        if getattr(live, name) != getattr(restored, name):
            return f"{name} is {getattr(restored, name)}, was {getattr(live, name)}"
    if list(live.streams) != list(restored.streams):
        missing = sorted(set(live.streams) ^ set(restored.streams))
        return f"streams {missing[:5]} are there on one side only" if missing else "the order of the streams"
    for name, stream in live.streams.items():
        other = restored.streams[name]
        for slot in ("version", "facts", "correlation_id", "touched_at", "remembered", "state"):
            if getattr(stream, slot) != getattr(other, slot):
                return f"{slot} of {name} is {getattr(other, slot)!r}, was {getattr(stream, slot)!r}"[:2000]
    return "the encoding"
