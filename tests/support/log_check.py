"""Reads the whole log from outside and checks what no fault may break: chains, versions, one decision a command."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from core.eventlog.chain import GENESIS, holds
from core.eventlog.envelope import EventEnvelope
from core.eventlog.routing import decode_event
from core.eventlog.topics import CONTEXTS, Topology, events_topic
from core.ports import LogReader, TopicPartition


class LogCheck:
    """`events` are those of all contexts, partition by partition."""

    def __init__(self, reader: LogReader, topology: Topology) -> None:
        self.events: list[EventEnvelope] = []
        for context in CONTEXTS:
            for number in range(topology.partitions):
                self._check_partition(list(_events(reader, TopicPartition(events_topic(context), number))))
        self._check_decisions()

    def of_type(self, name: str) -> list[EventEnvelope]:
        return [event for event in self.events if event.type == name]

    def _check_partition(self, events: list[EventEnvelope]) -> None:
        head, versions = GENESIS, Counter[str]()
        for event in events:
            versions[event.stream] += 1
            assert event.stream_version == versions[event.stream], f"{event.stream} has a gap or a repetition"
            assert holds(head, event), f"the chain breaks at {event.event_id}"
            head = event.chain
        self.events += events

    def _check_decisions(self) -> None:
        """The events of a command are of one decision: their ids differ, and nothing came between them."""
        ids = Counter(event.event_id for event in self.events)
        assert ids.most_common(1)[0][1] == 1, "a command was decided twice"
        decisions: dict[tuple[str, str], list[int]] = defaultdict(list)
        for event in self.events:
            decisions[event.causation_id, event.stream].append(event.stream_version)
        split = [key for key, versions in decisions.items() if versions[-1] - versions[0] != len(versions) - 1]
        assert not split, f"decided more than once: {split[:3]}"


def _events(reader: LogReader, where: TopicPartition) -> Iterator[EventEnvelope]:
    first, end = reader.bounds(where)
    reader.assign({where: first})
    while reader.positions()[where] < end:
        for record in reader.poll(5000, 0.5):
            yield decode_event(record.value or b"")
    reader.assign({})
