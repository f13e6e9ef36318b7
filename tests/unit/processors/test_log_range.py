"""Reading a range of the log when the connection is of no use any more."""

import pytest

from core.eventlog.topics import events_topic
from core.ports import LogReader, LogUnavailable, OutgoingRecord, TopicPartition
from infra.memory.reader import MemoryLogReader
from processors.log_range import LogRange
from tests.support.plant import Plant

WHERE = TopicPartition(events_topic("runs"), 0)


class Stuck(MemoryLogReader):
    """As a client of librdkafka that lost its brokers once: what it asks for is unknown to it for ever."""

    def bounds(self, partition: TopicPartition) -> tuple[int, int]:
        raise LogUnavailable("unknown partition")


def test_reader_that_failed_is_replaced_by_a_new_one() -> None:
    plant = Plant()
    plant.write(OutgoingRecord(*WHERE, b"k", b"v"))
    readers: list[LogReader] = [Stuck(plant.log, "stuck"), MemoryLogReader(plant.log, "well")]
    log = LogRange(lambda: readers.pop(0), plant.clock, 1.0)
    with pytest.raises(LogUnavailable):
        log.bounds(WHERE)
    assert log.bounds(WHERE) == (0, 1)
    assert [record.value for records in log.read(WHERE, 0, 1) for record in records] == [b"v"]
