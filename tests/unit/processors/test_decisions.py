"""What becomes of a command."""

import pytest

from core.eventlog.routing import to_record
from core.eventlog.topics import DEAD_LETTERS_TOPIC
from core.ids import derived_id
from core.ports import OutgoingRecord
from tests.support.counter import Add, Break, Forward
from tests.support.plant import TOPOLOGY, Plant


def test_accepted_command_becomes_its_events() -> None:
    plant = Plant()
    processor = plant.processor("p1")
    sent = plant.command("run/a", Add(amount=2, times=2))
    plant.send(sent)
    plant.settle(processor)

    first, second = plant.events()
    assert (first.type, first.stream, first.stream_version) == ("counter.added", "run/a", 1)
    assert (second.stream_version, second.event_id) == (2, derived_id(sent.command_id, 1))
    assert (first.causation_id, first.correlation_id, first.actor) == (sent.command_id, "trace", "tester")
    assert (first.region, first.recorded_at) == ("us-east", second.recorded_at)
    assert plant.state(processor, "run/a").total == 4
    plant.check_log()


def test_events_lie_in_the_partition_of_their_command() -> None:
    plant = Plant()
    plant.send(plant.command("run/a", Add(), region="eu-west"))
    plant.settle(plant.processor("p1"))

    (record,) = plant.records("sealane.runs.events")
    assert (record.partition, record.key) == (1, b"run/a")
    assert plant.events()[0].region == "eu-west"


def test_each_event_of_a_larger_decision_says_which_of_how_many_it_is() -> None:
    plant = Plant()
    plant.send(plant.command("run/a", Add(times=3)), plant.command("run/a", Add()))
    plant.settle(plant.processor("p1"))

    headers = [record.headers for record in plant.records("sealane.runs.events")]
    assert headers == [(("decision", b"1/3"),), (("decision", b"2/3"),), (("decision", b"3/3"),), ()]


def test_refusal_is_an_event_and_changes_nothing() -> None:
    plant = Plant()
    processor = plant.processor("p1")
    plant.send(plant.command("run/a", Add()), plant.command("run/a", Add(amount=-1)))
    plant.settle(processor)

    assert plant.types("run/a") == ["counter.added", "command.rejected"]
    refusal = plant.events()[-1]
    assert b'"negative-amount"' in bytes(refusal.data)
    assert plant.state(processor, "run/a").total == 1
    assert processor.metrics.rejections == 1


def test_command_without_effect_is_answered_only_when_someone_waits() -> None:
    plant = Plant()
    plant.send(plant.command("run/a", Add(times=0)), plant.command("run/a", Add(times=0), wants_reply=True))
    plant.settle(plant.processor("p1"))

    assert plant.types("run/a") == ["command.ignored"]


@pytest.mark.parametrize("apart", [False, True], ids=["in one batch", "in two batches"])
def test_command_that_comes_twice_is_decided_once(apart: bool) -> None:
    plant = Plant()
    processor = plant.processor("p1")
    sent = plant.command("run/a", Add(), wants_reply=True)
    plant.send(sent)
    if apart:
        plant.settle(processor)
    plant.send(sent)
    plant.settle(processor)

    assert plant.types("run/a") == ["counter.added"]
    assert processor.metrics.duplicates == 1


def test_refused_command_that_comes_again_is_not_refused_again() -> None:
    plant = Plant()
    sent = plant.command("run/a", Add(amount=-1))
    plant.send(sent, sent)
    plant.settle(plant.processor("p1"))

    assert plant.types("run/a") == ["command.rejected"]


def test_policy_commands_are_decided_with_ids_derived_from_the_event() -> None:
    plant = Plant()
    plant.send(plant.command("run/a", Forward(region="eu-west", kind="app", id="b", amount=7)))
    processor = plant.processor("p1")
    plant.settle(processor)

    (cause,), (effect,) = plant.events("runs"), plant.events("catalog")
    assert effect.causation_id == derived_id(cause.event_id, 0)
    assert (effect.stream, effect.region, effect.correlation_id) == ("app/b", "eu-west", "trace")
    assert plant.state(processor, "app/b").total == 7
    assert processor.metrics.policy_commands == 1


def test_policy_may_address_a_stream_of_its_own_partition() -> None:
    plant = Plant()
    plant.send(plant.command("run/a", Forward(region="us-east", kind="run", id="a", amount=7)))
    processor = plant.processor("p1")
    plant.settle(processor)

    assert plant.types("run/a") == ["counter.forwarded", "counter.added"]
    plant.check_log()


def test_bytes_that_are_no_command_go_to_the_dead_letters() -> None:
    plant = Plant()
    plant.write(OutgoingRecord("sealane.runs.commands", 1, b"run/a", b'{"command_id": 5'))
    plant.write(OutgoingRecord("sealane.runs.commands", 1, b"run/a", None))
    plant.send(plant.command("run/a", Add()))
    processor = plant.processor("p1")
    plant.settle(processor)

    first, second = plant.dead_letters()
    assert (first.code, first.topic, first.partition, first.offset) == (
        "command-undecodable",
        "sealane.runs.commands",
        1,
        0,
    )
    assert (first.value, second.value) == (b'{"command_id": 5', b"")
    assert {record.partition for record in plant.records(DEAD_LETTERS_TOPIC)} == {1}
    assert plant.types("run/a") == ["counter.added"]
    assert processor.metrics.dead_letters == 2


@pytest.mark.parametrize(
    ("stream", "reason"),
    [("pool/x", "no aggregate of kind 'pool'"), ("nonsense", "is not a stream"), ("run/a", "belongs to")],
)
def test_command_in_the_wrong_place_goes_to_the_dead_letters(stream: str, reason: str) -> None:
    plant = Plant()
    record = to_record(TOPOLOGY, plant.command("app/a", Add()))
    value = (record.value or b"").replace(b'"app/a"', f'"{stream}"'.encode())
    plant.write(record._replace(value=value))
    plant.settle(plant.processor("p1"))

    (letter,) = plant.dead_letters()
    assert letter.code == "command-misrouted"
    assert reason in letter.detail
    assert not plant.events("catalog")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ((b'"counter.add"', b'"counter.vanished"'), "command-unknown"),
        ((b'"data":{}', b'"data":{"amount":"many"}'), "command-undecodable"),
    ],
)
def test_command_the_stream_does_not_understand_is_buried_and_refused(wrong: tuple[bytes, bytes], code: str) -> None:
    plant = Plant()
    record = to_record(TOPOLOGY, plant.command("run/a", Add()))
    assert wrong[0] in (record.value or b"")
    plant.write(record._replace(value=(record.value or b"").replace(*wrong)))
    plant.send(plant.command("run/a", Add()))
    plant.settle(plant.processor("p1"))

    assert [letter.code for letter in plant.dead_letters()] == [code]
    assert plant.types("run/a") == ["command.rejected", "counter.added"]


@pytest.mark.parametrize("where", ["decide", "evolve", "react"])
def test_command_that_breaks_the_code_is_buried_and_the_rest_goes_on(where: str) -> None:
    plant = Plant()
    processor = plant.processor("p1")
    plant.send(
        plant.command("run/a", Add()),
        plant.command("run/b", Add()),
        plant.command("run/a", Break(where=where)),
        plant.command("run/a", Add()),
        plant.command("app/c", Add()),
    )
    plant.settle(processor)

    (letter,) = plant.dead_letters()
    assert letter.code == "decision-failed"
    assert "ZeroDivisionError: broken on request" in letter.detail
    assert "Traceback" in letter.detail
    assert plant.types("run/a") == ["counter.added", "command.rejected", "counter.added"]
    assert plant.types("run/b") == plant.types("app/c") == ["counter.added"]
    assert plant.state(processor, "run/a").seen == {"counter.added": 2}
    assert processor.metrics.commands == 5
    plant.check_log()


def test_two_broken_commands_in_one_batch_are_both_refused() -> None:
    plant = Plant()
    plant.send(*(plant.command("run/a", Break(where=where)) for where in ("evolve", "react", "evolve")))
    processor = plant.processor("p1")
    plant.settle(processor)

    assert plant.types("run/a") == ["command.rejected"] * 3
    assert len(plant.dead_letters()) == 3
    assert processor.metrics.poisoned_batches == 3


def test_event_that_does_not_fit_into_a_record_is_refused() -> None:
    plant = Plant()
    plant.send(plant.command("run/a", Add(times=3, filler="x" * 950_000)), plant.command("run/a", Add()))
    plant.settle(plant.processor("p1"))

    assert plant.types("run/a") == ["command.rejected", "counter.added"]
    assert "900000" in plant.dead_letters()[0].detail


def test_unknown_region_of_a_policy_refuses_the_command_that_led_to_it() -> None:
    plant = Plant()
    plant.send(plant.command("run/a", Forward(region="mars", kind="app", id="b", amount=7)))
    plant.settle(plant.processor("p1"))

    assert plant.types("run/a") == ["command.rejected"]
    assert "unknown region 'mars'" in plant.dead_letters()[0].detail
