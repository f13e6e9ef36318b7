"""Several processors share the partitions; one that was replaced writes nothing more."""

import itertools
from dataclasses import replace

from core.ports import LogUnavailable, TopicPartition
from infra.memory.log import Call
from processors.shell import Processor
from tests.support.counter import Add
from tests.support.plant import OPTIONS, Plant


def owned(processor: Processor) -> set[TopicPartition]:
    return set(processor.partitions)


def burst(plant: Plant, count: int = 3) -> None:
    for region in ("us-east", "eu-west"):
        plant.send(*(plant.command(f"{kind}/a", Add(), region=region) for kind in ("run", "app") for _ in range(count)))


def check_totals(plant: Plant, *processors: Processor, total: int) -> None:
    for processor in processors:
        for state in processor.partitions.values():
            assert [live.state.total for live in state.streams.values()] == [total]
    plant.check_log()


def test_partitions_are_shared_and_every_command_is_decided_once() -> None:
    plant = Plant()
    first, second = plant.processor("p1"), plant.processor("p2")
    plant.settle(first, second)
    burst(plant)
    plant.settle(first, second)

    assert len(owned(first)) == len(owned(second)) == 2
    assert not owned(first) & owned(second)
    check_totals(plant, first, second, total=3)


def test_newcomer_takes_over_its_share_with_its_state() -> None:
    plant = Plant()
    first = plant.processor("p1")
    burst(plant)
    plant.settle(first)

    second = plant.processor("p2")
    burst(plant)
    plant.settle(first, second)

    assert len(owned(first)) == len(owned(second)) == 2
    check_totals(plant, first, second, total=6)
    assert plant.images(first, second) == plant.restored_images()


def test_one_that_leaves_hands_over_everything() -> None:
    plant = Plant()
    first, second = plant.processor("p1"), plant.processor("p2")
    burst(plant)
    plant.settle(first, second)

    first.close()
    burst(plant)
    plant.settle(second)

    assert not owned(first)
    assert len(owned(second)) == 4
    check_totals(plant, second, total=6)


def test_killed_one_is_replaced_after_its_session() -> None:
    plant = Plant()
    first, second = plant.processor("p1"), plant.processor("p2")
    burst(plant)
    plant.settle(first, second)

    plant.log.silence("p1")
    burst(plant)
    plant.settle(second)
    assert len(owned(second)) == 2
    plant.clock.advance(7)
    plant.settle(second)

    assert len(owned(second)) == 4
    check_totals(plant, second, total=6)


def test_zombie_that_wakes_up_in_the_middle_of_a_transaction_writes_nothing() -> None:
    plant = Plant()
    zombie, successor = plant.processor("zombie"), plant.processor("successor")
    plant.settle(zombie)
    burst(plant)

    def fall_asleep(call: Call) -> None:
        """Before its offsets are sent the zombie sleeps long enough for another one to do its work."""
        if (call.owner, call.operation, call.phase) == ("zombie", "producer.send_offsets", "before"):
            plant.log.on_call = lambda _: None
            plant.log.silence("zombie")
            plant.clock.advance(7)
            plant.settle(successor, rounds=50)

    plant.log.on_call = fall_asleep
    assert zombie.run_once(1) == 0
    plant.settle(zombie, successor)

    assert plant.types("run/a") == ["counter.added"] * 6
    assert plant.types("app/a") == ["counter.added"] * 6
    plant.check_log()
    assert zombie.metrics.commands + successor.metrics.commands == 12


def test_transaction_left_open_by_a_dead_process_delays_its_successor_until_it_is_aborted() -> None:
    plant = Plant()
    dead, successor = plant.processor("dead"), plant.processor("successor")
    plant.settle(dead)
    burst(plant)

    class Gone(BaseException):
        pass

    def die(call: Call) -> None:
        if (call.owner, call.operation, call.phase) == ("dead", "producer.send_offsets", "after"):
            raise Gone

    plant.log.on_call = die
    try:
        dead.run_once(1)
    except Gone:
        plant.log.silence("dead")
    plant.clock.advance(7)
    for _ in range(10):
        successor.run_once(0.05)
    assert not successor.partitions
    assert successor.metrics.log_failures > 0
    plant.clock.advance(4)
    plant.settle(successor, rounds=50)

    check_totals(plant, successor, total=3)


def test_second_processor_of_the_same_name_fences_the_first_which_then_starts_over() -> None:
    plant = Plant()
    first = plant.processor("p1", transactional_id="same")
    burst(plant)
    plant.settle(first)

    second = plant.processor("p2", transactional_id="same")
    second.run_once(0.1)
    burst(plant)
    plant.settle(first, second, rounds=50)
    second.close()
    burst(plant)
    plant.settle(first, rounds=50)

    assert first.metrics.fenced + second.metrics.fenced > 0
    assert len(owned(first)) == 4
    check_totals(plant, first, total=9)


def test_backing_off_grows_and_ends_with_the_first_success() -> None:
    plant = Plant(options=replace(OPTIONS, backoff_seconds=1.0, backoff_max_seconds=4.0))
    processor = plant.processor("p1")
    plant.settle(processor)
    attempts: list[float] = []

    def refuse_commits(call: Call) -> None:
        if (call.operation, call.phase) == ("producer.commit", "before") and len(attempts) < 5:
            attempts.append(plant.clock.now().timestamp())
            raise LogUnavailable("injected")

    plant.log.on_call = refuse_commits
    burst(plant)
    plant.settle(processor, rounds=100)

    # Each attempt takes the same time besides: what grows is the pause, by 1, 2, then no further.
    pauses = [round(later - earlier) for earlier, later in itertools.pairwise(attempts)]
    assert [later - earlier for earlier, later in itertools.pairwise(pauses)] == [1, 2, 0]
    check_totals(plant, processor, total=3)
    assert processor.metrics.log_failures == 5


def test_metrics_count_only_what_was_committed() -> None:
    plant = Plant()
    processor = plant.processor("p1")
    plant.settle(processor)
    refused: list[Call] = []

    def refuse_once(call: Call) -> None:
        if (call.operation, call.phase) == ("producer.commit", "before") and not refused:
            refused.append(call)
            raise LogUnavailable("injected")

    plant.log.on_call = refuse_once
    plant.send(plant.command("run/a", Add(amount=-1)), plant.command("run/a", Add()))
    plant.settle(processor, rounds=20)

    metrics = processor.metrics
    assert (metrics.commands, metrics.events, metrics.rejections) == (2, 2, 1)
    assert (metrics.batches, metrics.log_failures, metrics.partitions, metrics.streams) == (1, 1, 4, 1)
    assert (metrics.aborted_batches, metrics.halted) == (1, {})
    assert sum(metrics.latencies.counts) == metrics.numbers()["commands"]


def test_commands_polled_before_a_seek_are_void_although_the_next_partition_can_not_be_restored() -> None:
    plant = Plant()
    processor = plant.processor("p1")
    plant.settle(processor)
    seen: list[str] = []

    def refuse(call: Call) -> None:
        """The first commit, what follows the first seek, and a commit soon after that."""
        if call.phase == "after":
            return
        seen.append(call.operation)
        commits, seeks = seen.count("producer.commit"), seen.count("consumer.seek")
        if call.operation == "producer.commit" and commits == 1:
            plant.send(plant.command("app/a", Add()))
            raise LogUnavailable("injected")
        if call.operation == "reader.bounds" and seeks == 1 and seen[-2] == "consumer.seek":
            raise LogUnavailable("injected")
        if call.operation == "producer.commit" and commits == 3:
            raise LogUnavailable("injected")

    plant.log.on_call = refuse
    burst(plant)
    plant.settle(processor, rounds=50)

    assert plant.types("app/a") == ["counter.added"] * 7
    plant.check_log()
