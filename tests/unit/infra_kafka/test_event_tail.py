"""The event tail over a log that fails in the worst moments: it goes on, and nothing is skipped."""

import asyncio

from core.ports import LogUnavailable, OutgoingRecord, TopicPartition
from infra.kafka.tail import LogEventTail
from infra.memory.log import Call, MemoryLog
from infra.memory.producer import MemoryProducer
from infra.memory.reader import MemoryLogReader
from tests.support.histories import full_history


async def test_tail_goes_on_although_its_reader_can_not_be_placed_at_once() -> None:
    source, log = full_history(1).log, MemoryLog()
    where = TopicPartition("sealane.runs.events", 0)
    log.create(source.specs[where.topic])
    failed: list[str] = []

    def fail(call: Call) -> None:
        wanted = {0: "reader.poll", 1: "reader.assign"}.get(len(failed))
        if call.phase == "before" and call.operation == wanted:
            failed.append(call.operation)
            raise LogUnavailable("injected")

    tail = LogEventTail(lambda: MemoryLogReader(log), [where])
    await tail.ready()
    log.on_idle = log.wait_for_change
    log.on_call = fail
    events = tail.subscribe(frozenset({where.topic}))
    records = source.partition(where).read(0, 5)[0]
    MemoryProducer(log, "test").send_all(
        [OutgoingRecord(where.topic, where.partition, record.key, record.value) for record in records]
    )
    seen = [(await asyncio.wait_for(anext(events), 30))[0].offset for _ in records]
    await tail.close()

    assert failed == ["reader.poll", "reader.assign"]
    assert seen == [0, 1, 2, 3, 4]
