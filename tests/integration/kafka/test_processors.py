"""Processors on a real broker: killed, frozen and joined in the middle of the work."""

import signal
import threading
from collections import Counter as Count
from dataclasses import replace

import pytest

from core.eventlog.topics import commands_topic
from core.ports import OutgoingRecord, TopicPartition
from infra.kafka.admin import KafkaTopicAdmin
from infra.kafka.connection import Connection
from infra.kafka.membership import end_former_membership
from processors.shell import Processor
from tests.integration.kafka.conftest import Fleet
from tests.support.counter import Add, Break, Forward
from tests.support.counter_log import CounterLog, wait_for
from tests.support.counter_processor import GROUP, OPTIONS, TOPOLOGY, make_processor

STREAMS = [f"run/{n}" for n in range(12)]


def burst(log: CounterLog, count: int = 40) -> None:
    """`count` commands for each of the streams, over both regions."""
    for number, stream in enumerate(STREAMS):
        log.send(stream, *(Add() for _ in range(count)), region=("us-east", "eu-west")[number % 2])


class Load:
    """Bursts in a thread, about a thousand commands a second, for the time of the block."""

    def __init__(self, log: CounterLog) -> None:
        self._log = log
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            burst(self._log, count=2)


def test_killed_processor_is_replaced_and_every_command_decided_once(counter_log: CounterLog, fleet: Fleet) -> None:
    fleet.start("one")
    fleet.start("two")
    with Load(counter_log):
        wait_for(lambda: counter_log.decided() > 200, 30)
        fleet.kill("one")
        at_death = counter_log.decided()
        wait_for(lambda: counter_log.decided() > at_death + 500, 30)
    counter_log.wait_until_decided()

    counter_log.check()


def test_processor_killed_with_its_transaction_open_leaves_nothing_of_it(counter_log: CounterLog, fleet: Fleet) -> None:
    fleet.start("mortal", die_at=3)
    burst(counter_log)
    assert fleet.wait("mortal") == -signal.SIGKILL
    fleet.start("successor")
    counter_log.wait_until_decided()

    counter_log.check()


def test_restart_under_the_same_name_need_not_wait_for_the_open_transaction(
    counter_log: CounterLog, fleet: Fleet
) -> None:
    fleet.start("phoenix", die_at=2)
    burst(counter_log)
    fleet.wait("phoenix")
    fleet.start("phoenix")
    counter_log.wait_until_decided(20)

    counter_log.check()


def test_killed_processor_that_starts_again_need_not_wait_for_its_session(
    counter_log: CounterLog, fleet: Fleet, bootstrap: str
) -> None:
    longer_than_the_test = {"consumer.session.timeout.ms": "60000"}
    KafkaTopicAdmin(Connection(bootstrap)).set_group_config(GROUP, longer_than_the_test)
    fleet.start("one")
    fleet.start("two")
    with Load(counter_log):
        wait_for(lambda: counter_log.decided() > 200, 30)
        fleet.kill("one")
        fleet.start("one")
    counter_log.wait_until_decided(30)

    counter_log.check()


def test_frozen_predecessor_is_sent_away_and_writes_nothing_when_it_wakes_up(
    counter_log: CounterLog, fleet: Fleet, bootstrap: str
) -> None:
    fleet.start("one")
    burst(counter_log)
    counter_log.wait_until_decided()
    fleet.signal("one", signal.SIGSTOP)
    successor = make_processor(bootstrap, "one")
    wait_for(lambda: successor.run_once(0.2) >= 0 and len(successor.partitions) == 2 * TOPOLOGY.partitions, 30)
    burst(counter_log)
    until_idle(successor)
    fleet.signal("one", signal.SIGCONT)
    burst(counter_log)
    until_idle(successor)
    successor.close()
    counter_log.wait_until_decided()

    counter_log.check()


def test_nobody_is_sent_away_from_a_group_that_is_not_there(bootstrap: str) -> None:
    assert end_former_membership(Connection(bootstrap), "no-such-group", "one") == 0
    assert end_former_membership(Connection("127.0.0.1:1"), GROUP, "one") == 0


def test_zombie_that_wakes_up_after_it_was_replaced_writes_nothing_twice(counter_log: CounterLog, fleet: Fleet) -> None:
    fleet.start("zombie")
    with Load(counter_log):
        wait_for(lambda: counter_log.decided() > 100, 30)
        fleet.signal("zombie", signal.SIGSTOP)
        fleet.start("successor")
        frozen = counter_log.decided()
        wait_for(lambda: counter_log.decided() > frozen + 300, 60)
        fleet.signal("zombie", signal.SIGCONT)
        awake = counter_log.decided()
        wait_for(lambda: counter_log.decided() > awake + 300, 60)
    counter_log.wait_until_decided()
    counter_log.check()

    assert fleet.stop("zombie") == 0
    assert fleet.stop("successor") == 0


def test_processors_come_and_go_under_load(counter_log: CounterLog, fleet: Fleet) -> None:
    with Load(counter_log):
        fleet.start("one")
        for newcomer, leaver in (("two", "one"), ("three", "two"), ("four", "three")):
            before = counter_log.decided()
            fleet.start(newcomer)
            wait_for(lambda before=before: counter_log.decided() > before + 150, 30)  # type: ignore[misc]
            assert fleet.stop(leaver) == 0
    counter_log.wait_until_decided()

    counter_log.check()


def until_idle(processor: Processor, quiet_rounds: int = 3) -> None:
    quiet = 0
    for _ in range(300):
        done = processor.run_once(0.3)
        quiet = 0 if done or not processor.partitions or processor.waiting else quiet + 1
        if quiet == quiet_rounds:
            return
    raise AssertionError("the processor never came to rest")


def images(processor: Processor) -> dict[TopicPartition, bytes]:
    return {where: state.image() for where, state in processor.partitions.items()}


@pytest.mark.parametrize("superseded", [5000, 0])
def test_state_is_restored_from_snapshots_and_the_tail(
    counter_log: CounterLog, bootstrap: str, superseded: int
) -> None:
    """With 0 only the snapshots are read that the last checkpoint says are in use."""
    options = replace(OPTIONS, superseded_snapshots=superseded, superseded_per_stream=0)
    processor = make_processor(bootstrap, "one", replace(options, checkpoint_events=100))
    burst(counter_log)
    until_idle(processor)
    burst(counter_log, 3)
    until_idle(processor)
    assert processor.metrics.checkpoints > 0
    crashed = images(processor)

    with_snapshots = make_processor(bootstrap, "two", options)
    from_the_start = make_processor(bootstrap, "three", replace(OPTIONS, code_version="other"))
    counts = []
    for newcomer in (with_snapshots, from_the_start):
        restorer = newcomer.restorer
        restored = {
            where: restorer.restore(state.context, state.partition, None).image()
            for where, state in processor.partitions.items()
        }
        restorer.close()
        assert restored == crashed
        counts.append(newcomer.metrics.restored_events)
    processor.close()

    assert 0 < counts[0] < counts[1] == len(STREAMS) * 43


def test_broken_commands_are_buried_and_the_others_decided(counter_log: CounterLog, bootstrap: str) -> None:
    processor = make_processor(bootstrap, "one")
    counter_log.write(OutgoingRecord(commands_topic("runs"), 0, b"run/x", b"\xff not json"))
    counter_log.send("run/x", Add(), Break(where="decide"), Break(where="evolve"), Break(where="react"), Add())
    until_idle(processor)
    processor.close()

    assert Count(letter.code for letter in counter_log.dead_letters()) == {
        "command-undecodable": 1,
        "decision-failed": 3,
    }
    assert [event.type for event in counter_log.events()] == [
        "counter.added",
        *["command.rejected"] * 3,
        "counter.added",
    ]
    counter_log.check()


def test_policy_reaches_another_region(counter_log: CounterLog, bootstrap: str) -> None:
    processor = make_processor(bootstrap, "one")
    counter_log.send("run/x", Forward(region="eu-west", kind="app", id="y", amount=4))
    until_idle(processor)
    processor.close()

    (effect,) = counter_log.events("catalog")
    assert (effect.stream, effect.region, effect.type) == ("app/y", "eu-west", "counter.added")


def test_second_processor_of_one_name_fences_the_first_which_recovers(counter_log: CounterLog, bootstrap: str) -> None:
    first, second = (make_processor(bootstrap, "same") for _ in range(2))
    burst(counter_log, 2)
    until_idle(first)
    second.run_once(0.1)
    second.close()
    burst(counter_log, 2)
    wait_for(lambda: first.run_once(0.2) >= 0 and first.metrics.fenced > 0, 30)
    burst(counter_log, 2)
    wait_for(lambda: first.run_once(0.2) >= 0 and len(first.partitions) == 2 * TOPOLOGY.partitions, 30)
    until_idle(first)
    first.close()

    counter_log.check()
