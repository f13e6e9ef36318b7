"""What a restore reads of the snapshots does not grow with what was written, although nothing is compacted."""

from dataclasses import replace

from core.ports import OutgoingRecord, Record, TopicPartition
from infra.memory.producer import MemoryTransactionalProducer
from infra.memory.reader import MemoryLogReader
from processors.kinds import Kinds
from processors.metrics import ProcessorMetrics
from processors.restore import Restorer
from processors.shell import Processor
from tests.support.counter import POLICIES, Add, Finish
from tests.support.plant import OPTIONS, TOPOLOGY, Plant

RUNS_US = TopicPartition("sealane.runs.commands", 0)
SNAPSHOTS = TopicPartition("sealane.runs.snapshots", 0)
FEW = replace(OPTIONS, superseded_snapshots=20, superseded_per_stream=1)


class CountingReader(MemoryLogReader):
    """Counts the snapshots it reads."""

    count = 0

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record]:
        records = super().poll(max_records, timeout_seconds)
        CountingReader.count += sum(record.topic == SNAPSHOTS.topic for record in records)
        return records


def snapshots_read(plant: Plant, processor: Processor) -> int:
    """By a restore whose outcome is compared with what the processor holds."""
    CountingReader.count = 0
    kinds = Kinds(plant.aggregates, POLICIES)
    restorer = Restorer(
        kinds,
        TOPOLOGY,
        lambda: CountingReader(plant.log, "counting", settled=True),
        plant.clock,
        plant.options,
        ProcessorMetrics(),
    )
    assert restorer.restore("runs", 0, None).image() == processor.partitions[RUNS_US].image()
    return CountingReader.count


def work(plant: Plant, processor: Processor, rounds: int) -> None:
    """Two streams that go on, and one for each round that ends and leaves memory."""
    for number in range(rounds):
        plant.send(
            *(plant.command(f"run/{number % 2}", Add(amount=number)) for _ in range(5)),
            plant.command(f"run/short-{plant.clock.now().timestamp()}", Finish()),
        )
        plant.settle(processor)
        plant.clock.advance(3600)


def quiet_streams(plant: Plant, processor: Processor, count: int) -> None:
    plant.send(*(plant.command(f"run/quiet-{number}", Add(amount=number)) for number in range(count)))
    plant.settle(processor)


def test_restore_reads_as_many_snapshots_however_many_were_written() -> None:
    plant = Plant(FEW)
    processor = plant.processor("p1")
    quiet_streams(plant, processor, 5)

    work(plant, processor, 30)
    early = snapshots_read(plant, processor)
    work(plant, processor, 100)
    late = snapshots_read(plant, processor)

    assert len(plant.records(SNAPSHOTS.topic)) > 300
    assert early < 60
    assert late < 60


def test_quiet_streams_are_written_again_a_few_at_a_time() -> None:
    plant = Plant(FEW)
    processor = plant.processor("p1")
    quiet_streams(plant, processor, 40)
    before = processor.metrics.snapshots

    work(plant, processor, 1)
    written = [processor.metrics.snapshots - before]
    for _ in range(60):
        before = processor.metrics.snapshots
        work(plant, processor, 1)
        written.append(processor.metrics.snapshots - before)

    assert max(written) <= 12
    assert snapshots_read(plant, processor) < 250
    keys = [record.key for record in plant.records(SNAPSHOTS.topic)]
    assert min(keys.count(b"run/quiet-%d" % number) for number in range(40)) > 1


def test_successors_restore_the_same_and_go_on_as_sparingly() -> None:
    plant = Plant(FEW)
    for number in range(12):
        processor = plant.processor(f"p{number}", transactional_id="one")
        quiet_streams(plant, processor, 5)
        work(plant, processor, 5)
        assert snapshots_read(plant, processor) < 70
        # Every second one dies without handing over.
        if number % 2:
            processor.close()
        else:
            plant.log.silence(f"p{number}")
            plant.clock.advance(11)


def test_last_checkpoint_is_found_before_many_aborted_records() -> None:
    plant = Plant(FEW)
    processor = plant.processor("p1")
    quiet_streams(plant, processor, 5)
    work(plant, processor, 200)
    zombie = MemoryTransactionalProducer(plant.log, "zombie", "zombie")
    zombie.begin()
    for number in range(100):
        zombie.send(OutgoingRecord(*SNAPSHOTS, b"run/%d" % number, b"never committed"))
    zombie.abort()

    # As far back as there are aborted records, and a few times that.
    assert snapshots_read(plant, processor) < 400


def test_compaction_changes_nothing() -> None:
    plant = Plant(FEW)
    processor = plant.processor("p1")
    quiet_streams(plant, processor, 5)
    work(plant, processor, 50)
    plant.log.partition(SNAPSHOTS).compact()
    snapshots_read(plant, processor)

    work(plant, processor, 20)
    plant.log.partition(SNAPSHOTS).compact()

    assert snapshots_read(plant, processor) < 30
